"""From the supersampled render to the picture: backdrop, camera noise, and the label map at half the size."""

from __future__ import annotations

import cv2
import numpy as np

from .backdrop import backdrop
from .parameters import State

__all__ = ["SUPERSAMPLING", "compose"]

SUPERSAMPLING = 2


def compose(state: State, rgba: np.ndarray, labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """rgba: [2S, 2S, 4] uint8 and labels: [2S, 2S] uint8, top row first -> [S, S, 3] and [S, S] uint8."""
    rng = np.random.default_rng(state.background_seed)
    behind = backdrop(rng, size)
    head = cv2.resize(rgba, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    image = head[..., :3] + np.clip(behind, 0, 1) * (1 - head[..., 3:])
    grey = rng.normal(size=(size, size, 1)).astype(np.float32) * 0.006 * state.noise
    image += grey + rng.normal(size=(size, size, 3)).astype(np.float32) * 0.004 * state.noise
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8), _halve(labels)


def _halve(labels: np.ndarray) -> np.ndarray:
    """The majority of three pixels of each 2 x 2 block; ties keep the upper left one."""
    first, second, third = labels[0::2, 0::2], labels[1::2, 1::2], labels[0::2, 1::2]
    return np.where(second == third, second, first)
