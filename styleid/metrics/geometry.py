"""What five landmarks and a label map can honestly tell about pose and expression.

Landmarks are ``[N, 5, 2]`` pixels (x, y): image-left eye, image-right eye, nose tip, image-left and image-right mouth
corner.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from ..errors import InputError

__all__ = ["MEAN_FACE", "expression_measures", "gaze_yaw", "head_pose", "landmark_drift", "pose_drift"]

# The five points on the mean head of ICT-FaceKit (USC ICT, MIT) in units of the eyes' distance: x to image right, y
# down, z away from the camera.
MEAN_FACE = np.array(
    [
        [-0.5, -0.521, 0.177],
        [0.5, -0.521, 0.177],
        [0, -0.055, -0.413],
        [-0.389, 0.548, 0.029],
        [0.389, 0.548, 0.029],
    ]
)
_EYES, _INNER_MOUTH, _LIPS = (4, 5), 10, (11, 12)  # classes of CelebAMask-HQ
_FEWEST = 4  # pixels of a part that count as seen
_EYE_TRAVEL = (
    0.75  # halves of the eye's opening that the iris moves by when it turns by 90 degrees, on rendered heads
)


def landmark_drift(before: ArrayLike, after: ArrayLike) -> np.ndarray:
    """Mean movement ``[N]`` of the five points, as a share of the distance between the eyes before."""
    before, after = _paired(before, after)
    eyes = np.linalg.norm(before[:, 1] - before[:, 0], axis=-1)
    if not (eyes > 0).all():
        raise InputError("Landmarks with both eyes in one point span no face.")
    return np.linalg.norm(after - before, axis=-1).mean(1) / eyes


def head_pose(landmarks: ArrayLike) -> np.ndarray:
    """Yaw, pitch and roll in degrees ``[N, 3]``: positive to image right, down, and clockwise.

    A weak-perspective fit of a mean head: least squares for the affine camera, then the nearest scaled rotation. Exact
    for the mean head from afar; the shape of a head shifts it by a few degrees, which before/after differences cancel
    in part.
    """
    return np.array([_angles(rotation) for rotation in _rotations(_points(landmarks))]).reshape(-1, 3)


def pose_drift(before: ArrayLike, after: ArrayLike) -> np.ndarray:
    """Angle ``[N]`` in degrees of the turn from one head pose to the other."""
    pairs = zip(*map(_rotations, _paired(before, after)), strict=True)
    return np.array([np.degrees((b * a.inv()).magnitude()) for a, b in pairs])


def expression_measures(labels: ArrayLike) -> dict[str, np.ndarray]:
    """From label maps ``[N, S, S]`` of aligned crops: ``mouth_open``, the share of the mouth that is not lips, 0..1, and
    ``eye_open``, height by width of the eyes. NaN where the parser saw no such part.
    """
    maps = np.asarray(labels)
    if maps.ndim != 3:
        raise InputError(f"Label maps must be [N, S, S], found {list(maps.shape)}.")
    return {
        "mouth_open": np.array([_mouth_open(one) for one in maps]),
        "eye_open": np.array([_eye_open(one) for one in maps]),
    }


def gaze_yaw(images: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """How far the eyes are turned sideways in the head, in degrees ``[N]``, positive to image right.

    The iris is darker than what surrounds it: its place is the mean place of an eye's pixels, weighted by how dark they
    are. NaN where the parser saw no eye.

    Args:
        images: aligned crops ``[N, S, S, 3]`` in 0..1.
        labels: their label maps ``[N, S, S]``.
    """
    pictures, maps = np.asarray(images, dtype=np.float64), np.asarray(labels)
    if maps.ndim != 3 or pictures.shape != (*maps.shape, 3):
        raise InputError(
            f"Gaze needs crops [N, S, S, 3] and their label maps, found {list(pictures.shape)} and {list(maps.shape)}."
        )
    turns = np.full(len(maps), np.nan)
    for i, (grey, parts) in enumerate(zip(pictures.mean(-1), maps, strict=True)):
        seen = [offset for eye in _EYES if (offset := _iris_offset(grey, parts == eye)) is not None]
        if seen:
            turns[i] = np.degrees(np.arcsin(np.clip(np.mean(seen) / _EYE_TRAVEL, -1, 1)))
    return turns


def _iris_offset(grey: np.ndarray, eye: np.ndarray) -> float | None:
    """Where in an eye's opening the iris is, in halves of its width from the middle."""
    rows, columns = np.nonzero(eye)
    half = 2 * columns.std() if len(columns) >= _FEWEST else 0.0  # of an ellipse, whatever single pixels do
    if half == 0:
        return None
    light = grey[rows, columns]
    dark, bright = np.quantile(light, (0.02, 0.9))
    weight = np.clip((bright - light) / max(bright - dark, 1e-6), 0, 1) ** 4
    return float((np.average(columns, weights=weight) - columns.mean()) / half) if weight.any() else None


def _mouth_open(labels: np.ndarray) -> float:
    lips, inner = int(np.isin(labels, _LIPS).sum()), int((labels == _INNER_MOUTH).sum())
    return inner / (inner + lips) if lips + inner >= _FEWEST else float("nan")


def _eye_open(labels: np.ndarray) -> float:
    ratios = []
    for eye in _EYES:
        rows, columns = np.nonzero(labels == eye)
        if len(rows) >= _FEWEST:
            ratios.append(
                float(rows.std() / max(columns.std(), 1e-9))
            )  # a stray pixel moves extents, not spreads
    return float(np.mean(ratios)) if ratios else float("nan")


def _rotations(points: np.ndarray) -> list[Rotation]:
    model = MEAN_FACE - MEAN_FACE.mean(0)
    rotations = []
    for face in points:
        affine = np.linalg.lstsq(model, face - face.mean(0), rcond=None)[0].T  # [2, 3]
        left, size, right = np.linalg.svd(affine, full_matrices=False)
        if size[1] < 1e-6 * max(size[0], 1e-12):
            raise InputError("These landmarks lie on a line: they span no face.")
        rows = left @ right
        rotations.append(Rotation.from_matrix(np.stack([*rows, np.cross(*rows)])))
    return rotations


def _angles(rotation: Rotation) -> tuple[float, float, float]:
    roll, yaw, pitch = rotation.as_euler("ZYX", degrees=True)
    return -yaw, pitch, roll


def _paired(before: ArrayLike, after: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    before, after = _points(before), _points(after)
    if before.shape != after.shape:
        raise InputError(f"Landmarks must pair up, found {list(before.shape)} and {list(after.shape)}.")
    return before, after


def _points(landmarks: ArrayLike) -> np.ndarray:
    points = np.asarray(landmarks, dtype=np.float64)
    if points.ndim == 2:
        points = points[None]
    if points.ndim != 3 or points.shape[1:] != (5, 2) or not np.isfinite(points).all():
        raise InputError(f"Landmarks must be finite [N, 5, 2], found {list(points.shape)}.")
    return points
