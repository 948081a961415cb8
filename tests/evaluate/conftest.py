"""Photographs with known faces instead of a detector: small coloured frames would not hold a real one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from styleid.evaluate import Evaluation
from styleid.evaluate import evaluation as evaluation_module
from styleid.evaluate import faces as faces_module

PLACES = ((60, 70, 60), (170, 80, 70))  # (x, y, size) of the two faces of every photograph


@pytest.fixture(autouse=True)
def small_measured_crops(monkeypatch) -> None:
    """Faces are measured at 64 pixels instead of 256: the same steps, several times faster."""
    for module in (evaluation_module, faces_module):
        monkeypatch.setattr(module, "CROP", 64)


@pytest.fixture
def faces(make_face) -> list:
    return [make_face(*place) for place in PLACES]


@pytest.fixture
def changed(photograph, faces) -> Callable[..., torch.Tensor]:
    """changed(image, seed): the same photograph with other pixels in both faces' boxes."""

    def change(image: torch.Tensor, seed: int = 99) -> torch.Tensor:
        output, other = image.clone(), photograph(*image.shape[:2], seed=seed)
        for face in faces:
            x0, y0, x1, y1 = (int(v) for v in face.box)
            output[y0:y1, x0:x1] = other[y0:y1, x0:x1]
        return output

    return change


@pytest.fixture
def evaluation(tiny_family, faces) -> Callable[..., Evaluation]:
    """evaluation(detect): a fresh evaluation; by default both faces are found in every picture."""

    def make(detect=None, **options) -> Evaluation:
        return Evaluation(tiny_family, detect=detect or (lambda image: faces), **options)

    return make
