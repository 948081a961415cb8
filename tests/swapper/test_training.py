"""SwapperNet learns from random faces of the family alone, resumes exactly, and is measured beside the layer swap."""

from __future__ import annotations

import copy
from dataclasses import astuple, fields, replace

import pytest
import torch
import torch.nn.functional as F

from styleid.errors import InputError, WeightsError
from styleid.latent import swap_codes
from styleid.networks.swapper import Swapper, swapper_config
from styleid.pixel import random_target_from_mask
from styleid.swapper import (
    Comparison,
    Examples,
    Weights,
    compare,
    curve_chart,
    draw_examples,
    mask_chart,
    swapper_losses,
    train_swapper,
)
from styleid.swapper.measure import kept_at


@pytest.fixture
def examples(tiny_family) -> Examples:
    return draw_examples(tiny_family, 10, 3)


@pytest.fixture
def held_out(tiny_family) -> Examples:
    return draw_examples(tiny_family, 4, 4)


def test_the_losses_are_the_papers():
    draw = torch.Generator().manual_seed(0)
    w_o, w_truth = torch.randn(2, 3, 8, 16, generator=draw)
    e_o, e_truth, e_s = F.normalize(torch.randn(3, 3, 5, generator=draw), dim=-1)
    a_o, a_s = torch.rand(2, 3, 4, generator=draw)
    losses = swapper_losses(w_o, w_truth, e_o, e_truth, e_s, 0.1, a_o=a_o, a_s=a_s)
    cosine = lambda a, b: (a * b).sum(1)  # noqa: E731
    torch.testing.assert_close(losses.w, ((w_o - w_truth) ** 2).sum() / w_o.numel())
    torch.testing.assert_close(losses.latent, 1 - cosine(e_o, e_truth).mean())
    torch.testing.assert_close(losses.identity, (cosine(e_o, e_s) - 0.1).clamp_min(0).mean())
    torch.testing.assert_close(losses.attributes, ((a_o - a_s) ** 2).sum(1).mean())
    weights = Weights(lambda_w=2, lambda_latent=3, lambda_id=5, lambda_attr=7)
    total = 2 * losses.w + 3 * losses.latent + 5 * losses.identity + 7 * losses.attributes
    torch.testing.assert_close(losses.total(weights), total)
    with pytest.raises(InputError, match="lambda_id"):
        Weights(lambda_id=-1)


def test_the_random_identity_of_an_example_is_the_one_in_its_ground_truth(tiny_family, monkeypatch):
    given = []

    def spy(family, labels, generator, layers):
        state = generator.get_state()
        given.append(family.random_w(len(labels), generator))
        generator.set_state(state)
        return random_target_from_mask(family, labels, generator, layers)

    monkeypatch.setattr("styleid.swapper.examples.random_target_from_mask", spy)
    examples = draw_examples(tiny_family, 10, 3)
    assert torch.equal(examples.w_r, torch.cat(given))
    assert len(torch.unique(examples.w_r[:, 0], dim=0)) == 10
    assert "10" in repr(examples)


def test_a_resumed_run_ends_where_an_unbroken_one_does(tiny_family, examples, held_out, tmp_path):
    plan = {"steps": 6, "batch": 4, "decode_every": 2, "hidden": 8, "every": 2}
    whole = train_swapper(tiny_family, examples, held_out, **plan)

    class Stop(Exception):
        pass

    def stop(done, total):
        if done == 5:
            raise Stop

    with pytest.raises(Stop):
        train_swapper(tiny_family, examples, held_out, **plan, folder=tmp_path, progress=stop)
    rest = []
    again = train_swapper(
        tiny_family,
        examples,
        held_out,
        **plan,
        folder=tmp_path,
        progress=lambda done, total: rest.append(done),
    )
    assert rest == [5, 6]  # it went on from the checkpoint of step 4
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name
    assert whole.curve == again.curve
    with pytest.raises(WeightsError, match="other settings"):
        train_swapper(tiny_family, examples, held_out, **{**plan, "steps": 9}, folder=tmp_path)


@pytest.mark.parametrize("other", ["generator", "recogniser", "attributes", "examples", "held_out"])
def test_a_checkpoint_belongs_to_its_networks_and_examples(tiny_family, examples, held_out, tmp_path, other):
    plan = {"steps": 1, "batch": 2, "hidden": 8, "folder": tmp_path}
    given = {"examples": examples, "held_out": held_out}
    first = train_swapper(tiny_family, **given, **plan)
    again = train_swapper(copy.deepcopy(tiny_family), **given, **plan)
    assert first.curve == again.curve
    family = copy.deepcopy(tiny_family)
    if other in given:
        given[other] = given[other][:3]
    else:
        part = getattr(family, other)
        network = part.network if other == "recogniser" else part
        next(network.parameters()).data.mul_(1.01)
    with pytest.raises(WeightsError, match="other settings"):
        train_swapper(family, **given, **plan)


def test_training_lowers_the_loss_on_faces_it_has_not_seen(tiny_family, held_out):
    examples = draw_examples(tiny_family, 160, 5)
    trained = train_swapper(
        tiny_family, examples, held_out, steps=40, hidden=16, decode_every=4, every=4,
        weights=Weights(lambda_latent=0.1, lambda_id=0.1),
    )  # fmt: skip
    assert trained.curve[-1].total < trained.curve[0].total
    assert trained.mask.shape == held_out.w_s.shape[1:]
    assert [point.step for point in trained.curve] == list(range(4, 41, 4))


def test_nothing_that_tells_a_face_is_printed(tiny_family, examples, held_out):
    trained = train_swapper(tiny_family, examples, held_out, steps=1, hidden=8)
    assert "tensor" not in repr(examples)
    assert "tensor" not in repr(trained)
    with pytest.raises(InputError):
        train_swapper(tiny_family, examples, held_out, steps=0)


def test_swapping_takes_what_the_mask_says(tiny_family, held_out):
    torch.manual_seed(1)
    network = Swapper(swapper_config(8, (2, 3), hidden=8)).eval()
    codes, mask = swap_codes(network, held_out.w_s, held_out.w_r)
    torch.testing.assert_close(codes, mask * held_out.w_r + (1 - mask) * held_out.w_s)
    assert torch.equal(codes[:, 2:4], held_out.w_r[:, 2:4])
    half, _ = swap_codes(network, held_out.w_s, held_out.w_r[:1], 0.5)
    assert half.shape == held_out.w_s.shape


def test_the_comparison_measures_both_methods_on_the_same_faces(tiny_family, held_out):
    network = Swapper(swapper_config(8, (2, 3), hidden=8)).eval()
    rows = compare(tiny_family, network, held_out, widen=(0, 9), strengths=(1.0,))
    assert [row.method for row in rows] == ["swapper", "layers+0", "layers+9"]
    everything = identity = rows[-1]
    assert everything.kept <= 1
    assert identity.distance > 0


def test_what_is_kept_is_read_off_at_equal_distance():
    def row(strength, distance, kept):
        return Comparison("a", strength, distance, 1.0, kept, 0.0)

    rows = [row(0.5, 0.5, 0.9), row(1.0, 1.0, 0.7)]
    assert kept_at(rows, 0.75) == pytest.approx(0.8)
    assert kept_at(rows, 1.2) != kept_at(rows, 1.2)  # NaN: never reached
    assert kept_at([*rows, Comparison("b", 1.0, 0.9, 1.0, 0.95, 0.0)], 0.75) == pytest.approx(0.95)


def test_charts_are_pictures(tiny_family, examples, held_out):
    trained = train_swapper(tiny_family, examples, held_out, steps=2, hidden=8, every=1)
    for chart in (curve_chart(trained.curve), mask_chart(trained.mask)):
        assert chart.shape[2] == 3
        assert 0.3 < float(chart.mean()) < 1
        assert float(chart.std()) > 0.05


def test_examples_have_one_row_per_face(examples):
    assert {len(getattr(examples, part.name)) for part in fields(examples)} == {10}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_family_trains_as_in_float32(tiny_family, examples, held_out, dtype):
    half = copy.deepcopy(tiny_family)
    for network in half.networks():
        network.to(dtype)
    (point,), (exact,) = (
        train_swapper(family, examples, held_out, steps=1, hidden=8).curve for family in (half, tiny_family)
    )
    assert astuple(point) == pytest.approx(astuple(exact), abs=0.05)


def test_training_works_where_comfyui_runs_its_nodes(tiny_family, held_out):
    """ComfyUI loads networks and runs nodes in inference mode."""
    with torch.inference_mode():
        loaded = replace(
            tiny_family,
            generator=copy.deepcopy(tiny_family.generator),
            attributes=copy.deepcopy(tiny_family.attributes),
            recogniser=replace(tiny_family.recogniser, network=copy.deepcopy(tiny_family.recogniser.network)),
        )
        assert next(loaded.generator.parameters()).is_inference()
        examples = draw_examples(loaded, 8, 3)
        trained = train_swapper(loaded, examples, held_out, steps=2, hidden=8)
        assert swap_codes(trained.network, held_out.w_s, held_out.w_r)[1].shape == held_out.w_s.shape
    outside = train_swapper(tiny_family, examples, held_out, steps=2, hidden=8)
    assert trained.curve == outside.curve
