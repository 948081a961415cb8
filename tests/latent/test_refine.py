"""Refinement: a code whose picture is nearer to the face, found without any recogniser."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from styleid import Anonymizer
from styleid.errors import InputError
from styleid.family import resized
from styleid.latent import refine_codes, refinement
from styleid.latent.refine import feature_distance
from styleid.networks.bisenet import BiSeNet, BiSeNetConfig


@pytest.fixture
def faces(tiny_family):
    """Pictures that the generator can make, and codes that miss them."""
    codes = tiny_family.random_w(2, torch.Generator().manual_seed(3))
    crops = tiny_family.decode(codes)
    return crops, codes + torch.randn(codes.shape, generator=torch.Generator().manual_seed(4))


def difference(family, codes, crops) -> torch.Tensor:
    return (family.decode(codes) - crops).abs().mean((1, 2, 3))


def test_every_face_comes_nearer(tiny_family, faces) -> None:
    crops, codes = faces
    refined = refine_codes(tiny_family, crops, codes, steps=60)
    assert refined.shape == codes.shape and not refined.requires_grad
    assert (difference(tiny_family, refined, crops) < 0.6 * difference(tiny_family, codes, crops)).all()


def test_layers_of_identity_move_last(tiny_family, faces) -> None:
    crops, codes = faces
    identity = list(tiny_family.identity_layers)
    moved, end = (refine_codes(tiny_family, crops, codes, steps=steps) != codes for steps in (4, 40))
    assert moved.any() and not moved[:, identity].any()
    assert end[:, identity].any()


@pytest.mark.parametrize("kind", ["the family's", "BiSeNet"])
def test_shapes_come_nearer_where_a_parser_sees_them(tiny_family, faces, kind) -> None:
    crops, codes = faces
    torch.manual_seed(5)
    bisenet = BiSeNet(BiSeNetConfig(widths=(8, 12, 16, 24), context=16, auxiliary=8, input_size=64)).eval()
    parser = bisenet if kind == "BiSeNet" else tiny_family.parser
    sees, blind = replace(tiny_family, parser=parser), replace(tiny_family, parser=None)

    def apart(codes) -> torch.Tensor:
        pictures = (
            resized(x.movedim(-1, 1), parser.feature_size) for x in (crops, tiny_family.decode(codes))
        )
        with torch.no_grad():
            return feature_distance(*map(parser.features, pictures))

    seen, unseen = (refine_codes(family, crops, codes, steps=60) for family in (sees, blind))
    assert apart(seen) < apart(unseen)
    assert apart(seen) < apart(codes)


def test_features_count_where_they_are_to_count() -> None:
    one, other = torch.rand(2, 4, 8, 8), torch.rand(2, 4, 8, 8)
    other[..., :4] = one[..., :4]
    weight = torch.zeros(2, 1, 16, 16)
    weight[..., :8] = 3
    assert feature_distance([one], [other]) > 0.1
    assert feature_distance([one], [other], weight) == 0
    torch.testing.assert_close(feature_distance([one], [other], weight + 1), feature_distance([one], [other]))


class Striped(torch.nn.Module):
    """Sees `left` in the left half of every picture and background elsewhere, and shows no features."""

    input_size = 16

    def __init__(self, left: int) -> None:
        super().__init__()
        self.register_parameter("logits", torch.nn.Parameter(torch.zeros(1, 19, 16, 16)))
        with torch.no_grad():
            self.logits[:, left, :, :8] = 1
            self.logits[:, 0, :, 8:] = 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(x), -1, -1, -1)


def test_eyes_count_more_than_the_background(tiny_family, faces) -> None:
    crops, codes = faces

    def left_and_right(left: int) -> torch.Tensor:
        refined = refine_codes(replace(tiny_family, parser=Striped(left)), crops, codes, steps=80)
        error = (tiny_family.decode(refined) - crops).abs().mean((1, 3))  # [N, S]
        return torch.stack([half.mean() for half in error.chunk(2, 1)])

    eyes, nothing = left_and_right(4), left_and_right(0)
    assert eyes[0] < nothing[0]
    assert eyes[1] > nothing[1]


def test_where_all_places_count_the_same_a_parser_without_features_takes_no_part(tiny_family, faces) -> None:
    crops, codes = faces
    without, silent = (
        refine_codes(replace(tiny_family, parser=parser), crops, codes, steps=2)
        for parser in (None, Striped(0))
    )
    torch.testing.assert_close(without, silent)


def test_a_face_does_not_depend_on_the_others(tiny_family, faces) -> None:
    crops, codes = faces
    both = refine_codes(tiny_family, crops, codes, steps=3)
    torch.testing.assert_close(both[1:], refine_codes(tiny_family, crops[1:], codes[1:], steps=3))


def test_no_steps_leave_the_codes(tiny_family, faces) -> None:
    crops, codes = faces
    assert torch.equal(refine_codes(tiny_family, crops, codes, steps=0), codes)


def test_the_network_stays_as_it_is_under_inference_mode(tiny_family, faces) -> None:
    crops, codes = faces
    before = {key: value.clone() for key, value in tiny_family.generator.state_dict().items()}
    with torch.inference_mode():
        refined = refine_codes(tiny_family, crops.clone(), codes.clone(), steps=2)
    assert not refined.is_inference()
    assert all(torch.equal(before[key], value) for key, value in tiny_family.generator.state_dict().items())
    assert all(parameter.grad is None for parameter in tiny_family.generator.parameters())


def test_progress_counts_steps(tiny_family, faces) -> None:
    seen = []
    refine_codes(tiny_family, *faces, steps=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_cancel_stops_at_once(tiny_family, faces) -> None:
    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refine_codes(tiny_family, *faces, steps=1000, progress=cancel)


@pytest.mark.parametrize("steps", [-1, 1001, 2.5, True])
def test_steps_are_a_number(tiny_family, faces, steps) -> None:
    with pytest.raises(InputError, match=r"0\.\.1000"):
        refine_codes(tiny_family, *faces, steps=steps)


def test_the_family_says_how_many_steps_by_default(tiny_family) -> None:
    family = replace(tiny_family, refine=12)
    assert [refinement(family, steps) for steps in (None, 0, 7)] == [12, 0, 7]
    frozen = SimpleNamespace(**vars(tiny_family.generator), differentiable=False)
    assert refinement(replace(family, generator=frozen), None) == 0


def test_one_code_per_face(tiny_family, faces) -> None:
    crops, codes = faces
    with pytest.raises(InputError, match="found 1 for 2 faces"):
        refine_codes(tiny_family, crops, codes[:1], steps=1)


def test_an_engine_without_gradients_is_refused_before_any_picture(tiny_family) -> None:
    frozen = SimpleNamespace(**vars(tiny_family.generator), differentiable=False)
    with pytest.raises(InputError, match="Use the engine 'torch'"):
        Anonymizer(replace(tiny_family, generator=frozen), refine=10)
