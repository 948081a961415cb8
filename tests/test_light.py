"""Faces in the dark and in haze are looked at, changed and judged in the light."""

from __future__ import annotations

import pytest
import torch
from skimage.data import astronaut

from styleid import Anonymizer
from styleid.faces import align_faces, detect_faces
from styleid.family import Family, load_family
from styleid.light import Light, lit
from styleid.metrics import identity_distance
from styleid.pixel import masked_blend

SIZE = 256


@pytest.fixture(scope="module")
def family() -> Family:
    return load_family()


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    """[250, 250, 3]: head and shoulders."""
    return torch.from_numpy(astronaut())[:250, 100:350].float() / 255


@pytest.fixture(scope="module")
def crop(photo: torch.Tensor, family: Family) -> torch.Tensor:
    (face,) = detect_faces(photo, landmark_net=family.landmarks, detector=None)
    return align_faces(photo[None], [[face]], SIZE).crops


def dark(x: torch.Tensor) -> torch.Tensor:
    return (x * 0.05 * 255).round() / 255


def hazy(x: torch.Tensor) -> torch.Tensor:
    return ((0.7 + 0.06 * x) * 255).round() / 255


def test_a_lit_face_stays_what_it_is(crop: torch.Tensor) -> None:
    assert lit(crop).equal(crop)
    assert Light.of(crop).off(crop).equal(crop)


@pytest.mark.parametrize("faint", [dark, hazy])
def test_a_faint_face_gets_more_contrast_and_loses_it_again(crop: torch.Tensor, faint) -> None:
    seen = faint(crop)
    light = Light.of(seen)
    shown = light.on(seen)
    assert shown.std() > 3 * seen.std()
    inside = (shown > 0) & (shown < 1)
    assert inside.float().mean() > 0.7
    assert torch.allclose(light.off(shown)[inside], seen[inside], atol=1e-6)


def test_what_is_nearly_lit_changes_by_nearly_nothing(crop: torch.Tensor) -> None:
    for share in (0.9, 0.5, 0.47, 0.46, 0.45, 0.44):
        nearly = crop * share
        assert (lit(nearly) - nearly).abs().max() < 0.06


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0, float("nan")])
def test_a_single_colour_says_nothing_about_its_light(level: float) -> None:
    plain = torch.full((1, 32, 32, 3), level)
    shown = lit(plain)
    assert shown.isnan().all() if plain.isnan().all() else ((shown >= 0) & (shown <= 1)).all()
    assert torch.allclose(Light.of(plain).off(shown), plain, atol=1e-6, equal_nan=True)


def test_each_crop_of_a_batch_gets_its_own_light(crop: torch.Tensor) -> None:
    both = lit(torch.cat([crop, dark(crop)]))
    assert both[:1].equal(crop) and torch.allclose(both[1:], lit(dark(crop)))


@pytest.mark.parametrize("faint", [dark, hazy])
def test_recognisers_know_a_faint_face(crop: torch.Tensor, family: Family, faint) -> None:
    for recogniser in (family.recogniser, family.judge):
        distance = identity_distance(recogniser.embed(crop), recogniser.embed(faint(crop)))
        assert float(distance) < recogniser.threshold


def test_a_blend_takes_on_the_tones_of_a_dark_face(crop: torch.Tensor) -> None:
    """As those of the same face in the light, made dark."""
    area = torch.zeros(1, SIZE, SIZE)
    area[:, 80:200, 70:190] = 1
    target = crop.flip(2)
    for method in ("lab", "tone", "histogram"):
        bright = masked_blend(crop, target, area, match=method)
        made = masked_blend(crop * 0.05, target, area, match=method)
        assert (made / 0.05 - bright)[area > 0].abs().mean() < 0.03, method


def test_a_face_in_the_dark_is_replaced(photo: torch.Tensor, family: Family) -> None:
    source = dark(photo)
    (result,) = Anonymizer(family, "medium", 3, refine=0)(source[None])
    assert result.outcome == "anonymised"
    (face,) = result.faces
    judged = face.distances[family.judge.name]
    assert judged["after"] > judged["threshold"]
    assert abs(float(result.output.mean() - source.mean())) < 0.004
