"""Crops back into their photographs: only pixels under the mask change, all others keep their bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ..errors import InputError
from . import _warp
from .align import AlignedFaces

__all__ = ["face_areas", "paste_faces"]

# The mask falls to 0 over this share of the crop's side at its border: no seam along the crop's edge.
BORDER = 0.03
# Below half of an 8-bit step of opacity a pixel counts as untouched.
_OPAQUE = 1 / 512
# Pixels warped at once: a bound on memory in large photographs.
_BAND = 2_000_000


def paste_faces(
    images: torch.Tensor, crops: torch.Tensor, masks: torch.Tensor, aligned: AlignedFaces
) -> torch.Tensor:
    """Blends crops [N, S, S, 3] through masks [N, S, S] into photographs [B, H, W, 3] -> a new [B, H, W, 3].

    Pixels where the warped mask is 0, and all pixels outside the crops, are the photograph's own, bit for bit.
    Where faces overlap, the smaller is pasted first (a nearer head is usually larger and lies in front); equal
    sizes keep the faces' order. Memory beyond the copy is bounded by a band of rows.
    """
    _check(images, crops, masks, aligned)
    out = images.clone()
    for index, (x0, y0, x1, y1), matrix, alpha in _warped_masks(masks, aligned):
        if not alpha.any():
            continue
        layer = crops[index].to(images).movedim(-1, 0)  # [3, S, S]
        layer = _warp.sample(layer, matrix, y1 - y0, x1 - x0).clamp_(0, 1).movedim(0, -1)
        region = out[aligned.frames[index], y0:y1, x0:x1]
        alpha = alpha.to(images)[..., None]  # [h, w, 1]
        region.copy_(torch.where(alpha > 0, torch.lerp(region, layer, alpha), region))
    return out


def face_areas(masks: torch.Tensor, aligned: AlignedFaces, frames: int | None = None) -> list[torch.Tensor]:
    """For each photograph, bool [H, W]: the pixels that `paste_faces` may change.

    masks: [N, S, S]. frames: the number of photographs in the batch; by default it ends with the last one that
    has a face. Photographs without a face are all False. Raises InputError where a face's photograph is not among them.
    """
    frames = max(aligned.frames, default=-1) + 1 if frames is None else frames
    _check_frames(aligned, frames)
    areas = [torch.zeros(aligned.frame_size, dtype=torch.bool) for _ in range(frames)]
    for index, (x0, y0, x1, y1), _, alpha in _warped_masks(masks, aligned):
        areas[aligned.frames[index]][y0:y1, x0:x1] |= alpha.cpu() > 0
    return areas


def _warped_masks(
    masks: torch.Tensor, aligned: AlignedFaces
) -> Iterator[tuple[int, tuple[int, int, int, int], np.ndarray, torch.Tensor]]:
    """(face, rectangle, map from the rectangle to the crop, opacity [h, w]), smallest face first.

    A large face comes in several rectangles, one band of rows each.
    """
    height, width = aligned.frame_size
    size = int(masks.shape[-1])
    for index in sorted(range(len(aligned)), key=lambda i: -_warp.scale_of(aligned.to_crop[i])):
        to_crop = _rescale(aligned.to_crop[index], size / aligned.size)
        corners = _warp.apply(
            _warp.invert(to_crop), np.array([[0, 0], [0, size], [size, 0], [size, size]]) - 0.5
        )
        x0, y0, x1, y1 = _warp.rectangle(corners, height, width, 0)
        if x1 <= x0 or y1 <= y0:
            continue
        inner = masks[index].float().clamp(0, 1) * _window(size, masks.device)
        rows = max(1, _BAND // (x1 - x0))
        for top in range(y0, y1, rows):
            bottom = min(top + rows, y1)
            matrix = np.concatenate([to_crop[:, :2], to_crop[:, 2:] + to_crop[:, :2] @ [[x0], [top]]], axis=1)
            alpha = _warp.sample(
                inner[None], matrix, bottom - top, x1 - x0, mode="bilinear", padding="zeros"
            )[0]
            yield index, (x0, top, x1, bottom), matrix, torch.where(alpha < _OPAQUE, 0, alpha)


def _rescale(to_crop: np.ndarray, factor: float) -> np.ndarray:
    """The same map for crops whose side is factor times as long."""
    return np.concatenate([to_crop[:, :2] * factor, (to_crop[:, 2:] + 0.5) * factor - 0.5], axis=1)


def _window(size: int, device: torch.device) -> torch.Tensor:
    """[S, S]: 1 inside, a smooth ramp to exactly 0 on the outermost pixels."""
    edge = torch.arange(size, device=device, dtype=torch.float32)
    ramp = (torch.minimum(edge, size - 1 - edge) / max(1.0, BORDER * size)).clamp(0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return ramp[:, None] * ramp[None, :]


def _check(images: torch.Tensor, crops: torch.Tensor, masks: torch.Tensor, aligned: AlignedFaces) -> None:
    if images.ndim != 4 or images.shape[-1] != 3 or tuple(images.shape[1:3]) != tuple(aligned.frame_size):
        height, width = aligned.frame_size
        raise InputError(
            f"The faces were cut from photographs of {width} x {height}; found images {list(images.shape)}. "
            "Paste them into the photographs that they came from."
        )
    if crops.ndim != 4 or crops.shape[-1] != 3 or len(crops) != len(aligned) or len(masks) != len(aligned):
        raise InputError(
            f"{len(aligned)} aligned faces need as many crops [N, S, S, 3] and masks [N, S, S], "
            f"found {list(crops.shape)} and {list(masks.shape)}."
        )
    if crops.shape[1] != crops.shape[2] or masks.shape[1:] != crops.shape[1:3]:
        raise InputError(
            f"Crops and masks must be square and of one size, found {list(crops.shape)}, {list(masks.shape)}."
        )
    _check_frames(aligned, len(images))


def _check_frames(aligned: AlignedFaces, count: int) -> None:
    if any(frame >= count for frame in aligned.frames):
        raise InputError(f"The faces name photograph {max(aligned.frames)}, but only {count} were given.")
