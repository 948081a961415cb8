"""Invented heads, for tests that need no renderer."""

from __future__ import annotations

from dataclasses import replace

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
