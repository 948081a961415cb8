"""The target takes on the source's sharpness, measured inside a face mask."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from ..errors import InputError

__all__ = ["match_detail"]

# Edges of the bands of detail, as shares of the shorter side: eyelashes and wrinkles, lids, the edges of lips.
_EDGES = (0.004, 0.008, 0.016)
# A band is amplified by this at most: what a soft target does not hold cannot be had by amplifying.
_MOST = 2.0
# What is added is at most this share of the source's own mean contrast in the band: weak texture is amplified in full, and
# edges that are strong already, as of pupils and lips, get no halos.
_ADDED = 0.7


def match_detail(target: torch.Tensor, source: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Amplifies the target's fine contrast towards that of the source; both IMAGE [N, H, W, 3] in 0..1 of one size.

    mask: [N, H, W]; contrast is compared where it is above 0.5, the mean absolute lightness of each of three bands of
    detail. Only lightness changes; what is sharper than the source stays as it is.
    """
    if target.shape != source.shape or target.ndim != 4 or target.shape[-1] != 3:
        raise InputError(
            f"Two images [N, H, W, 3] of one size are needed, found {list(target.shape)}, {list(source.shape)}."
        )
    if mask.shape != target.shape[:-1]:
        raise InputError(
            f"The mask must have the images' size, found {list(mask.shape)} for {list(target.shape)}."
        )
    sharpened = [_sharpened(*one) for one in zip(target, source, mask > 0.5, strict=True)]
    return torch.stack(sharpened) if sharpened else target.clone()


def _sharpened(target: torch.Tensor, source: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    where = inside.cpu().numpy()
    if not where.any():
        return target.clone()
    more = np.zeros(where.shape)
    for own, theirs in zip(_bands(target), _bands(source), strict=True):
        wanted = max(np.abs(theirs[where]).mean(), 1e-6)
        gain = wanted / max(np.abs(own[where]).mean(), 1e-6)
        limit = _ADDED * wanted
        more += limit * np.tanh((np.clip(gain, 1.0, _MOST) - 1.0) * own / limit)
    return (target + torch.from_numpy(more).to(target)[..., None]).clamp(0, 1)


def _bands(image: torch.Tensor) -> list[np.ndarray]:
    """The lightness [H, W] of an image [H, W, 3] in bands, finest first, without the coarse rest."""
    level = image.detach().cpu().double().mean(-1).numpy()
    bands = []
    for share in _EDGES:
        smooth = gaussian_filter(level, share * min(level.shape))
        bands.append(level - smooth)
        level = smooth
    return bands
