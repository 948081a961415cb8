"""Where hairs grow: points scattered once over the template, the same for every head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .model import FaceModel

__all__ = ["BEARD_ROOTS", "HAIR_ROOTS", "LOCKS", "Roots", "scatter_roots"]

HAIR_ROOTS, BEARD_ROOTS = 4600, 2200
LOCKS = 260  # hairs of one lock share a direction and a shade


@dataclass(frozen=True, eq=False)
class Roots:
    """R points on triangles: the corners [R, 3], their weights [R, 3], the place on the template [R, 3]."""

    corners: np.ndarray
    weights: np.ndarray
    template: np.ndarray
    lock: np.ndarray | None = None  # [R] in 0..LOCKS-1

    def __len__(self) -> int:
        return len(self.corners)

    def __getitem__(self, chosen: np.ndarray) -> Roots:
        lock = None if self.lock is None else self.lock[chosen]
        return Roots(self.corners[chosen], self.weights[chosen], self.template[chosen], lock)

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Vertex values [V] or [V, C] at the roots."""
        weights = self.weights if values.ndim == 1 else self.weights[..., None]
        return (values[self.corners] * weights).sum(1)


def scatter_roots(model: FaceModel) -> tuple[Roots, Roots]:
    """Roots of the hair and of the beard, evenly by area; always the same ones."""
    rng = np.random.default_rng(7)
    triangles, neutral = model.triangles["skin"], model.neutral

    def scatter(usable: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        t = triangles[usable]
        edges = neutral[t[:, 1]] - neutral[t[:, 0]], neutral[t[:, 2]] - neutral[t[:, 0]]
        area = np.linalg.norm(np.cross(*edges), axis=1)
        corners = t[rng.choice(len(t), count, p=area / area.sum())]
        u = rng.random((count, 2))
        outside = u.sum(1) > 1
        u[outside] = 1 - u[outside]
        return corners, np.stack([1 - u.sum(1), u[:, 0], u[:, 1]], 1).astype(np.float32)

    def place(corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return (neutral[corners] * weights[..., None]).sum(1)

    widest = model.hair_region((0.6, -0.3, -1.0))
    hair = scatter(widest[triangles].max(1) > -0.3, HAIR_ROOTS)
    any_beard = model.regions.beard.max(1)
    on_lips = model.regions.lip[triangles].max(1) >= 0.1
    beard = scatter((any_beard[triangles].max(1) > -0.1) & ~on_lips, BEARD_ROOTS)
    template = place(*hair)
    centres = template[rng.choice(HAIR_ROOTS, LOCKS)]
    lock = np.argmin(((template[:, None] - centres[None]) ** 2).sum(-1), 1)
    return Roots(*hair, template, lock), Roots(*beard, place(*beard))
