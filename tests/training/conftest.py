"""Invented heads, for tests that need no renderer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.data import Heads

STATES = 5


@pytest.fixture
def heads() -> Heads:
    """Twelve invented persons in five pictures each; two persons are held out."""
    rng = np.random.default_rng(0)
    count = 12 * STATES
    ident = np.repeat(np.arange(12), STATES)
    held = ident >= 10
    return Heads(
        img=rng.integers(0, 256, (count, 128, 128, 3), dtype=np.uint8),
        lab=rng.integers(0, 19, (count, 128, 128), dtype=np.uint8),
        lm5=rng.uniform(30, 90, (count, 5, 2)).astype(np.float32),
        att=rng.random((count, 3)) < 0.5,
        ident=ident,
        donor=ident,
        vec=rng.standard_normal((12, 296), dtype=np.float32).repeat(STATES, 0),
        names=("Male", "Young", "Smiling"),
        train=np.nonzero(~held)[0],
        held_out=np.nonzero(held)[0],
    )


@pytest.fixture
def exchanged(heads: Heads) -> Heads:
    """The same pictures with the face of the next person."""
    return replace(heads, img=255 - heads.img, donor=(heads.ident + 1) % 10)


class Watched:
    """An array that notes which of its rows are read."""

    def __init__(self, array: np.ndarray, read: set[int]) -> None:
        self.array, self.read, self.shape = array, read, array.shape

    def __getitem__(self, index: int | np.ndarray) -> np.ndarray:
        self.read.update(np.atleast_1d(index).tolist())
        return self.array[index]


@pytest.fixture
def watch() -> Callable[..., tuple[Any, set[int]]]:
    """watch(heads, "img", ...): the same heads, and the numbers of the pictures whose arrays of these names are read."""

    def watch(heads: Any, *names: str) -> tuple[Any, set[int]]:
        read: set[int] = set()
        return replace(heads, **{name: Watched(getattr(heads, name), read) for name in names}), read

    return watch
