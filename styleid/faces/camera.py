"""How a head is turned, as gradients can follow it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..family import resized
from ..metrics.geometry import MEAN_FACE
from ..networks.heads import LandmarkNet

__all__ = ["affine_camera"]

# Where the landmark net looks in an aligned crop, rows and columns as shares of its side.
_LOOSE = (slice(31 / 128, 1.0), slice(1 / 8, 7 / 8))
# Least squares: landmarks [5, 2] around their mean to the camera [3, 2].
_FIT = torch.from_numpy(np.linalg.pinv(MEAN_FACE - MEAN_FACE.mean(0)))  # [3, 5]


def affine_camera(landmark_net: LandmarkNet, pictures: Tensor) -> Tensor:
    """Affine cameras `[N,3,2]` of unit size in which a mean face has the landmarks of the aligned faces `[N,3,S,S]` in
    [-1, 1]."""
    side = pictures.shape[-1]
    rows, columns = (slice(round(one.start * side), round(one.stop * side)) for one in _LOOSE)
    loose = resized(pictures[..., rows, columns], landmark_net.input_size)
    points, _ = landmark_net.raw(loose.to(next(landmark_net.parameters())))
    points = points.to(pictures)
    camera = _FIT.to(points) @ (points - points.mean(1, keepdim=True))
    return camera / camera.detach().square().sum((1, 2), keepdim=True).sqrt()
