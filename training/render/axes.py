"""Directions in the model's identity space: measurements of the face, and sex and weight made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["ShapeAxes", "measure_axes"]

# How strongly each measurement differs between the sexes, and between slim and heavy people.
SEX = {
    "size": 0.9, "jaw_width": 0.8, "brow_depth": 0.9, "chin_height": 0.6, "chin_width": 0.5,
    "nose_length": 0.35, "nose_width": 0.4, "lip_thickness": -0.6, "eye_opening": -0.5, "brow_height": -0.7,
    "cheekbone": -0.35, "chin_depth": 0.3,
}  # fmt: skip
WEIGHT = {"jaw_width": 0.8, "cheek_fullness": 1.0, "cheek_width": 0.4, "under_chin": 0.8, "cheekbone": -0.4}


@dataclass(frozen=True, eq=False)
class ShapeAxes:
    """Unit vectors [K] over the K identity modes; the dot product with a shape is how much of it there is."""

    measurements: dict[str, np.ndarray]
    sex: np.ndarray  # towards male
    weight: np.ndarray  # towards heavy, at right angles to `sex`


def measure_axes(neutral: np.ndarray, modes: np.ndarray, landmarks: np.ndarray) -> ShapeAxes:
    """neutral: [V, 3]; modes: [K, V, 3] identity modes; landmarks: [68] vertex indices (Multi-PIE).

    A measurement such as "jaw width" is linear in the vertices, so its gradient over the modes is read off
    directly.
    """
    raw = _measurements(neutral, modes, landmarks)
    size = raw["size"]
    axes = {}
    for name, direction in raw.items():
        if name != "size":  # all others are relative to the size of the face
            direction = direction - size * (direction @ size) / (size @ size)
        axes[name] = direction / np.linalg.norm(direction)
    sex = sum(weight * axes[name] for name, weight in SEX.items())
    sex = sex / np.linalg.norm(sex)
    heavy = sum(weight * axes[name] for name, weight in WEIGHT.items())
    heavy -= sex * (heavy @ sex)
    return ShapeAxes(axes, sex, heavy / np.linalg.norm(heavy))


def _measurements(neutral: np.ndarray, modes: np.ndarray, landmarks: np.ndarray) -> dict[str, np.ndarray]:
    def x(i: int) -> np.ndarray:
        return modes[:, landmarks[i], 0]  # [K]

    def y(i: int) -> np.ndarray:
        return modes[:, landmarks[i], 1]

    def z(i: int) -> np.ndarray:
        return modes[:, landmarks[i], 2]

    def nearest(*point: float) -> int:
        return int(np.linalg.norm(neutral[:9409] - np.array(point), axis=1).argmin())

    bone_l, bone_r = (nearest(side * 5.3, 1.2, 7.5) for side in (1, -1))
    cheek_l, cheek_r = (nearest(side * 4.8, -2.8, 8.3) for side in (1, -1))
    below = [nearest(0, -8.6, 6.8), nearest(1.5, -8.3, 6.8), nearest(-1.5, -8.3, 6.8)]
    out = modes[:, :, 0]
    front = modes[:, :, 2]
    bones = out[:, bone_l] - out[:, bone_r] + front[:, bone_l] + front[:, bone_r]
    cheeks = out[:, cheek_l] - out[:, cheek_r] + front[:, cheek_l] + front[:, cheek_r]
    return {
        "size": (x(16) - x(0)) + (y(27) - y(8)),
        "jaw_width": x(12) - x(4),
        "cheek_width": x(14) - x(2),
        "face_height": y(27) - y(8),
        "chin_height": y(57) - y(8),
        "chin_depth": z(8) - z(33),
        "chin_width": x(9) - x(7) + x(10) - x(6),
        "nose_width": x(35) - x(31),
        "nose_length": y(27) - y(33),
        "nose_depth": z(30) - (z(31) + z(35)) / 2,
        "nose_tip_width": x(34) - x(32),
        "lip_thickness": (y(51) - y(62)) + (y(66) - y(57)),
        "mouth_width": x(54) - x(48),
        "eye_opening": (y(37) + y(38) - y(40) - y(41) + y(43) + y(44) - y(46) - y(47)) / 4,
        "eye_width": x(39) - x(36) + x(45) - x(42),
        "eye_distance": x(42) - x(39),
        "brow_depth": z(19) + z(24) - z(37) - z(44),
        "brow_height": y(19) + y(24) - y(37) - y(44),
        "cheekbone": bones - cheeks,
        "cheek_fullness": out[:, cheek_l] - out[:, cheek_r],
        "under_chin": y(8) - modes[:, below, 1].mean(1),
    }
