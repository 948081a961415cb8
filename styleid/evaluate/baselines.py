"""What the usual alternatives buy, on the same faces: blur, pixelation, a black bar, k-same-pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

__all__ = ["BASELINES", "black_bar", "blur", "k_same_pixel", "pixelate"]

# The face in an FFHQ crop, as shares of its side: centre and radii of an ellipse; the eyes' bar left, top, right, bottom.
_CENTRE, _RADII = (0.50, 0.56), (0.29, 0.37)
_BAR = (0.18, 0.38, 0.82, 0.56)
_K = 5


def blur(crops: Tensor, sigma: float = 0.04) -> Tensor:
    """Gaussian blur of the face in crops ``[N, S, S, 3]``; sigma as a share of the side."""
    side = crops.shape[1]
    reach = max(1, round(3 * sigma * side))
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / (sigma * side)) ** 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, -1)
    planes = crops.movedim(-1, 1)
    for shape, pad in (((3, 1, 1, -1), (reach, reach, 0, 0)), ((3, 1, -1, 1), (0, 0, reach, reach))):
        planes = F.conv2d(F.pad(planes, pad, mode="replicate"), kernel.reshape(shape), groups=3)
    return _inside_face(crops, planes.movedim(1, -1))


def pixelate(crops: Tensor, cells: int = 16) -> Tensor:
    """The face as cells of one colour, `cells` along the crop's side (about nine across the face)."""
    coarse = F.adaptive_avg_pool2d(crops.movedim(-1, 1), cells)
    large = F.interpolate(coarse, size=crops.shape[1:3], mode="nearest-exact")
    return _inside_face(crops, large.movedim(1, -1))


def black_bar(crops: Tensor) -> Tensor:
    """A black bar over the eyes."""
    left, top, right, bottom = (round(share * crops.shape[1]) for share in _BAR)
    out = crops.clone()
    out[:, top:bottom, left:right] = 0
    return out


def k_same_pixel(crops: Tensor, k: int = _K) -> Tensor:
    """k-same (Newton, Sweeney, Malin 2005) on pixels: each face becomes the mean of a group of at least k similar ones.

    Groups are taken greedily: the next face and its k - 1 nearest; the last group takes the rest. Raises InputError for
    fewer than k faces: then nobody is among k.
    """
    if k < 2 or len(crops) < k:
        raise InputError(
            f"k-same needs k of 2 or more and at least k faces, found k = {k}, {len(crops)} faces."
        )
    small = F.adaptive_avg_pool2d(crops.movedim(-1, 1), 32).flatten(1)
    distances = torch.cdist(small, small)
    left, out = list(range(len(crops))), crops.clone()
    while left:
        if len(left) < 2 * k:
            group = left
        else:
            group = [left[i] for i in distances[left[0], left].argsort(stable=True)[:k].tolist()]
        out[group] = _inside_face(
            crops[group], crops[group].mean(0, keepdim=True).expand(len(group), -1, -1, -1)
        )
        left = [face for face in left if face not in group]
    return out


BASELINES: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"blur": blur, "pixelation": pixelate, "black bar": black_bar, f"{_K}-same-pixel": k_same_pixel}
)


def _inside_face(crops: Tensor, changed: Tensor) -> Tensor:
    """`changed` in an ellipse around the face, the crops elsewhere."""
    place = (torch.arange(crops.shape[1], dtype=torch.float32) + 0.5) / crops.shape[1]
    x, y = (place - _CENTRE[0]) / _RADII[0], (place - _CENTRE[1]) / _RADII[1]
    inside = x[None] ** 2 + y[:, None] ** 2 <= 1  # [S, S]
    return torch.where(inside[None, ..., None], changed, crops)
