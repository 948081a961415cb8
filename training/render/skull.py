"""What hair collides with: the head as a radius per direction, and the neck and shoulders as ellipsoids."""

from __future__ import annotations

import numpy as np

from .geometry import unit
from .model import FaceModel

__all__ = ["Skull"]

# Centre and radii on the template, cm; the body is the neck and the shoulders.
SKULL = ((0, 5, 0.6), (7.8, 9.5, 9.3))
BODY = (((0, -11, -1.2), (5.6, 9.5, 5.0)), ((0, -19.5, -2), (18, 7, 7)))


class Skull:
    """One identity's head for collisions; the template's shapes are stretched to it along each axis."""

    def __init__(self, model: FaceModel, vertices: np.ndarray) -> None:
        """vertices: [V, 3] the identity's neutral head."""
        back = slice(model.groups["head_neck"].start, model.groups["head_neck"].stop, 7)
        template, head = model.neutral[back], vertices[back]
        self.scale = head.std(0) / template.std(0)  # [3]
        self.offset = head.mean(0) - template.mean(0) * self.scale  # [3]
        self._centre, self._radii = self._fit_ellipsoid(*SKULL)
        self._body = [self._fit_ellipsoid(*ellipsoid) for ellipsoid in BODY]
        self._inside = model.radial_centre * self.scale + self.offset
        self._radius = model.head_radius(vertices, self._inside)

    def _fit_ellipsoid(self, centre: tuple, radii: tuple) -> tuple[np.ndarray, np.ndarray]:
        return self.fit(np.array(centre)).astype(np.float32), (np.array(radii) * self.scale).astype(
            np.float32
        )

    def fit(self, point: np.ndarray) -> np.ndarray:
        """A point of the template on this head."""
        return point * self.scale + self.offset

    def outward(self, points: np.ndarray) -> np.ndarray:
        """[N, 3] the skull's normal next to each point."""
        return unit((points - self._centre) / self._radii**2)

    def volume_normals(self, points: np.ndarray) -> np.ndarray:
        """[N, S, 3] float32 normals that shade hair as one volume, not strand by strand."""
        centre = self._centre * np.array([1, 0.6, 0.6], np.float32)
        return unit((points - centre) / self._radii**2).astype(np.float32)

    def push_off_head(self, points: np.ndarray, margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points [N, 3] moved to `margin` [N] cm above the head or more, and their height before it [N]."""
        rows, columns = self._radius.shape
        q = points - self._inside
        distance = np.sqrt(np.einsum("ij,ij->i", q, q))
        safe = np.maximum(distance, 1e-6)
        row = np.clip((np.arccos(np.clip(q[:, 1] / safe, -1, 1)) / np.pi * rows).astype(int), 0, rows - 1)
        column = ((np.arctan2(q[:, 0], q[:, 2]) + np.pi) / (2 * np.pi) * columns).astype(int) % columns
        surface = self._radius[row, column]
        limit = surface + margin
        pushed = self._inside + q * (limit / safe)[:, None]
        return np.where((distance < limit)[:, None], pushed, points), distance - surface

    def push_off_body(self, points: np.ndarray, margin: np.ndarray) -> np.ndarray:
        """Points [N, 3] moved out of neck and shoulders, scaled by 1 + `margin` [N]."""
        limit = 1.0 + margin
        for centre, radii in self._body:
            q = (points - centre) / radii
            distance = np.sqrt(np.einsum("ij,ij->i", q, q))
            pushed = centre + q / np.maximum(distance, 1e-6)[:, None] * limit[:, None] * radii
            points = np.where((distance < limit)[:, None], pushed, points)
        return points
