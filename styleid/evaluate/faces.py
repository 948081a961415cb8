"""Which face of the output is which face of the source, by place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from skimage.draw import polygon
from torch import Tensor

from ..errors import InputError
from ..faces import AlignedFaces, Face, align_faces, ffhq_quad

__all__ = ["CROP", "cut", "face_in_crop", "head_areas", "largest", "pair_faces", "same_size"]

CROP = 256  # side of the measured crops in pixels
_LEAST_OVERLAP = 0.3


def pair_faces(before: Sequence[Face], after: Sequence[Face]) -> list[int | None]:
    """For each face of a picture the index of the face in the same place of its output, or None.

    Boxes overlap by an IoU of 0.3 or more; of all assignments the one with the largest sum of overlaps.
    """
    overlap = np.array([[_iou(a.box, b.box) for b in after] for a in before]).reshape(len(before), len(after))
    pairs: list[int | None] = [None] * len(before)
    for row, column in zip(*linear_sum_assignment(-overlap), strict=True):
        if overlap[row, column] >= _LEAST_OVERLAP:
            pairs[row] = int(column)
    return pairs


def same_size(after: Tensor, before: Tensor) -> Tensor:
    """An output [h, w, 3] at its source's size [H, W, 3]: outputs may come back smaller."""
    if after.shape == before.shape:
        return after
    planes = torch.nn.functional.interpolate(
        after.movedim(-1, 0)[None],
        size=before.shape[:2],
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )
    return planes[0].movedim(0, -1).clamp(0, 1).contiguous()


def cut(picture: Tensor, face: Face) -> AlignedFaces | None:
    """The aligned crop of one face, or None where its landmarks span no face of the picture."""
    try:
        return align_faces(picture[None], [[face]], CROP)
    except InputError:
        return None


def face_in_crop(aligned: AlignedFaces, found: Sequence[Face]) -> bool:
    """Whether one of the faces found in a crop is the face that the crop was cut for."""
    matrix = aligned.to_crop[0]
    x0, y0, x1, y1 = aligned.faces[0].box
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) @ matrix[:, :2].T + matrix[:, 2]
    box = (*corners.min(0), *corners.max(0))
    return any(_iou(box, face.box) >= _LEAST_OVERLAP for face in found)


def head_areas(picture: Tensor, faces: Sequence[Face]) -> Tensor:
    """bool [H, W]: the squares of the faces' crops, hair included."""
    inside = np.zeros(picture.shape[:2], dtype=bool)
    for face in faces:
        try:
            x, y = ffhq_quad(face.landmarks).T
        except InputError:
            continue
        inside[polygon(y, x, inside.shape)] = True
    return torch.from_numpy(inside)


def largest(faces: Sequence[Face]) -> int:
    """The index of the largest face."""
    return max(range(len(faces)), key=lambda index: faces[index].size)


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return float(width * height / (sum(areas) - width * height))
