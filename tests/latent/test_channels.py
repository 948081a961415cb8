from __future__ import annotations

import pytest
import torch

from styleid.errors import InputError
from styleid.latent import ramp_channels, top_channels


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.randn(4, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("block", [1, 4])
@pytest.mark.parametrize("k", [0, 1, 4, 7, 12, 32])
def test_exactly_k_channels_and_the_best_ones(scores, k, block):
    mask = top_channels(scores, k, block=block)
    assert mask.dtype == torch.bool and mask.shape == (4, 8 * block) and int(mask.sum()) == k
    per_channel = scores.repeat_interleave(block, 1)
    if 0 < k < mask.numel():
        assert per_channel[mask].min() >= per_channel[~mask].max()


def test_blocks_stay_together(scores):
    mask = top_channels(scores, 3 * 4, block=4).view(4, 8, 4)
    assert torch.equal(mask.any(-1), mask.all(-1))
    assert torch.equal(mask.all(-1), top_channels(scores, 3))


def test_masks_are_nested_even_with_equal_scores():
    scores = torch.zeros(3, 4)
    previous = top_channels(scores, 0, block=2)
    for k in range(1, 25):
        mask = top_channels(scores, k, block=2)
        assert bool((mask | ~previous).all())
        previous = mask
    assert bool(previous.all())


def test_wrong_arguments_raise(scores):
    bad = scores.clone()
    bad[0, 0] = torch.nan
    cases = [
        (bad, 1, 1),
        (scores[0], 1, 1),
        (None, 1, 1),
        (scores, -1, 1),
        (scores, 33, 1),
        (scores, 1, 0),
        (scores, 1.5, 1),
    ]
    for values, k, block in [*cases, (scores, True, 1), (scores[:0], 0, 1)]:
        with pytest.raises(InputError):
            top_channels(values, k, block=block)


def test_a_ramp_of_nothing_is_the_hard_mask(scores):
    for k in (0, 5, 32):
        assert torch.equal(ramp_channels(scores, k), top_channels(scores, k).float())


@pytest.mark.parametrize("ramp", [0.1, 0.5, 1.0])
def test_a_ramp_falls_with_the_place_and_is_half_at_k(scores, ramp):
    mask = ramp_channels(scores, 16, ramp=ramp)
    order = scores.flatten().argsort(descending=True)
    weights = mask.flatten()[order]
    assert bool((weights.diff() <= 0).all()) and bool(((weights >= 0) & (weights <= 1)).all())
    assert float((weights[15] + weights[16]) / 2) == pytest.approx(0.5)
    assert int(((weights > 0) & (weights < 1)).sum()) == pytest.approx(ramp * 32, abs=1)
    assert float(weights.sum()) == pytest.approx(16)


def test_more_channels_lower_no_weight(scores):
    previous = torch.zeros(4, 16)
    for k in range(0, 65, 3):
        mask = ramp_channels(scores, k, block=2, ramp=0.3)
        assert bool((mask >= previous).all())
        previous = mask


@pytest.mark.parametrize("ramp", [-0.1, 1.1, float("nan"), True, "0.5"])
def test_ramps_out_of_range_raise(scores, ramp):
    with pytest.raises(InputError, match="ramp"):
        ramp_channels(scores, 3, ramp=ramp)
