"""Backgrounds made by procedure: walls, rooms, foliage and stone, lights in the dark, stripes, out of focus or not."""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ["backdrop"]

Rng = np.random.Generator


def backdrop(rng: Rng, size: int) -> np.ndarray:
    """[S, S, 3] float32, mostly in 0..1, in display values."""
    kind = rng.choice(5, p=[0.4, 0.27, 0.17, 0.07, 0.09])
    picture = (_patches, _room, _foliage, _lights, _stripes)[kind](rng, size)
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    shade = 1 + rng.normal() * 0.12 * ramp[:, None, None] + rng.normal() * 0.12 * ramp[None, :, None]
    # Portraits are mostly taken with what lies behind out of focus.
    sharpest, softest = (0.002, 0.01) if rng.random() < 0.15 else (0.01, 0.06)
    blur = size * np.exp(rng.uniform(np.log(sharpest), np.log(softest)))
    return cv2.GaussianBlur((picture * shade).astype(np.float32), (0, 0), blur)


def _colour(rng: Rng, saturation: float = 0.12) -> np.ndarray:
    return np.clip(rng.uniform(0.05, 0.95) * np.exp(rng.normal(size=3) * saturation), 0, 1)


def _patches(rng: Rng, size: int) -> np.ndarray:
    """A few patches around one colour."""
    cells = int(rng.integers(2, 7))
    base = rng.uniform(0.15, 0.85) * np.ones(3) + rng.normal(size=3) * 0.055
    grey = rng.normal(size=(cells, cells, 1)) * rng.uniform(0.03, 0.2)
    tint = rng.normal(size=(cells, cells, 3)) * rng.uniform(0.0, 0.05)
    patches = np.clip(base * 0.9 + grey + tint, 0, 1).astype(np.float32)
    smooth = cv2.INTER_CUBIC if rng.random() < 0.75 else cv2.INTER_NEAREST
    return cv2.resize(patches, (size, size), interpolation=smooth)


def _room(rng: Rng, size: int) -> np.ndarray:
    """A wall with things of straight edges before it: frames, doors, windows, shelves, furniture."""
    picture = np.ones((size, size, 3), np.float32) * _colour(rng, 0.08).astype(np.float32)
    for _ in range(int(rng.integers(2, 12))):
        x, y = rng.uniform(-0.2, 1, 2) * size
        width, height = np.exp(rng.uniform(np.log(0.04), np.log(0.8), 2)) * size
        corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
        corners[:, 1] += (corners[:, 0] - size / 2) * rng.normal() * 0.06  # perspective
        cv2.fillPoly(picture, [corners.astype(np.int32)], _colour(rng).tolist(), cv2.LINE_AA)
        if rng.random() < 0.5:
            border = max(1, int(size * rng.uniform(0.004, 0.02)))
            cv2.polylines(
                picture, [corners.astype(np.int32)], True, _colour(rng).tolist(), border, cv2.LINE_AA
            )
    return picture + 0.02 * _noise(rng, size, 4)[..., None]


def _noise(rng: Rng, size: int, octaves: int, fall: float = 0.6) -> np.ndarray:
    """[S, S] float32: smooth noise of several scales, about -1..1."""
    total, weight = np.zeros((size, size), np.float32), 0.0
    for octave in range(octaves):
        cells = 3 * 2**octave
        layer = rng.normal(size=(cells, cells)).astype(np.float32)
        total += fall**octave * cv2.resize(layer, (size, size), interpolation=cv2.INTER_CUBIC)
        weight += fall ** (2 * octave)
    return total / np.sqrt(weight)


def _foliage(rng: Rng, size: int) -> np.ndarray:
    """Leaves, gravel, stone, cloth: colours mixed by noise, in hard or soft steps."""
    octaves = int(rng.integers(3, 7))
    colours = [_colour(rng, 0.25) for _ in range(3)]
    first = np.clip(0.5 + rng.uniform(0.3, 2.0) * _noise(rng, size, octaves, 0.85), 0, 1)[..., None]
    second = np.clip(0.5 + rng.uniform(0.3, 3.0) * _noise(rng, size, octaves - 1), 0, 1)[..., None]
    return (colours[0] * first + colours[1] * (1 - first)) * second + colours[2] * (1 - second)


def _lights(rng: Rng, size: int) -> np.ndarray:
    """Discs of light out of focus on a dark ground."""
    picture = np.ones((size, size, 3), np.float32) * (0.25 * _colour(rng)).astype(np.float32)
    for _ in range(int(rng.integers(5, 40))):
        place = tuple(int(v) for v in rng.uniform(0, size, 2))
        disc = np.zeros_like(picture)
        cv2.circle(disc, place, max(1, int(size * rng.uniform(0.01, 0.07))), _colour(rng).tolist(), -1)
        picture += disc * rng.uniform(0.2, 0.9)
    return np.clip(picture, 0, 1)


def _stripes(rng: Rng, size: int) -> np.ndarray:
    """Boards, blinds, bricks."""
    rows, columns = np.meshgrid(np.arange(size) / size, np.arange(size) / size, indexing="ij")
    angle = rng.choice([0.0, np.pi / 2]) + rng.normal() * 0.08
    along = rows * np.cos(angle) + columns * np.sin(angle)
    across = columns * np.cos(angle) - rows * np.sin(angle)
    period = rng.uniform(0.03, 0.2)
    number = np.floor(along / period)
    joint = (along / period) % 1 < rng.uniform(0.05, 0.3)
    if rng.random() < 0.4:  # bricks: every second row is moved by half a brick
        joint |= (across / (2.5 * period) + 0.5 * (number % 2)) % 1 < 0.08
    tone = rng.normal(size=256)[(number.astype(int)) % 256] * rng.uniform(0, 0.08)
    board = _colour(rng) + tone[..., None] + 0.05 * _noise(rng, size, 5)[..., None]
    return np.where(joint[..., None], _colour(rng), board)
