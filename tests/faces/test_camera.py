"""How a head is turned, from the landmark net's points."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from styleid.faces.camera import affine_camera
from styleid.metrics.geometry import MEAN_FACE


class Points(torch.nn.Module):
    """A landmark net that always sees the same points."""

    input_size = 32

    def __init__(self, points: np.ndarray) -> None:
        super().__init__()
        self.points = torch.nn.Parameter(torch.from_numpy(points).float())

    def raw(self, x):
        return self.points.expand(len(x), 5, 2), x.mean((1, 2, 3))


def test_size_and_place_do_not_count_and_a_turn_does() -> None:
    picture = torch.zeros(1, 3, 64, 64)
    frontal = affine_camera(Points(MEAN_FACE[:, :2]), picture)
    torch.testing.assert_close(affine_camera(Points(0.1 * MEAN_FACE[:, :2] + 0.4), picture), frontal)
    torch.testing.assert_close(frontal[0], torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]) / 2**0.5)
    turned = MEAN_FACE @ Rotation.from_euler("y", 20, degrees=True).as_matrix()
    moved = affine_camera(Points(turned[:, :2]), picture) - frontal
    assert float(moved.detach().norm()) > 0.2


def test_gradients_reach_the_points() -> None:
    net = Points(MEAN_FACE[:, :2])
    affine_camera(net, torch.zeros(1, 3, 64, 64))[0, 2].sum().backward()
    assert bool(net.points.grad.any())
