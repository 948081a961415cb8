"""What lies behind the rendered heads."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2")

from training.render.backdrop import backdrop


def drawn(seed: int) -> np.ndarray:
    return backdrop(np.random.default_rng(seed), 64)


def test_a_seed_is_one_picture() -> None:
    assert np.array_equal(drawn(3), drawn(3))
    assert not np.array_equal(drawn(3), drawn(4))


def test_backdrops_are_pictures_of_many_kinds() -> None:
    pictures = np.stack([drawn(seed) for seed in range(60)])
    assert pictures.shape == (60, 64, 64, 3)
    assert np.isfinite(pictures).all()
    assert ((pictures > -0.05) & (pictures < 1.2)).mean() > 0.97
    detail = np.abs(np.diff(pictures, axis=2)).mean((1, 2, 3))
    assert detail.max() > 10 * detail.min()  # from a plain wall to foliage in focus
    assert pictures.mean((1, 2, 3)).std() > 0.1
