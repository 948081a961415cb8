"""Small geometry: rotations, smooth steps, tubes and spheres."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Part", "rotation", "smoothstep", "sphere", "tube", "unit"]


class Part(NamedTuple):
    """A triangle mesh."""

    vertices: np.ndarray  # [V, 3]
    normals: np.ndarray  # [V, 3]
    triangles: np.ndarray  # [T, 3] int32


def rotation(yaw: float, pitch: float, roll: float = 0.0) -> np.ndarray:
    """[3, 3] rotation about z (roll), then x (pitch), then y (yaw)."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    cr, sr = np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def smoothstep(start: float, end: float, x: np.ndarray) -> np.ndarray:
    """Cubic step from 0 at `start` to 1 at `end`; falling when `end < start`."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] scaled to length one; zero stays zero."""
    return v / np.sqrt(np.maximum(np.einsum("...i,...i->...", v, v), 1e-18))[..., None]


def tube(path: np.ndarray, radius: float, sides: int = 8, closed: bool = True) -> Part:
    """A round tube along `path` [N, 3]."""
    n = len(path)
    tangent = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    tangent = unit(tangent)
    across = unit(np.cross(tangent, [0, 0, 1.0]) + 1e-6)
    up = np.cross(tangent, across)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None, :, None]
    normals = across[:, None] * np.cos(angle) + up[:, None] * np.sin(angle)  # [N, sides, 3]
    vertices = path[:, None] + normals * np.reshape(radius, (-1, 1, 1))
    triangles = []
    for i in range(n if closed else n - 1):
        for j in range(sides):
            a, b = i * sides, (i + 1) % n * sides
            k = (j + 1) % sides
            triangles += [(a + j, b + j, b + k), (a + j, b + k, a + k)]
    return Part(vertices.reshape(-1, 3), normals.reshape(-1, 3), np.array(triangles, np.int32))


def sphere(centre: np.ndarray, radius: float, rings: int = 10) -> Part:
    polar, around = np.meshgrid(np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, 2 * rings))
    normals = np.stack([np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)], -1)
    normals = normals.reshape(-1, 3)
    triangles = []
    for i in range(2 * rings - 1):
        for j in range(rings - 1):
            a = i * rings + j
            triangles += [(a, a + 1, a + rings), (a + 1, a + rings + 1, a + rings)]
    return Part(normals * radius + centre, normals, np.array(triangles, np.int32))
