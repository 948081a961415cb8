"""All faces of one photograph put together: pasted, blurred, or let through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..faces import BLURS, AlignedFaces, blur_faces, paste_faces
from .track import Track

__all__ = ["Composition", "combined", "compose"]

# A blurred head covers at least this disk of its crop entirely, as a share of half the crop's side.
_BLURRED_DISK = 0.85


@dataclass(frozen=True, eq=False, repr=False)
class Composition:
    """`output` [H, W, 3], and of the measured faces `handled` where each was replaced: `masks` [N, S, S]."""

    output: Tensor
    handled: tuple[Track, ...]
    aligned: AlignedFaces
    masks: Tensor


def compose(pixels: Tensor, tracks: Sequence[Track], on_failure: str, cells: int = BLURS[0]) -> Composition:
    """Paste every candidate into a photograph [H, W, 3], then blur the failed faces, to so many cells, if `on_failure` says
    so.

    At least one face must have been measured.
    """
    handled = tuple(track for track in tracks if track.source is not None)
    aligned = combined([track.aligned for track in handled])
    worn = [track for track in handled if track.candidate is not None]
    output = pixels[None]  # [1, H, W, 3]
    if worn:
        crops = torch.cat([track.candidate.crop for track in worn])
        masks = torch.cat([track.candidate.mask for track in worn])
        output = paste_faces(output, crops, masks, combined([track.aligned for track in worn]))
    failed = [track.face for track in tracks if track.failed]
    if failed and on_failure == "blur":
        output = blur_faces(output, [failed], cells=cells)
    masks = torch.cat([_mask(track, aligned.size, on_failure) for track in handled])
    return Composition(output[0], handled, aligned, masks)


def combined(parts: Sequence[AlignedFaces]) -> AlignedFaces:
    """The faces of one photograph that were aligned one by one."""
    return AlignedFaces(
        crops=torch.cat([part.crops for part in parts]),
        faces=tuple(face for part in parts for face in part.faces),
        frames=tuple(frame for part in parts for frame in part.frames),
        to_crop=np.concatenate([part.to_crop for part in parts]),
        frame_size=parts[0].frame_size,
    )


def _mask(track: Track, size: int, on_failure: str) -> Tensor:
    """Where the source's pixels are gone, [1, S, S]."""
    if track.candidate is not None:
        return track.candidate.mask
    if on_failure != "blur":
        return torch.zeros(1, size, size)
    steps = torch.linspace(-1, 1, size)
    return (torch.hypot(steps[:, None], steps[None]) <= _BLURRED_DISK).float()[None]
