"""Glasses, earrings and the bun of tied hair as small meshes, fitted to the identity's head (head space)."""

from __future__ import annotations

import numpy as np

from .geometry import Part, sphere, tube
from .model import FaceModel
from .parameters import State

__all__ = ["bun", "earrings", "frame_colour", "glasses", "metal_colour"]

RIM_POINTS = 40
FRAMES = ((0.015, 0.015, 0.015), (0.05, 0.025, 0.015), (0.35, 0.30, 0.22), (0.08, 0.08, 0.1))
METALS = ((0.75, 0.55, 0.2), (0.7, 0.7, 0.72), (0.8, 0.78, 0.74))


def frame_colour(state: State) -> tuple[float, float, float]:
    return FRAMES[int(state.accessory_variation[4] * 3.99)]


def metal_colour(state: State) -> tuple[float, float, float]:
    return METALS[int(state.accessory_variation[6] * 2.99)]


def bun(state: State, knot: np.ndarray) -> Part:
    return sphere(knot + np.array([0, 0.3, 1.6]), 2.3 + 0.5 * state.hair_variation[4], 14)


def earrings(model: FaceModel, state: State, vertices: np.ndarray) -> list[Part]:
    """vertices: [V, 3] the identity's neutral head."""
    radius = 0.22 + 0.18 * state.accessory_variation[5]
    lobes = model.regions.earlobes
    return [
        sphere(vertices[lobes[side]] + np.array([sign * 0.25, -0.1, 0.25]), radius)
        for side, sign in (("l", 1), ("r", -1))
    ]


def glasses(model: FaceModel, state: State, vertices: np.ndarray) -> tuple[list[Part], list[Part]]:
    """Frame and lenses. vertices: [V, 3] the identity's neutral head."""
    lm, neutral, g = model.landmarks, model.neutral, state.accessory_variation

    def moved(i: int) -> np.ndarray:
        return vertices[lm[i]] - neutral[lm[i]]

    eyes = (moved(36) + moved(45) + moved(39) + moved(42)) / 4
    wide = (vertices[lm[45], 0] - vertices[lm[36], 0]) / (neutral[lm[45], 0] - neutral[lm[36], 0])
    centre = (3.3 * wide, 3.15 + eyes[1])
    half = (2.35 * wide + 0.35 * g[0], 1.45 + 0.75 * g[1])
    front = 11.35 + max(moved(27)[2], eyes[2])
    wire = 0.09 + 0.16 * g[3] ** 2
    rim_x, rim_y = _rim(centre, half, exponent=2.0 + 2.5 * g[2])
    frame, lenses = [], []
    for side, sign in (("l", 1), ("r", -1)):
        path = np.stack([sign * rim_x, rim_y, front - 0.035 * rim_x**2], 1)
        frame.append(tube(path, wire))
        lenses.append(_lens(path))
        lobe = vertices[model.regions.earlobes[side]]
        frame.append(_temple(sign, centre, half[0], front, wire, lobe))
    frame.append(_bridge(centre[0] - half[0], centre[1], front, wire))
    return frame, lenses


def _rim(
    centre: tuple[float, float], half: tuple[float, float], exponent: float
) -> tuple[np.ndarray, np.ndarray]:
    """A superellipse: round at exponent 2, nearly a rectangle above 4; the outer side sits higher."""
    t = np.linspace(0, 2 * np.pi, RIM_POINTS, endpoint=False)
    x = centre[0] + half[0] * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / exponent)
    y = centre[1] + half[1] * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / exponent)
    return x, y + 0.18 * (x - centre[0]) / half[0]


def _lens(rim: np.ndarray) -> Part:
    i = np.arange(RIM_POINTS)
    fan = np.stack([i, (i + 1) % RIM_POINTS, np.full(RIM_POINTS, RIM_POINTS)], 1).astype(np.int32)
    return Part(np.vstack([rim, rim.mean(0)]), np.tile([0, 0, 1.0], (RIM_POINTS + 1, 1)), fan)


def _temple(
    sign: int, centre: tuple[float, float], half_width: float, front: float, wire: float, lobe: np.ndarray
) -> Part:
    """The arm from the hinge to above the ear, a quadratic Bezier curve."""
    k = np.linspace(0, 1, 8)[:, None]
    cx, cy = centre
    hinge = np.array([sign * (cx + half_width), cy + 0.5, front - 0.035 * (cx + half_width) ** 2])
    ear = np.array([lobe[0] - sign * 0.25, cy + 0.9, lobe[2] + 0.2])
    middle = np.array([ear[0] + sign * 0.15, cy + 0.75, 5.0])
    path = (1 - k) ** 2 * hinge + 2 * k * (1 - k) * middle + k * k * ear
    return tube(path, max(wire * 0.9, 0.1), 6, closed=False)


def _bridge(inner: float, height: float, front: float, wire: float) -> Part:
    k = np.linspace(0, 1, 9)
    arch = np.sin(k * np.pi)
    path = np.stack([-inner + 2 * inner * k, height + 0.55 + 0.3 * arch, front + 0.1 + 0.15 * arch], 1)
    return tube(path, wire, 6, closed=False)
