"""Colour match and masked blend."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.exposure import match_histograms

from styleid.errors import InputError
from styleid.pixel import COMPOSITES, masked_blend, match_colour


def pair(size: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Source, target [S, S, 3] of different colours, and a disk mask [S, S]."""
    generator = torch.Generator().manual_seed(0)
    source = torch.rand(size, size, 3, generator=generator) * 0.4 + torch.tensor([0.5, 0.3, 0.2])
    target = torch.rand(size, size, 3, generator=generator) * 0.5
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    mask = ((x - size / 2) ** 2 + (y - size / 2) ** 2 < (size / 3) ** 2).float()
    return source, target, mask


def test_source_is_exact_where_the_area_is_zero() -> None:
    source, target, area = pair()
    out = masked_blend(source, target, area)
    assert torch.equal(out[area == 0], source[area == 0])
    assert not torch.equal(out[area > 0], source[area > 0])


def test_without_match_and_feather_it_is_a_plain_composite() -> None:
    source, target, area = pair()
    out = masked_blend(source, target, area * 0.25, feather=0, match="none")
    assert torch.allclose(out, source + (target - source) * 0.25 * area[..., None])
    out = masked_blend(source, target, area, feather=0, match="none")
    assert torch.equal(out[area > 0], target[area > 0])


def test_feather_is_inside_the_area_and_monotone() -> None:
    source, target, area = torch.zeros(60, 60, 3), torch.ones(60, 60, 3), torch.zeros(60, 60)
    area[10:50, 10:50] = 1
    row = masked_blend(source, target, area, feather=0.1, match="none")[30, :, 0]
    assert row[9] == 0 and 0 < row[10] < row[12] < row[14] <= 1
    assert row[20:40].min() == 1


def test_the_pictures_border_is_no_edge() -> None:
    out = masked_blend(torch.zeros(40, 40, 3), torch.ones(40, 40, 3), torch.ones(40, 40), match="none")
    assert torch.equal(out, torch.ones(40, 40, 3))


def test_histogram_equals_scikit_image_inside_the_mask() -> None:
    source, target, mask = pair()
    inside = mask > 0.5
    matched = match_colour(target, source, mask)
    wanted = match_histograms(
        target[inside][:, None].double().numpy(), source[inside][:, None].double().numpy(), channel_axis=-1
    )
    assert np.allclose(matched[inside].numpy(), wanted[:, 0], atol=1e-5)


def test_lab_moves_mean_and_spread() -> None:
    source, target, mask = pair()
    matched = match_colour(target, source, mask, "lab")
    inside = mask > 0.5
    before = (target[inside].mean(0) - source[inside].mean(0)).abs().max()
    after = (matched[inside].mean(0) - source[inside].mean(0)).abs().max()
    assert after < 0.25 * before


def test_colours_outside_the_face_do_not_count() -> None:
    source, target, mask = pair()
    painted = torch.where(mask[..., None] > 0, source, torch.tensor([0.0, 1.0, 0.0]))
    assert torch.equal(match_colour(target, painted, mask), match_colour(target, source, mask))
    area = torch.ones_like(mask)
    inside = mask > 0
    with_face = masked_blend(painted, target, area, face=mask)
    assert torch.allclose(with_face[inside], masked_blend(source, target, area, face=mask)[inside])


@pytest.mark.parametrize("method", ["histogram", "lab", "tone"])
def test_colours_may_lie_elsewhere_in_the_source(method: str) -> None:
    target, source = torch.rand(32, 32, 3) * 0.2 + 0.6, torch.rand(32, 32, 3) * 0.2
    source[16:] += 0.4
    top, bottom = torch.zeros(32, 32), torch.zeros(32, 32)
    top[:16], bottom[16:] = 1.0, 1.0
    matched = match_colour(target, source, top, method, source_mask=bottom)
    assert (matched[:16].mean((0, 1)) - source[16:].mean((0, 1))).abs().max() < 0.03


def test_an_empty_mask_changes_no_colour_and_no_pixel() -> None:
    source, target, mask = pair()
    assert torch.equal(match_colour(target, source, mask * 0), target)
    assert torch.equal(masked_blend(source, target, mask * 0), source)


def test_batches_equal_single_images() -> None:
    source, target, area = pair()
    batch = masked_blend(torch.stack([source, target]), torch.stack([target, source]), area)
    assert torch.equal(batch[0], masked_blend(source, target, area))
    assert torch.equal(batch[1], masked_blend(target, source, area))
    areas = torch.stack([area, 1 - area])
    batch = masked_blend(torch.stack([source, target]), torch.stack([target, source]), areas)
    assert torch.equal(batch[1], masked_blend(target, source, 1 - area))


def test_light_takes_over_the_sources_shadow() -> None:
    ramp = torch.linspace(0.2, 0.9, 64)[None, :, None].expand(64, 64, 3).contiguous()
    flat = torch.full((64, 64, 3), 0.55)
    out = masked_blend(ramp, flat, torch.ones(64, 64), match="none", light=1.0)
    assert (out - ramp).abs().mean() < 0.3 * (flat - ramp).abs().mean()


def test_results_stay_in_range() -> None:
    source, target, area = pair()
    for match in ("histogram", "lab", "none"):
        out = masked_blend(source, target, area, match=match, light=1.0)
        assert out.min() >= 0 and out.max() <= 1 and torch.isfinite(out).all()


def test_wrong_arguments_are_refused() -> None:
    source, target, area = pair()
    for bad in (
        lambda: masked_blend(source, target[:32], area),
        lambda: masked_blend(source, target, area[:32]),
        lambda: masked_blend(source, target, area, feather=-1),
        lambda: masked_blend(source, target, area, match="magic"),
        lambda: masked_blend(source, target, area, composite="magic"),
        lambda: masked_blend(source, target, area, light=3),
    ):
        with pytest.raises(InputError):
            bad()


def test_tone_keeps_the_sources_broad_colour_and_light_and_the_targets_detail() -> None:
    generator = torch.Generator().manual_seed(5)
    source = torch.tensor([0.75, 0.55, 0.45]).expand(64, 64, 3).clone()
    source[:, 32:] *= 0.8
    target = (source.flip(1) + 0.2 * torch.randn(64, 64, 3, generator=generator)).clamp(0, 1)  # colour noise
    inside = torch.ones(64, 64)
    noisy = match_colour(target, source, inside, "lab")
    calm = match_colour(target, source, inside, "tone")

    def colour_noise(image: torch.Tensor) -> float:
        return float((image - image.mean(-1, keepdim=True)).diff(dim=0).abs().mean())

    assert colour_noise(calm) < 0.5 * colour_noise(noisy)
    hue = calm.mean((0, 1)) / calm.mean()
    assert torch.allclose(hue, source.mean((0, 1)) / source.mean(), atol=0.05)
    evenly_lit = (calm[:, :20], target[:, :20])
    assert torch.corrcoef(torch.stack([one.mean(-1).flatten() for one in evenly_lit]))[0, 1] > 0.8
    assert calm[:, :20].mean() > calm[:, 44:].mean() + 0.05  # the target was lit from the other side


def seam(out: torch.Tensor, area: torch.Tensor) -> float:
    """The largest step between neighbours across the area's edge."""
    across = (area[:, 1:] > 0) != (area[:, :-1] > 0)
    return float((out[:, 1:] - out[:, :-1]).abs().amax(-1)[across].max())


@pytest.mark.parametrize("composite", COMPOSITES)
def test_every_composite_keeps_the_source_outside_and_hides_the_seam(composite: str) -> None:
    _, _, area = pair()
    ramp = torch.linspace(0.3, 0.6, 64)
    source = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), ramp.expand(64, 64)], -1)
    out = masked_blend(source, source + 0.3, area, feather=0.1, match="none", composite=composite)
    assert torch.equal(out[area == 0], source[area == 0])
    hard = masked_blend(source, source + 0.3, area, feather=0, match="none")
    assert seam(out, area) < 0.25 * seam(hard, area)
    assert torch.equal(masked_blend(source, source, area * 0, composite=composite), source)


def test_tone_gives_the_light_and_the_colour_that_goes_with_it() -> None:
    """Light skin is pale and shaded skin red in the source; so it is in the target, which was lit from the other side."""
    light = torch.linspace(0.3, 0.8, 64).expand(64, 64)
    source = torch.stack([0.6 + 0.0 * light, light * 0.8, light * 0.8], -1)
    target = light.flip(1)[..., None].expand(64, 64, 3)
    matched = match_colour(target, source, torch.ones(64, 64), "tone")
    redness = matched[..., 0] - matched[..., 1]
    assert redness[:, :16].mean() > redness[:, 48:].mean() + 0.05
    assert matched[:, 48:].mean() > matched[:, :16].mean() + 0.05


def test_poisson_keeps_the_targets_detail_in_the_sources_colours() -> None:
    """Near the edge a target that is only another tone vanishes, its detail stays; far inside it keeps its level."""
    area, detail = torch.zeros(200, 200), torch.zeros(200, 200, 3)
    area[20:180, 20:180] = 1
    detail[20:180:2, 20:180] = 0.05
    source = torch.full((200, 200, 3), 0.4)
    out = masked_blend(source, source + 0.3 + detail, area, match="none", composite="poisson")
    assert torch.allclose(out[20, 60:140], (source + detail)[20, 60:140], atol=0.03)
    assert (out[22, 100] - out[21, 100]).min() > 0.04  # the stripes
    assert torch.allclose(out[100, 100], (source + 0.3 + detail)[100, 100], atol=0.03)


def test_poisson_is_not_tinted_by_a_wall_at_a_part_of_the_edge() -> None:
    area = torch.zeros(80, 80)
    area[10:70, 10:70] = 1
    source, target = torch.full((80, 80, 3), 0.5), torch.full((80, 80, 3), 0.55)
    plain = masked_blend(source, target, area, match="none", composite="poisson")
    source[:, 70:] = 1.0  # bright, right of the area
    beside = masked_blend(source, target, area, match="none", composite="poisson")
    assert (beside - plain)[10:70, 10:64].abs().max() < 0.05  # of the 0.45 that the wall differs by


def test_poisson_leaves_a_face_alone_among_hair_walls_and_clothes() -> None:
    """Three sides of another colour each: their median is no light that the face stands in."""
    source = torch.full((48, 48, 3), 0.6)
    area = torch.zeros(48, 48)
    area[8:40, 8:40] = 1.0
    target = source.clone()
    source[:8], source[:, :8], source[40:] = 0.1, 0.2, 0.3
    out = masked_blend(source, target, area, match="none", composite="poisson")
    assert (out - target)[14:34, 14:40].abs().max() < 0.02


def test_poisson_solves_large_areas_from_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, area = pair(96)
    direct = masked_blend(source, target, area, match="none", composite="poisson")
    monkeypatch.setattr("styleid.pixel.composite._DIRECT", 500)
    assert torch.allclose(
        masked_blend(source, target, area, match="none", composite="poisson"), direct, atol=5e-3
    )


def test_poisson_without_an_edge_takes_the_target() -> None:
    source, target, _ = pair(16)
    whole = masked_blend(source, target, torch.ones(16, 16), match="none", composite="poisson")
    assert torch.allclose(whole, target)


def test_tone_leaves_a_grey_picture_grey() -> None:
    generator = torch.Generator().manual_seed(9)
    source = torch.rand(64, 64, 1, generator=generator).expand(64, 64, 3)
    target = torch.rand(8, 8, 3, generator=generator).repeat_interleave(8, 0).repeat_interleave(8, 1)
    matched = match_colour(target, source, torch.ones(64, 64), "tone")
    assert (matched - matched.mean(-1, keepdim=True)).abs().max() < 0.01


@pytest.mark.parametrize("composite", COMPOSITES)
def test_half_an_area_is_half_a_change(composite: str) -> None:
    source, target, area = pair()
    whole, half = (
        masked_blend(source, target, area * part, match="none", composite=composite) - source
        for part in (1.0, 0.5)
    )
    assert half.abs().mean() < 0.8 * whole.abs().mean()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s, t, a: ((s * 255).byte(), t, a),
            "source must be a floating-point tensor in 0..1, found torch.uint8",
        ),
        (lambda s, t, a: (s, t.numpy(), a), "target must be .* found ndarray"),
        (lambda s, t, a: (s, t * torch.nan, a), "target holds NaN"),
        (lambda s, t, a: (s, t, torch.stack([a, a])), "area must have"),
        (lambda s, t, a: (s, t, a[:8]), "area must have"),
        (lambda s, t, a: (torch.stack([s, s]), torch.stack([t, t]), torch.stack([a] * 3)), "area must have"),
    ],
)
def test_what_cannot_be_blended_is_named(change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        masked_blend(*change(*pair()), match="none")


@pytest.mark.parametrize("composite", COMPOSITES)
def test_any_floating_type_and_gradients_blend_as_float32_does(composite: str) -> None:
    source, target, area = (x[None] for x in pair())
    labels = (area.long(), area.roll(5, 1).long())
    options = {"detail": True, "light": 0.5, "composite": composite}
    source, area = source.bfloat16(), area.half()
    expected = masked_blend(source.float(), target, area.float(), labels=labels, **options)
    mixed = [x.requires_grad_() for x in (source, target, area)]
    out = masked_blend(*mixed, labels=labels, **options)
    assert torch.equal(out, expected.bfloat16()) and not out.requires_grad
    with pytest.raises(InputError, match="Labels are integers"):
        masked_blend(*mixed, labels=(labels[0], labels[1].half()))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_mask_for_another_number_of_pictures_is_refused(count: int) -> None:
    pictures, masks = torch.rand(2, 16, 16, 3), torch.ones(count, 16, 16)
    if count == 1:
        assert match_colour(pictures, pictures, masks).shape == pictures.shape
        return
    with pytest.raises(InputError, match=rf"one per image, found \[{count}, 16, 16\]"):
        match_colour(pictures, pictures, masks)
    with pytest.raises(InputError, match="The mask must have"):
        match_colour(pictures[0], pictures[0], torch.ones(2, 16, 16))


def test_no_picture_gives_no_picture() -> None:
    none = torch.zeros(0, 8, 8, 3)
    assert masked_blend(none, none, torch.zeros(0, 8, 8)).shape == none.shape
