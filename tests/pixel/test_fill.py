"""Colours go on where they are not known."""

from __future__ import annotations

import pytest
import torch

from styleid.pixel.fill import going_on


@pytest.mark.parametrize("size", [(64, 64), (63, 40), (1, 5)])
def test_what_is_known_stays_and_the_rest_lies_between(size: tuple[int, int]) -> None:
    picture = torch.rand(*size, 3, generator=torch.Generator().manual_seed(1))
    known = torch.zeros(size, dtype=torch.bool)
    known[:, :2] = True
    filled = going_on(picture, known)
    assert torch.equal(filled[known], picture[known])
    assert filled.min() >= picture[known].min()
    assert filled.max() <= picture[known].max()


def test_near_one_colour_there_is_that_colour() -> None:
    picture = torch.zeros(64, 64, 3)
    picture[:, :8], picture[:, 8:56] = 1.0, torch.nan
    known = ~picture.isnan()[..., 0]
    filled = going_on(picture.nan_to_num(), known)
    assert filled[:, 10].min() > 0.8
    assert filled[:, 53].max() < 0.2
