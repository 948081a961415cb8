"""This project's own detector: what its word counts for, and what the shipped weights see without any other detector."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor, nn

from styleid.faces import detect_faces
from styleid.faces._candidates import Candidate, from_landmarks, make_view, same_face
from styleid.faces._detector import detect_styleid
from styleid.faces.detect import SURE
from styleid.networks import load_network
from styleid.networks.detector import STRIDE, DetectorConfig, FaceDetector, cell_middles

SPOT = torch.tensor([100.0, 60.0])
UPRIGHT = torch.tensor([[-10.0, -12], [10, -12], [0, 0], [-7, 10], [7, 10]])


class OneFace(nn.Module):
    """Believes in one face of 44 pixels where the upright `with_spot()` is bright, in full and in half size."""

    def __init__(self, belief: float) -> None:
        super().__init__()
        self.belief = belief

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows, columns = (n // STRIDE for n in x.shape[2:])
        belief, scale = torch.zeros(1, rows, columns), x.shape[2] / 160
        column, row = (SPOT * scale).int().tolist()
        if scale in (1.0, 0.5) and x[0, 0, row, column] > 0:
            belief[0, row // STRIDE, column // STRIDE] = self.belief
        return belief, ((SPOT + UPRIGHT) * scale).expand(1, rows, columns, 5, 2)


def with_spot() -> Tensor:
    photo = torch.full((160, 200, 3), 0.4)
    photo[56:64, 96:104] = 0.8
    return photo


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return load_network("embedded-detector", "detector")


def photo_of(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array[..., :3].astype(np.float32)) / 255  # [H, W, 3]


def test_one_sure_detector_is_enough() -> None:
    (face,) = detect_faces(with_spot(), landmark_net=None, detector=OneFace(SURE["styleid"] + 0.01))
    assert face.detector == "styleid"
    np.testing.assert_allclose(face.landmarks, UPRIGHT.numpy() + np.array([99.5, 59.5]), atol=0.01)


def test_an_unsure_one_is_not() -> None:
    assert detect_faces(with_spot(), landmark_net=None, detector=OneFace(SURE["styleid"] - 0.01)) == []


def test_places_are_those_of_the_picture_at_every_scale() -> None:
    """Faces are found in shrunk pictures, and where the sides are no multiples of the network's cells."""

    class Middle(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            places = cell_middles(x.shape[2] // STRIDE, x.shape[3] // STRIDE)
            bright = x[0].mean(0)[places[..., 1].long(), places[..., 0].long()]
            return (bright == bright.max())[None].float(), places[None, :, :, None] + UPRIGHT

    photo = torch.zeros(3, 333, 245)
    photo[:, 180:220, 60:100] = 1
    for size in (16.0, 40.0):
        for found in detect_styleid(Middle(), make_view(photo, 0, 400), size):
            assert np.abs(found.landmarks.mean(0) - [79.5, 199.5]).max() < 35


def test_tiny_and_odd_pictures() -> None:
    network = FaceDetector(DetectorConfig(widths=(8, 8, 8, 8))).eval()
    for shape in ((1, 1), (33, 500), (47, 31), (64, 48)):
        assert isinstance(detect_styleid(network, make_view(torch.rand(3, *shape), 0, 2400), 16.0), list)


@pytest.mark.parametrize("angle", [0, 50, 90, 145, 180, 230, 300])
def test_a_face_is_found_at_any_angle_without_other_detectors(net: nn.Module, angle: int) -> None:
    close_up = photo_of(data.astronaut())[10:230, 110:330].movedim(-1, 0).contiguous()
    turned = make_view(close_up, -angle, 600)
    best = max(detect_styleid(net, make_view(turned.image, 0, 600), 40.0), key=lambda one: one.score)
    assert same_face(turned.place(best), Candidate(np.array([113.0, 117.0]), 78.0, 0.0, 1.0, 1, ""))
    assert abs((from_landmarks(best.landmarks, 0, "").angle - angle + 180) % 360 - 180) < 25


@pytest.mark.parametrize("name", ["coffee", "chelsea", "gravel", "coins", "text", "rocket"])
def test_it_is_never_sure_in_pictures_without_people(net: nn.Module, name: str) -> None:
    image = getattr(data, name)()
    image = np.stack([image] * 3, -1) if image.ndim == 2 else image
    view = make_view(photo_of(image).movedim(-1, 0).contiguous(), 0, 2400)
    assert all(one.score < SURE["styleid"] for one in detect_styleid(net, view, 16.0))
