"""Tones of dark and of flat places stretched: faces there have the contrast with which the detectors learnt faces."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

_LUMA = (0.299, 0.587, 0.114)  # Rec. 601
# Tones are measured on a grid of so many cells along the longer side: their spread in windows of _WINDOW cells for
# what is stretched, of _PLACE cells for where that is needed.
_CELLS, _WINDOW, _PLACE, _DARK_PLACE = 64, 17, 9, 5
# A window is searched again below this spread (standard deviation of luma, 0..1; faces have 0.15 and more, and are
# found down to 0.04) or below this mean; never below the spread of a single colour with its rounding.
_FLAT, _DARK, _BLANK = 0.035, 0.1, 0.003
_SMALLEST = 5  # cells, shorter side of a place worth searching
_MARGIN = 4  # cells around a place: a head needs its surroundings
_SPREAD = 0.2  # standard deviation of luma after stretching
_NOISE = 0.0005  # spread of the logarithm that is not stretched to the full
_CURVE = 200.0  # strength of the logarithm: 1 % of full brightness becomes 20 %


def stretched(image: torch.Tensor) -> torch.Tensor:
    """A picture [3, h, w] in 0..1 whose luma has the same mean and spread everywhere: the logarithm evens out exposure,
    what windows a quarter as long as the picture hold evens out contrast."""
    tones = torch.log1p(_CURVE * image.clamp(0, 1)) / math.log1p(_CURVE)
    mean, spread = _windows(*_moments(tones), _WINDOW)
    mean, gain = (_enlarged(x, image.shape[1:]) for x in (mean, _SPREAD / (spread + _NOISE)))
    return ((tones - mean) * gain + 0.5).clamp_(0, 1)


def faint_places(image: torch.Tensor) -> np.ndarray:
    """Which cells [h', w'] of a picture [3, h, w] in 0..1 lie in dark or flat places that are large enough for a face:
    bool."""
    moments = _moments(image)
    _, spread = _windows(*moments, _PLACE)
    mean, near = _windows(*moments, _DARK_PLACE)
    faint = (spread < _FLAT) & (spread > _BLANK) | (mean < _DARK) & (near > _BLANK)
    side = min(_SMALLEST, *faint.shape)
    return ndimage.binary_opening(faint.numpy(), np.ones((side, side)))


def around(places: np.ndarray, height: int, width: int) -> tuple[int, int, int, int]:
    """The rectangle (x0, y0, x1, y1), end exclusive, of a picture of this size around all cells [h', w'] that are true,
    with surroundings; there must be one."""
    (y0, y1), (x0, x1) = (
        (max(0, (i.min() - _MARGIN) * n // cells), min(n, -(-(i.max() + 1 + _MARGIN) * n // cells)))
        for i, n, cells in zip(np.nonzero(places), (height, width), places.shape, strict=True)
    )
    return int(x0), int(y0), int(x1), int(y1)


def _moments(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Means of luma and of its square in each cell [h', w'] of a picture [3, h, w]."""
    height, width = image.shape[1:]
    cells = [max(1, round(_CELLS * n / max(height, width))) for n in (height, width)]
    luma = sum(share * channel for share, channel in zip(_LUMA, image, strict=True))[None]  # [1, h, w]
    return F.adaptive_avg_pool2d(luma, cells)[0], F.adaptive_avg_pool2d(luma * luma, cells)[0]


def _windows(mean: torch.Tensor, square: torch.Tensor, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation [h', w'] of luma in a window of so many cells around each cell."""
    mean, square = (
        F.avg_pool2d(x[None], side, stride=1, padding=side // 2, count_include_pad=False)[0]
        for x in (mean, square)
    )
    return mean, (square - mean * mean).clamp(min=0).sqrt()


def _enlarged(cells: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    return F.interpolate(cells[None, None], size=tuple(shape), mode="bilinear", align_corners=False)[0]
