"""Parts painted on a picture in means of colours, in numpy: no detail of where the colours come from is copied."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .lowpass import blurred

__all__ = ["mean_colours", "painted"]

_EDGE = 0.003


def mean_colours(picture: np.ndarray, where: np.ndarray, sigma: float) -> np.ndarray:
    """Local means [H, W, 3] of a picture at the pixels `where` [H, W]; far from all of them, the mean of all."""
    if not where.any():
        return np.broadcast_to(picture.mean((0, 1)), picture.shape)
    mean = picture[where].mean(0)
    weight = blurred(where.astype(np.float64), sigma)[..., None] + 1e-4
    return blurred(np.where(where[..., None], picture - mean, 0.0), sigma) / weight + mean


def painted(
    picture: np.ndarray, colours: np.ndarray, where: np.ndarray, *, opacity: float = 1.0, edge: float = _EDGE
) -> np.ndarray:
    """The picture [H, W, 3] with `colours` where a bool [H, W] says so; `edge` is how soft, as a share of its side."""
    alpha = opacity * ndimage.gaussian_filter(where.astype(np.float64), edge * len(where))
    return picture + alpha[..., None] * (colours - picture)
