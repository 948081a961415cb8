"""Places where a face may be, from any detector, in any rotation; and how those that mean one face are grouped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from . import _warp


@dataclass(frozen=True, eq=False)
class Candidate:
    """centre (x, y) and side of the square from brow to chin, pixels; angle in degrees, by which the upright face is
    turned clockwise in the picture; score 0..1; votes: windows that agreed; landmarks float [5, 2] or None."""

    centre: np.ndarray
    side: float
    angle: float
    score: float
    votes: int
    detector: str
    landmarks: np.ndarray | None = None


@dataclass(frozen=True, eq=False, repr=False)
class View:
    """A turned and shrunk picture. image: [3, h, w] in 0..1; to_photo: float64 [2, 3], view pixel -> photo pixel."""

    image: torch.Tensor
    to_photo: np.ndarray
    angle: float

    @property
    def scale(self) -> float:
        """Photo pixels per view pixel."""
        return _warp.scale_of(self.to_photo)

    def place(self, candidate: Candidate) -> Candidate:
        """A candidate found in this view, in the photograph's coordinates."""
        marks = candidate.landmarks
        return replace(
            candidate,
            centre=_warp.apply(self.to_photo, candidate.centre),
            side=candidate.side * self.scale,
            angle=candidate.angle + self.angle,
            landmarks=None if marks is None else _warp.apply(self.to_photo, marks),
        )


def make_view(photo: torch.Tensor, angle: float, longest: int) -> View:
    """The photograph [3, H, W] turned so that faces turned clockwise by angle (degrees) stand upright in it.

    The whole photograph is inside; its longer side takes longest pixels at most. The corners beside a slanted
    photograph continue its border: mirrored picture would hold mirrored faces.
    """
    height, width = photo.shape[1:]
    step = max(1.0, max(height, width) / longest)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[cos, -sin], [sin, cos]]) * step  # view -> photo
    corners = np.array([[x, y] for x in (-width / 2, width / 2) for y in (-height / 2, height / 2)])
    extent = np.abs(corners @ np.linalg.inv(turn).T).max(0) * 2
    view_width, view_height = (max(1, round(n)) for n in extent)
    centre = np.array([width - 1, height - 1]) / 2
    offset = centre - turn @ (np.array([view_width - 1, view_height - 1]) / 2)
    to_photo = np.concatenate([turn, offset[:, None]], axis=1)
    if angle == 0 and step == 1:
        return View(photo.contiguous(), to_photo, angle)
    image = _warp.sample(photo, to_photo, view_height, view_width, mode="bilinear", padding="border").clamp_(
        0, 1
    )
    return View(image, to_photo, angle)


def turned(base: View, angle: float, longest: int) -> View:
    """The base view turned by angle and shrunk, with its map to the photograph."""
    view = make_view(base.image, angle, longest)
    return View(view.image, _warp.compose(base.to_photo, view.to_photo), angle)


def from_landmarks(points: np.ndarray, score: float, detector: str) -> Candidate:
    """A candidate at five landmarks [5, 2]; from brow to chin a face measures about twice its eye-mouth distance."""
    points = np.asarray(points, dtype=np.float64)
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    down = mouth - eyes
    # The eyes' distance stands in where a nod shortens the face, and the other way round for a turned head.
    side = 2.0 * max(np.hypot(*down), 0.9 * np.hypot(*(points[1] - points[0])))
    angle = float(np.degrees(np.arctan2(-down[0], down[1])))
    return Candidate(eyes + 0.65 * down, float(side), angle, score, 1, detector, points)


def group(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Candidates that mean the same face, best first within each group; greedy from the best."""
    groups: list[list[Candidate]] = []
    for one in sorted(candidates, key=lambda c: (-c.score, -c.votes, *c.centre)):
        home = next((members for members in groups if same_face(members[0], one)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return groups


def same_face(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates lie on one face: near centres and similar sizes."""
    small, large = sorted((one.side, other.side))
    distance = float(np.hypot(*(one.centre - other.centre)))
    return distance < 0.35 * large + 0.15 * small and large < 2.5 * small
