"""Poses far beyond a portrait's, for the face detector: profiles, nods, and heads seen from behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .parameters import State

__all__ = ["MARGIN", "turned"]

# Side of the picture in units of FFHQ's crop: the whole head, its back included.
MARGIN = 1.8


def turned(rng: np.random.Generator, state: State) -> State:
    """The same picture of a person with the head turned: nine of ten show the face (yaw up to 95 degrees, pitch up to
    43), the tenth its back."""
    behind = rng.random() < 0.1
    yaw = np.radians(rng.uniform(130, 230) if behind else rng.uniform(-95, 95))
    pitch = np.clip(rng.normal() * 0.3, -0.75, 0.75)
    return replace(state, yaw=float(yaw), pitch=float(pitch), roll=float(rng.normal() * 0.1))
