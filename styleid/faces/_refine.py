"""A second look at a candidate: an upright crop, five landmarks and how much each network believes in a face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from . import _warp
from ._candidates import Candidate, from_landmarks
from ._mtcnn import Mtcnn

# Mean distance up to which two networks' landmarks mean the same place, in units of the face from brow to chin.
_NEAR = 0.15
# Side of the landmark net's crop in units of the face from brow to chin.
FACE_CROP_SCALE = 2.0
# The cascade's last stage sees a square this large, centred this far up from the candidate's centre.
_ONET_SCALE, _ONET_UP = 1.42, 0.13
_ONET_SIZE, _NET_SIZE = 48, 96
# Sizes to try where nobody measured the face: at a box of a cascade or of a user, and in an aligned crop.
LOOK_SIDES = (0.85, 1.1)
# Five points of an upright face, around its centre from brow to chin, in units of its side.
_USUAL = np.array([[-0.28, -0.33], [0.28, -0.33], [0.0, 0.0], [-0.2, 0.175], [0.2, 0.175]])

_Answer = tuple[np.ndarray, float]  # landmarks [5, 2] in photo pixels, belief 0..1


@dataclass(frozen=True, eq=False)
class Look:
    """What the second look found. landmarks [5, 2] in photo pixels; onet and net: beliefs 0..1, None if not asked."""

    landmarks: np.ndarray
    onet: float | None
    net: float | None


@torch.inference_mode()
def look_again(
    photo: torch.Tensor,
    candidate: Candidate,
    *,
    mtcnn: Mtcnn | None,
    landmark_net: nn.Module | None,
    angles: tuple[float, ...] = (0.0,),
    sides: tuple[float, ...] = (1.0,),
) -> Look:
    """Landmarks and beliefs of one candidate of a photograph [3, H, W]; every network looks twice, the second time
    at the crop that the first points centre and set upright.

    angles: turns to try besides the candidate's own, degrees; sides: sizes to try, as factors. Where both networks see
    the face in one place, the mean of their points is nearer to it than the points of either. The candidate's own
    landmarks serve where no network believes in a face, the usual places of a face where it has none.
    """
    tries = [
        replace(candidate, side=candidate.side * side, angle=candidate.angle + angle)
        for angle in angles
        for side in sides
    ]
    onet = _twice(tries, lambda some: _ask_onet(photo, some, mtcnn)) if mtcnn is not None else None
    net = (
        _twice(tries, lambda some: _ask_net(photo, some, landmark_net)) if landmark_net is not None else None
    )
    sure = [one is not None and one[1] >= 0.5 for one in (onet, net)]
    if all(sure) and _same_place(onet[0], net[0]):
        points = (onet[0] + net[0]) / 2
    elif sure[0]:
        points = onet[0]
    elif candidate.landmarks is not None:
        points = candidate.landmarks
    elif sure[1]:
        points = net[0]
    else:
        points = _frame(candidate)(_USUAL)
    return Look(points, onet and onet[1], net and net[1])


def _twice(tries: list[Candidate], ask: Callable[[list[Candidate]], list[_Answer]]) -> _Answer:
    """The best answer to the tries, then the answer to a crop around what it found: its points, the mean belief."""
    best, (points, first) = max(zip(tries, ask(tries), strict=True), key=lambda pair: pair[1][1])
    if not _plausible(points, best):
        return points, 0.0
    ((again, second),) = ask([from_landmarks(points, first, "")])
    return (again, (first + second) / 2) if _plausible(again, best) else (points, first / 2)


def _same_place(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two sets of landmarks [5, 2] lie on each other, and not turned or on a neighbour."""
    return np.linalg.norm(one - other, axis=1).mean() < _NEAR * from_landmarks(one, 0.0, "").side


def _ask_onet(photo: torch.Tensor, candidates: list[Candidate], mtcnn: Mtcnn) -> list[_Answer]:
    crops, maps = zip(
        *(_crop(photo, one, _ONET_SCALE, _ONET_UP, _ONET_SIZE) for one in candidates), strict=True
    )
    scores, points = mtcnn.judge(torch.stack(crops) * 2 - 1)
    pixels = points.double().numpy() * _ONET_SIZE - 0.5
    return [(_warp.apply(m, p), float(s)) for m, p, s in zip(maps, pixels, scores, strict=True)]


def _ask_net(photo: torch.Tensor, candidates: list[Candidate], landmark_net: nn.Module) -> list[_Answer]:
    crops, maps = zip(
        *(_crop(photo, one, FACE_CROP_SCALE, 0.0, _NET_SIZE) for one in candidates), strict=True
    )
    batch = torch.stack(crops) * 2 - 1
    points, scores = landmark_net(batch.to(next(landmark_net.parameters(), batch)))
    pixels = points.double().cpu().numpy() * _NET_SIZE - 0.5
    return [(_warp.apply(m, p), float(s)) for m, p, s in zip(maps, pixels, scores, strict=True)]


def _frame(candidate: Candidate) -> Callable[[np.ndarray], np.ndarray]:
    """Maps points in units of the face's side around its centre, upright, to photo pixels."""
    cos, sin = np.cos(np.radians(candidate.angle)), np.sin(np.radians(candidate.angle))
    turn = np.array([[cos, -sin], [sin, cos]]) * candidate.side
    return lambda points: points @ turn.T + candidate.centre


def _crop(
    photo: torch.Tensor, candidate: Candidate, scale: float, up: float, size: int
) -> tuple[torch.Tensor, np.ndarray]:
    """An upright square crop [3, size, size] of side scale around the candidate, and its map to photo pixels."""
    place = _frame(candidate)
    corner, right, down = place(np.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5]]) * scale - [0, up])
    linear = np.stack([right - corner, down - corner], axis=1) / size
    to_photo = np.concatenate([linear, (corner + linear.sum(1) / 2)[:, None]], axis=1)
    height, width = photo.shape[1:]
    corners = _warp.apply(to_photo, np.array([[0, 0], [0, size], [size, 0], [size, size]]) - 0.5)
    x0, y0, x1, y1 = _warp.rectangle(corners, height, width, 2)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return photo.new_zeros(3, size, size), to_photo
    inside = np.concatenate([linear, to_photo[:, 2:] - [[x0], [y0]]], axis=1)
    crop = _warp.sample(photo[:, y0:y1, x0:x1], inside, size, size, mode="bilinear", padding="border")
    return crop.clamp(0, 1), to_photo


def _plausible(points: np.ndarray, candidate: Candidate) -> bool:
    """Whether landmarks span a face about where the candidate was, of about its size."""
    if not np.isfinite(points).all():
        return False
    found = from_landmarks(points, 0.0, "")
    ratio = found.side / candidate.side
    return 0.4 < ratio < 2.5 and np.hypot(*(found.centre - candidate.centre)) < 0.6 * candidate.side
