"""Image quality: PSNR and SSIM of face crops, and what changed outside the areas that were to change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError

__all__ = ["BackgroundDifference", "background_difference", "psnr", "ssim"]

_WINDOW = 7  # of scikit-image's SSIM


@dataclass(frozen=True)
class BackgroundDifference:
    """Pixels outside the areas: how many, the share that differs at all, mean and largest difference in 0..1."""

    pixels: int
    changed: float
    mean: float
    largest: float


def psnr(before: Tensor, after: Tensor) -> np.ndarray:
    """Peak signal-to-noise ratio in dB ``[N]`` of pictures ``[N, H, W, 3]`` in 0..1; infinite for equal ones."""
    from skimage.metrics import peak_signal_noise_ratio

    with np.errstate(divide="ignore"):
        return np.array([peak_signal_noise_ratio(a, b, data_range=1.0) for a, b in _pairs(before, after)])


def ssim(before: Tensor, after: Tensor) -> np.ndarray:
    """Structural similarity ``[N]`` of pictures ``[N, H, W, 3]`` in 0..1; 1 for equal ones. scikit-image's, in colour.

    Raises InputError for sides below 7 pixels, the width of its window.
    """
    from skimage.metrics import structural_similarity

    pairs = _pairs(before, after)
    if min(before.shape[1:3]) < _WINDOW:
        raise InputError(
            f"SSIM compares windows of {_WINDOW} pixels, found pictures of {before.shape[2]} x {before.shape[1]}. "
            "Give larger ones."
        )
    return np.array([structural_similarity(a, b, data_range=1.0, channel_axis=-1) for a, b in pairs])


def background_difference(before: Tensor, after: Tensor, inside: Tensor) -> BackgroundDifference:
    """What changed where nothing should have.

    Args:
        before, after: one photograph ``[H, W, 3]`` in 0..1, twice.
        inside: bool ``[H, W]``, the areas that were to change.

    Raises:
        InputError: sizes that differ, NaN or infinite values.
    """
    if before.shape != after.shape or before.ndim != 3 or inside.shape != before.shape[:2]:
        raise InputError(
            f"A photograph, its output and the area must have one size, found {list(before.shape)}, "
            f"{list(after.shape)} and {list(inside.shape)}."
        )
    _check_finite(before, after)
    difference = (before.float() - after.float()).abs().amax(-1)[~inside.bool()]  # [P]
    if not len(difference):
        return BackgroundDifference(0, 0.0, 0.0, 0.0)
    changed = float((difference > 0).float().mean())
    return BackgroundDifference(len(difference), changed, float(difference.mean()), float(difference.max()))


def _pairs(before: Tensor, after: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    if before.shape != after.shape or before.ndim != 4 or before.shape[-1] != 3:
        raise InputError(
            f"Pictures must be two batches [N, H, W, 3] of one shape, found {list(before.shape)} and "
            f"{list(after.shape)}."
        )
    _check_finite(before, after)
    return list(zip(before.double().cpu().numpy(), after.double().cpu().numpy(), strict=True))


def _check_finite(before: Tensor, after: Tensor) -> None:
    if not bool(torch.isfinite(before).all() & torch.isfinite(after).all()):
        raise InputError("These pictures hold NaN or infinite values. Check the step before.")
