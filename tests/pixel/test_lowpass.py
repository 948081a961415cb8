"""The cheap blur against scipy's Gaussian."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from styleid.pixel import match_colour
from styleid.pixel.colour import match_part
from styleid.pixel.lowpass import blurred


@pytest.mark.parametrize("sigma", [2, 5, 12, 25])
@pytest.mark.parametrize("shape", [(96, 130), (96, 130, 3)])
def test_it_is_nearly_a_gaussian(sigma: int, shape: tuple[int, ...]) -> None:
    values = np.zeros(shape)
    values[30:60, 40:100] = np.random.default_rng(0).uniform(0.5, 1.5, values[30:60, 40:100].shape)
    exact = gaussian_filter(values, (sigma, sigma) + (0,) * (len(shape) - 2), mode="constant")
    found = blurred(values, sigma)
    assert found.shape == shape
    assert np.abs(found - exact).mean() < 0.07 * exact.mean()


def test_it_does_not_move_the_picture() -> None:
    dot = np.zeros((101, 101))
    dot[50, 50] = 1
    for sigma in (1.5, 3, 5, 20):
        found = blurred(dot, sigma)
        np.testing.assert_allclose(found, found[::-1], atol=1e-9)
        np.testing.assert_allclose(found, found.T, atol=1e-9)


@pytest.mark.parametrize("method", ["tone", "lab", "histogram"])
def test_a_part_is_matched_as_in_the_whole_picture(method: str) -> None:
    torch.manual_seed(0)
    target, source = torch.rand(2, 100, 100, 3)
    here, there = torch.zeros(2, 100, 100, dtype=torch.bool)
    here[20:50, 30:60], there[30:60, 25:55] = True, True
    whole = match_colour(target, source, here, method, source_mask=there)
    part = match_part(target, source, here, there, method)
    assert (part - whole)[here].abs().max() < 0.04
    assert torch.equal(part[61:], target[61:])


def test_no_part_is_no_change() -> None:
    target, source = torch.rand(2, 20, 20, 3)
    nowhere = torch.zeros(20, 20, dtype=torch.bool)
    assert torch.equal(match_part(target, source, nowhere, nowhere, "tone"), target)
