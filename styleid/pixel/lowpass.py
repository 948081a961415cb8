"""Nearly Gaussian blur whose cost does not grow with its width."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import uniform_filter

__all__ = ["blurred"]

# Pixels: a wider filter works on a picture as much smaller. Three boxes of nine pixels are a Gaussian of this one.
_SMALL = 20**0.5


def blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    """Values [H, W] or [H, W, C] blurred by `sigma` pixels; zero outside the picture."""
    side = values.shape[:2]
    factor = max(1.0, sigma / _SMALL)
    small = _resized(values, [max(1, round(length / factor)) for length in side]) if factor > 1 else values
    # Odd, or each box would move the picture.
    width = 2 * round(np.sqrt((sigma / factor) ** 2 + 0.25) - 0.5) + 1
    for _ in range(3):
        small = uniform_filter(small, width, mode="constant", axes=(0, 1))
    return _resized(small, list(side)) if factor > 1 else small


def _resized(values: np.ndarray, size: list[int]) -> np.ndarray:
    planes = (
        torch.from_numpy(np.ascontiguousarray(values)).reshape(*values.shape[:2], -1).permute(2, 0, 1)[None]
    )
    mode = "area" if size[0] <= values.shape[0] else "bilinear"
    resized = F.interpolate(planes, size=size, mode=mode)[0].permute(1, 2, 0)
    return resized.reshape(*size, *values.shape[2:]).numpy()
