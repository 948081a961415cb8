"""After pasting back: look for faces again, and compare each with every source face of the picture.

A face counts as hidden only when it was measured, and only when every measurement lies beyond the judge's
threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..faces import AlignedFaces, Face, align_faces, face_areas
from ..metrics import pairwise_identity_distance

if TYPE_CHECKING:
    from ..family import Recogniser

__all__ = ["Verification", "measured", "same_place", "verify_faces"]

Detector = Callable[[Tensor], Sequence[Face]]

_REPLACED = 0.9  # opacity from which a pixel counts as the new face's own


@dataclass(frozen=True)
class Verification:
    """What the judge says about a finished picture.

    Attributes:
        nearest: per handled face, the smallest distance of any of its views in the output to any source face;
            None when a view could not be measured.
        hidden: per handled face, whether all its views were measured and lie beyond the threshold.
        missed: faces that the detector sees in the output and that nobody handled.
    """

    nearest: tuple[float | None, ...]
    hidden: tuple[bool, ...]
    missed: tuple[Face, ...]

    @property
    def passed(self) -> bool:
        return all(self.hidden) and not self.missed


def verify_faces(
    output: Tensor,
    aligned: AlignedFaces,
    masks: Tensor,
    *,
    judge: Recogniser,
    detect: Detector,
    sources: Tensor | None = None,
) -> Verification:
    """Verify one finished picture.

    Args:
        output: the picture [H, W, 3] with the new faces pasted in.
        aligned: the handled faces of this one picture, as they were in the source.
        masks: [N, S, S], where each crop was pasted (1 everywhere for a blurred head).
        judge: a recogniser that had no part in choosing the change.
        detect: finds faces in a picture, the same way as in the source.
        sources: the judge's embeddings [M, D] of every source face; by default of `aligned.crops`.

    Raises:
        InputError: source embeddings that are NaN or zero: nothing can be verified against them.
    """
    if sources is None:
        sources = judge.embed(aligned.crops)
    views: list[list[Face]] = [
        [face] for face in aligned.faces
    ]  # every place where face i may be seen in the output
    missed = []
    replaced = face_areas((masks >= _REPLACED).float(), aligned, 1)[0] if len(aligned) else None  # [H, W]
    for face in detect(output):
        owner = _owner(face, aligned.faces, replaced)
        if owner is None:
            missed.append(face)
        else:
            views[owner].append(face)
    nearest = tuple(_nearest(output, faces, aligned.size, judge, sources) for faces in views)
    hidden = tuple(distance is not None and distance > judge.threshold for distance in nearest)
    return Verification(nearest, hidden, tuple(missed))


def measured(embeddings: Tensor) -> bool:
    """Whether these embeddings say anything: finite, and none of length zero."""
    return bool(torch.isfinite(embeddings).all()) and bool((embeddings.norm(dim=-1) > 0).all())


def _nearest(
    output: Tensor, faces: Sequence[Face], size: int, judge: Recogniser, sources: Tensor
) -> float | None:
    try:
        crops = align_faces(output[None], [faces], size).crops  # [V, S, S, 3]
    except InputError:  # a view whose landmarks span no face cannot be cut out, so it was not measured
        return None
    embeddings = judge.embed(crops)
    if not measured(embeddings):
        return None
    return float(pairwise_identity_distance(embeddings, sources).min())


def _owner(face: Face, handled: Sequence[Face], replaced: Tensor | None) -> int | None:
    """Which handled face a face in the output is: the one in the same place, or the one whose new pixels it
    is made of.
    """
    if not handled:
        return None
    distances = [_distance(face, other) for other in handled]
    closest = int(np.argmin(distances))
    for index in sorted(range(len(handled)), key=distances.__getitem__):
        if same_place(face, handled[index]):
            return index
    return closest if replaced is not None and _made_of(face, replaced) else None


def same_place(a: Face, b: Face) -> bool:
    """Centres closer than a third of the smaller size, and sizes within a factor of 2.5."""
    small, large = sorted((a.size, b.size))
    return _distance(a, b) < small / 3 and large < 2.5 * small


def _made_of(face: Face, replaced: Tensor) -> bool:
    """Whether most of the five landmarks lie on replaced pixels: what a detector makes of a new face and the hair above."""
    height, width = replaced.shape
    x, y = np.rint(face.landmarks).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return int(replaced[torch.from_numpy(y[inside]), torch.from_numpy(x[inside])].sum()) > len(x) / 2


def _distance(a: Face, b: Face) -> float:
    """Between the centres of the boxes, in pixels."""
    return math.hypot(*((a.box[k] + a.box[k + 2] - b.box[k] - b.box[k + 2]) / 2 for k in (0, 1)))
