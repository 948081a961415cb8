"""Ambient occlusion of the template head: how open each vertex is to light from above and around."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import moderngl
import numpy as np

from .camera import look_at, orthographic
from .model import FaceModel

__all__ = ["ambient_occlusion"]

RESOLUTION = 512
DIRECTIONS = 72
CENTRE = np.array([0, -2, 1])


def ambient_occlusion(
    context: moderngl.Context,
    model: FaceModel,
    draw_depth: Callable[[np.ndarray], None],
    cache: Path | None,
) -> np.ndarray:
    """[V] float32, 1 = open.

    draw_depth: draws the template's skin into the bound frame buffer with a matrix [4, 4]; cache: `.npy` file
    to read, or to write where it does not exist yet; None bakes each time (some seconds).
    """
    if cache is not None and cache.is_file():
        return np.load(cache)
    openness = _finish(_bake(context, model, draw_depth), model)
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        unfinished = cache.with_suffix(f".{os.getpid()}.tmp.npy")  # several processes may bake at once
        np.save(unfinished, openness)
        unfinished.replace(cache)
    return openness


def _directions() -> np.ndarray:
    """[72, 3] a Fibonacci spiral over the sphere, without the part below the chin."""
    i = np.arange(DIRECTIONS) + 0.5
    polar = np.arccos(1 - 1.75 * i / DIRECTIONS)
    around = np.pi * (1 + 5**0.5) * i
    d = np.stack([np.cos(around) * np.sin(polar), np.cos(polar), np.sin(around) * np.sin(polar)], 1)
    return d / np.linalg.norm(d, axis=1, keepdims=True)


def _bake(
    context: moderngl.Context, model: FaceModel, draw_depth: Callable[[np.ndarray], None]
) -> np.ndarray:
    depth = context.depth_texture((RESOLUTION, RESOLUTION))
    depth.compare_func = ""
    target = context.framebuffer(depth_attachment=depth)
    vertices, normals = model.neutral, model.normals(model.neutral)
    seen, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    for direction in _directions():
        up = (0, 1, 0) if abs(direction[1]) < 0.95 else (0, 0, 1)
        matrix = orthographic(24, 1, 80) @ look_at(direction * 40 + CENTRE, CENTRE, up)
        target.use()
        target.clear(depth=1.0)
        draw_depth(matrix)
        nearest = np.frombuffer(depth.read(), "f4").reshape(RESOLUTION, RESOLUTION)
        q = (vertices + normals * 0.10) @ matrix[:3, :3].T + matrix[:3, 3]
        column, row = (_texel(q[:, axis]) for axis in (0, 1))
        visible = (q[:, 2] * 0.5 + 0.5) < nearest[row, column] + 0.0016
        weight = np.maximum(normals @ direction, 0) * (1.0 if direction[1] > -0.2 else 0.5)
        seen += weight * visible
        total += weight
    return (seen / np.maximum(total, 1e-3)).astype(np.float32)


def _texel(device: np.ndarray) -> np.ndarray:
    return np.clip(np.round((device * 0.5 + 0.5) * RESOLUTION - 0.5).astype(int), 0, RESOLUTION - 1)


def _finish(raw: np.ndarray, model: FaceModel) -> np.ndarray:
    """Smooth; mouth and eyes lie behind skin that opens, so they get values of their own."""
    sharp = np.clip(raw * 1.12, 0, 1)
    openness = 0.5 * sharp + 0.5 * (model.laplacian @ sharp)
    mouth = slice(model.groups["gums_tongue"].start, model.groups["teeth"].stop)
    eyes = slice(model.groups["eyeball_l"].start, model.groups["eyeocc_r"].stop)
    openness[mouth] = 0.9
    openness[eyes] = np.clip(sharp[eyes] * 1.3 + 0.25, 0, 1)
    return openness.astype(np.float32)
