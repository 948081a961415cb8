"""FFHQ alignment: an upright square crop of every face, any rotation and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import InputError
from . import _warp
from .face import Face

__all__ = ["AlignedFaces", "align_faces", "ffhq_quad"]


@dataclass(frozen=True, eq=False)
class AlignedFaces:
    """The aligned crops of a batch of photographs, in a stable order: by frame, then as detected.

    crops: IMAGE [N, S, S, 3] in 0..1; N may be 0.
    faces: the N faces; frames: for each, the index of its photograph in the batch.
    to_crop: float64 [N, 2, 3], photograph pixel (x, y) -> crop pixel (x, y), pixel centres at integers.
    frame_size: (H, W) of the photographs.
    """

    crops: torch.Tensor
    faces: tuple[Face, ...]
    frames: tuple[int, ...]
    to_crop: np.ndarray
    frame_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def size(self) -> int:
        """Side S of the crops in pixels."""
        return int(self.crops.shape[1])

    def __repr__(self) -> str:
        height, width = self.frame_size
        return f"AlignedFaces({len(self)} faces, {self.size} px crops, photographs {width} x {height})"


def ffhq_quad(landmarks: np.ndarray) -> np.ndarray:
    """Corners of the FFHQ crop of landmarks [5, 2]: top left, bottom left, bottom right, top right, float64 [4, 2].

    Karras et al. 2019, `ffhq-dataset/download_ffhq.py`; the corners are the crop's outer edges, so a crop of S
    pixels has its pixel (0, 0) half a pixel inside the first corner.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    eyes = (points[0] + points[1]) / 2
    eye_to_eye = points[1] - points[0]
    eye_to_mouth = (points[3] + points[4]) / 2 - eyes
    x = eye_to_eye - eye_to_mouth[::-1] * [-1, 1]
    length = np.hypot(*x)
    if not np.isfinite(length) or length < 1e-6:
        raise InputError("These landmarks do not span a face: eyes and mouth fall on one point.")
    x = x / length * max(np.hypot(*eye_to_eye) * 2.0, np.hypot(*eye_to_mouth) * 1.8)
    y = x[::-1] * [-1, 1]
    centre = eyes + eye_to_mouth * 0.1
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def crop_matrix(landmarks: np.ndarray, size: int) -> np.ndarray:
    """float64 [2, 3]: photograph pixel -> pixel of the FFHQ crop with side size."""
    top_left, bottom_left, _, top_right = ffhq_quad(landmarks)
    linear = np.stack([top_right - top_left, bottom_left - top_left], axis=1) / size
    return _warp.invert(np.concatenate([linear, (top_left + linear.sum(1) / 2)[:, None]], axis=1))


def align_faces(images: torch.Tensor, faces: Sequence[Sequence[Face]], size: int) -> AlignedFaces:
    """Cuts the FFHQ crop of every face out of photographs [B, H, W, 3] in 0..1.

    faces: for each photograph its faces. Outside the photograph the picture is mirrored. Crops are antialiased when
    they shrink the face and bicubic when they enlarge it.
    """
    if images.ndim != 4 or images.shape[-1] != 3 or not images.is_floating_point():
        raise InputError(
            f"Photographs must be floats [B, H, W, 3] in 0..1, found {images.dtype} {list(images.shape)}."
        )
    if len(faces) != len(images):
        raise InputError(f"{len(images)} photographs need as many lists of faces, found {len(faces)}.")
    if size < 8:
        raise InputError(f"Crops need a side of at least 8 pixels, found {size}.")
    flat = [(frame, face) for frame, found in enumerate(faces) for face in found]
    matrices = [crop_matrix(face.landmarks, size) for _, face in flat]
    crops = [_cut(images[frame], matrix, size) for (frame, _), matrix in zip(flat, matrices, strict=True)]
    return AlignedFaces(
        crops=torch.stack(crops) if crops else images.new_zeros(0, size, size, 3),
        faces=tuple(face for _, face in flat),
        frames=tuple(frame for frame, _ in flat),
        to_crop=np.stack(matrices) if matrices else np.zeros((0, 2, 3)),
        frame_size=(int(images.shape[1]), int(images.shape[2])),
    )


def _cut(image: torch.Tensor, to_crop: np.ndarray, size: int) -> torch.Tensor:
    """One crop [S, S, 3] of a photograph [H, W, 3]; only the rectangle around the quad is touched."""
    height, width = image.shape[:2]
    from_crop = _warp.invert(to_crop)
    corners = _warp.apply(from_crop, np.array([[0, 0], [0, size], [size, 0], [size, size]]) - 0.5)
    margin = 4 + int(2 * _warp.scale_of(from_crop))
    x0, y0, x1, y1 = _warp.rectangle(corners, height, width, margin)
    if x1 - x0 < 2 or y1 - y0 < 2:
        raise InputError("A face lies outside the photograph: its crop holds no pixel of it.")
    region = image[y0:y1, x0:x1].movedim(-1, 0).contiguous()  # [3, h, w]
    from_crop = np.concatenate([from_crop[:, :2], from_crop[:, 2:] - [[x0], [y0]]], axis=1)
    return _warp.sample(region, from_crop, size, size).clamp_(0, 1).movedim(0, -1).contiguous()
