"""Regions of the template head - lips, nose, ears, neck, beard, hair - as signed values per vertex.

Each is about a signed distance in centimetres, positive inside. They are defined once on the template, so
that every identity and expression carries them along.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import splev, splprep

from .geometry import smoothstep

__all__ = ["HEAD_VERTICES", "Regions", "hair_region", "template_regions"]

HEAD_VERTICES = 11248  # face, head and neck come first; sockets, teeth, eyes and lashes follow


@dataclass(frozen=True, eq=False)
class Regions:
    """All float32 (or bool) over the model's vertices [V]."""

    lip: np.ndarray
    nose: np.ndarray
    ear: np.ndarray  # 0..1
    neck: np.ndarray
    beard: np.ndarray  # [V, 3] moustache, goatee, jaw
    scalp: np.ndarray  # bool: hair may grow
    earlobes: dict[str, int]  # vertex at the tip of each lobe, "l" and "r"


def template_regions(neutral: np.ndarray, landmarks: np.ndarray) -> Regions:
    """neutral: [V, 3] the template, centimetres; landmarks: [68] vertex indices."""
    head = np.arange(len(neutral)) < HEAD_VERTICES
    ear = smoothstep(-0.1, 0.25, _ear(neutral))
    return Regions(
        lip=_lip(neutral, landmarks, head),
        nose=_nose(neutral).astype(np.float32),
        ear=ear,
        neck=_neck(neutral).astype(np.float32),
        beard=_beard(neutral, ear).astype(np.float32),
        scalp=head,
        earlobes={side: _earlobe(neutral, sign, head) for side, sign in (("l", 1), ("r", -1))},
    )


def _lip(v: np.ndarray, landmarks: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Signed distance, seen from the front, to a smooth curve through the outer lip landmarks."""
    points = v[landmarks[48:60], :2]
    spline, _ = splprep(np.vstack([points, points[:1]]).T, s=0, per=True)
    contour = np.stack(splev(np.linspace(0, 1, 300), spline), -1).astype(np.float32).reshape(-1, 1, 2)
    near = (np.abs(v[:, 0]) < 4) & (v[:, 1] > -6.5) & (v[:, 1] < -1) & (v[:, 2] > 7) & head
    lip = np.full(len(v), -3, np.float32)
    lip[near] = [cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in v[near, :2]]
    return lip


def _nose(v: np.ndarray) -> np.ndarray:
    ax, y, z = np.abs(v[:, 0]), v[:, 1], v[:, 2]
    nose = np.minimum.reduce([1.75 - ax - np.maximum(y - 0.8, 0) * 0.42, y + 1.35, 4.2 - y])
    nose = np.where(z > 8.6, nose, -1)
    bridge = np.maximum(1.0 - 0.12 * (y - 1.6), 0.2) - ax
    return np.where(y > 1.6, np.minimum(nose, bridge), nose)


def _ear(v: np.ndarray) -> np.ndarray:
    ax, y, z = np.abs(v[:, 0]), v[:, 1], v[:, 2]
    root = np.minimum.reduce([ax - 7.15, y + 2.3, 6.2 - y, 2.2 - z, z + 3.2])
    auricle = np.minimum.reduce([y + 2.6, 6.0 - y, 2.3 - z, z + 2.8])
    return np.where(ax > 7.75, auricle, np.minimum(root, -(7.75 - ax) * 0.8 + 0.25))


def _neck(v: np.ndarray) -> np.ndarray:
    """Below the jaw line, including the surface under the chin and the nape."""
    ax, y, z = np.abs(v[:, 0]), v[:, 1], v[:, 2]
    jaw = np.interp(
        ax, [0, 1.5, 3.1, 4.3, 5.7, 6.6, 7.0, 8.0], [-7.9, -7.6, -7.2, -6.5, -4.9, -3.0, -1.5, -1.0]
    )
    neck = np.where(z < 7.5, jaw - y + np.minimum(0, (4.2 - z)) * 0.35, jaw - 0.3 - y)
    return np.where(z < -0.5, np.maximum(neck, np.where(y < 1.5, 1, -1)), neck)


def _beard(v: np.ndarray, ear: np.ndarray) -> np.ndarray:
    ax, y, z = np.abs(v[:, 0]), v[:, 1], v[:, 2]
    moustache = np.minimum.reduce([y - (-3.9), (-1.25 - 0.06 * ax**2) - y, 3.25 - ax, (z - 8) * 1.0])
    chin = np.minimum.reduce([2.5 - ax, -4.35 - y + 0.03 * ax, y + 10.2, z - 4])
    beside_mouth = np.minimum.reduce([ax - 2.15, 3.25 - ax, -2.6 - y, y + 8.5, z - 6])
    cheek_line = np.interp(ax, [0, 2.9, 4, 5.5, 6.7, 7.2, 8], [-4.3, -2.9, -2.5, -1.2, 1.0, 3.0, 4.5])
    jaw = np.minimum.reduce([cheek_line - y, y + 9.6, z - 1.2, 7.6 - ax])
    return np.stack([moustache, np.maximum(chin, beside_mouth), np.where(ear > 0.3, -1, jaw)], 1)


def _earlobe(v: np.ndarray, sign: int, head: np.ndarray) -> int:
    x, y, z = v.T
    near = (sign * x > 7.3) & (y > -2.6) & (y < 0) & (z > -2.5) & (z < 2.5) & head
    return int(np.where(near, y, 99).argmin())


def hair_region(neutral: np.ndarray, regions: Regions, hairline: tuple[float, float, float]) -> np.ndarray:
    """[V] float32: signed height above the hairline, cm, clipped to -4..6.

    hairline: height of the front (added), recession at the temples, length of the sideburns (added, so
    negative is longer). The line is a polyline over the angle around the head: 0 the front, 180 degrees the
    nape.
    """
    front, temples, sideburn = hairline
    angles = np.radians([0, 20, 36, 48, 58, 66, 73, 84, 97, 112, 125, 150, 180])
    heights = np.array(
        [10.5, 10.6, 10.5, 9.7, 7.8, 4.4 + sideburn, 1.9 + sideburn, 6.6, 6.3, 1.2, -2.0, -4.6, -5.0]
    )
    recession = (
        np.interp(angles, np.radians([0, 15, 33, 48, 58, 64]), [0.35, 0.6, 1.5, 1.3, 0.5, 0]) * temples
    )
    heights = heights + recession
    heights[:4] += front
    around = np.arctan2(np.abs(neutral[:, 0]), neutral[:, 2] + 0.5)
    above = neutral[:, 1] - np.interp(around, angles, heights)
    above = np.where(regions.ear > 0.25, -2, above)
    return np.where(regions.scalp, np.clip(above, -4, 6), -4).astype(np.float32)
