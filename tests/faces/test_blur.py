"""Blurred heads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from styleid.errors import InputError
from styleid.faces import BLURS, Face, align_faces, blur_faces

POINTS = np.array([[80, 80], [120, 80], [100, 102], [85, 124], [115, 124]], dtype=np.float64)


def faces() -> list[list[Face]]:
    return [[Face((65, 60, 135, 145), POINTS, 1.0, "test")]]


def test_blur_leaves_no_detail_in_the_face_and_keeps_the_rest() -> None:
    photo = torch.rand(1, 260, 300, 3, generator=torch.Generator().manual_seed(0))
    blurred = blur_faces(photo, faces())
    inner = blurred[0, 60:146, 62:138]
    assert inner.diff(dim=0).abs().max() < 0.05
    assert torch.equal(blurred[0, 225:], photo[0, 225:])
    assert torch.equal(blurred[0, :, 230:], photo[0, :, 230:])


def test_each_blur_is_stronger_and_the_last_leaves_one_colour() -> None:
    ramp = torch.linspace(0, 1, 300).expand(260, 300)
    photo = torch.stack([ramp, ramp.flip(1), ramp], -1)[None]
    left = [
        blur_faces(photo, faces(), cells=cells)[0, 60:146, 62:138].std(dim=(0, 1)).max() for cells in BLURS
    ]
    assert left[0] > left[1] > left[2] and left[2] < 1e-4


def test_blur_covers_the_box_even_where_landmarks_are_wrong() -> None:
    photo = torch.rand(1, 400, 400, 3, generator=torch.Generator().manual_seed(0))
    wrong = Face((40, 40, 300, 300), POINTS, 1.0, "test")
    blurred = blur_faces(photo, [[wrong]])
    assert (blurred[0, 45:295, 45:295] != photo[0, 45:295, 45:295]).float().mean() > 0.99


def test_no_cell_is_no_blur() -> None:
    with pytest.raises(InputError, match="found 0"):
        blur_faces(torch.rand(1, 260, 300, 3), faces(), cells=0)


def test_aligned_faces_and_lists_give_the_same() -> None:
    photo = torch.rand(1, 260, 300, 3, generator=torch.Generator().manual_seed(0))
    aligned = align_faces(photo, faces(), 32)
    assert torch.equal(blur_faces(photo, aligned), blur_faces(photo, faces()))


def test_blur_at_the_photographs_edge_and_in_a_turned_head() -> None:
    angle = np.radians(140)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (POINTS - 100) @ turn.T + [10, 20]
    photo = torch.rand(1, 120, 120, 3, generator=torch.Generator().manual_seed(0))
    blurred = blur_faces(photo, [[Face((-30, -20, 50, 60), points, 1.0, "test")]])
    assert blurred[0, :50, :40].diff(dim=0).abs().max() < 0.06
