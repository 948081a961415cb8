"""A soft new face in a sharp photograph is sharpened to it, within limits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from styleid.errors import InputError
from styleid.pixel import match_detail

INSIDE = torch.ones(1, 192, 192)


def texture(strength: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (0.5 + strength * torch.randn(1, 192, 192, 1, generator=generator)).expand(-1, -1, -1, 3)


def soft(image: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(image.movedim(-1, 1), 3, 1, 1, count_include_pad=False).movedim(1, -1)


def test_contrast_of_the_target_becomes_the_sources() -> None:
    matched = match_detail(texture(0.05), texture(0.08), INSIDE)
    assert matched.std() == pytest.approx(float(texture(0.08).std()), rel=0.1)


def test_what_a_soft_target_does_not_hold_is_not_made_up() -> None:
    target = soft(texture(0.02))
    matched = match_detail(target, texture(0.15), INSIDE)
    assert 1.5 * target.std() < matched.std() < 2.1 * target.std()


def test_weak_texture_is_amplified_more_than_strong_edges() -> None:
    target = texture(0.01).clone()
    target[:, :, 96:] -= 0.4
    added = (match_detail(target, texture(0.04), INSIDE) - target).abs()
    assert added[:, :, 90:102].max() < 0.1, "no halo as strong as the edge"
    assert added[:, :, 20:70].mean() > 0.4 * (texture(0.01) - 0.5).abs().mean()


def test_a_sharper_target_stays_as_it_is() -> None:
    assert torch.equal(match_detail(texture(0.05), soft(texture(0.05)), INSIDE), texture(0.05))


def test_only_lightness_changes() -> None:
    tinted = texture(0.03) * torch.tensor([1.0, 0.8, 0.6])
    matched = match_detail(tinted, texture(0.1), INSIDE)
    assert (matched - tinted).std() > 0.01
    assert torch.allclose(
        matched - matched.mean(-1, keepdim=True), tinted - tinted.mean(-1, keepdim=True), atol=1e-6
    )


def test_contrast_outside_the_mask_does_not_count() -> None:
    left = torch.zeros(1, 192, 192)
    left[..., :96] = 1.0
    source = texture(0.02).clone()
    source[:, :, 110:] = texture(0.3)[:, :, 110:]
    assert (match_detail(texture(0.02), source, left) - texture(0.02)).abs().max() < 0.02
    assert torch.equal(match_detail(texture(0.02), source, left * 0), texture(0.02))


def test_other_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="one size"):
        match_detail(texture(0.1), texture(0.1)[:, :32], INSIDE)
    with pytest.raises(InputError, match="mask must have"):
        match_detail(texture(0.1), texture(0.1), INSIDE[:, :32])
