"""Faces in a photograph: several detectors, every rotation, a second look, one verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from ..errors import InputError
from . import _warp
from ._candidates import Candidate, from_landmarks, group, same_face
from ._cascade import score_of_votes
from ._mtcnn import load_mtcnn
from ._refine import LOOK_SIDES, Look, look_again
from ._renderings import renderings
from ._search import search
from .face import Face

__all__ = ["detect_faces"]

# Belief from which a candidate is a face. Measured on photographs with and without people (benchmarks/detectors.py):
# faces lie at 0.9 and above but for covered or cut ones, what is no face rarely reaches 0.75.
_FACE = 0.8
# Scores from which one detector's word is enough: SCRFD's own working point; that of this project's detector, above
# anything that it saw in 63 photographs and textures and 300 composed scenes without a face.
SURE = {"scrfd": 0.5, "styleid": 0.83}
# The landmark net has only seen rendered faces: its word weighs little beside the other networks'.
# What agreement adds: the cascades' windows (they see faces in gravel, too), and each further turn of a network.
_VOTES_WEIGHT, _VIEW_WEIGHT, _NET_WEIGHT = 0.15, 0.05, 0.1
# With a network there, a single window of a cascade is not looked at again.
_FEWEST_VOTES = 2
_MOST_LOOKS = 4
_CASCADES = ("haar", "lbp")
# Degrees within which two candidates see a face the same way up.
_SAME_WAY_UP = 45.0
# The second look at a user's box: turns to try, in degrees.
_ALL_ANGLES = tuple(float(angle) for angle in range(0, 360, 40))
# The reported box: a square of this side around the face, in units of brow to chin.
_BOX = 1.3


def detect_faces(
    image: torch.Tensor,
    *,
    landmark_net: nn.Module | None,
    detector: nn.Module | None,
    boxes: Sequence[tuple[float, float, float, float]] | None = None,
    min_size: float = 16.0,
) -> list[Face]:
    """All faces of a photograph [H, W, 3] in 0..1, in reading order: by rows from the top, then from the left.

    Any in-plane rotation is found. A face counts as soon as one detector is sure or several agree.
    landmark_net: [N, 3, 96, 96] in [-1, 1] -> points [N, 5, 2] in units of the crop and face scores [N]; without it
    only the detectors' own landmarks are used. detector: this project's own, see `networks.detector`; without it
    profiles and slanted faces are found less often. boxes: (x0, y0, x1, y1) in pixels; then each is a face, whatever
    the networks think of it, and nothing else is sought; where one shows no face by itself but lies on one that the
    detectors see, that one is meant; no box at all says nothing. min_size: smallest face from
    brow to chin in pixels; at least 0.6 % of the photograph's longer side.
    """
    _check(image, boxes, min_size)
    photo = image.detach().movedim(-1, 0).float().cpu()  # [3, H, W], not copied: it may be large
    with torch.inference_mode():
        if boxes:
            faces = [_from_box(photo, box, landmark_net) for box in boxes]
            if any(face.score < _FACE for face in faces):
                seen = _sought(photo, min_size, detector, landmark_net)
                faces = [face if face.score >= _FACE else _meant(face, seen) for face in faces]
        else:
            faces = _sought(photo, min_size, detector, landmark_net)
    return _reading_order(faces)


def _sought(
    photo: torch.Tensor, min_size: float, detector: nn.Module | None, landmark_net: nn.Module | None
) -> list[Face]:
    """Faces of all renderings; where two show one face, the first has seen it."""
    faces: list[Face] = []
    for shown in renderings(photo, min_size):
        found = search(shown.view.image, shown.min_size, detector, cascades=shown.first, turns=shown.turns)
        judged = (_judge(shown.view.image, members, landmark_net) for members in group(found))
        placed = [_placed(face, shown.view.to_photo) for face in judged if face is not None]
        faces += _without_doubles([face for face in placed if shown.first or _inside(face, photo)], faces)
    return faces


def _placed(face: Face, to_photo: np.ndarray) -> Face:
    return _face(_warp.apply(to_photo, face.landmarks), face.score, face.detector)


def _inside(face: Face, photo: torch.Tensor) -> bool:
    """Whether a face's centre is in the photograph, and not in a border around it."""
    x, y = from_landmarks(face.landmarks, 0.0, "").centre
    return -0.5 <= x <= photo.shape[2] - 0.5 and -0.5 <= y <= photo.shape[1] - 0.5


def _meant(marked: Face, seen: Sequence[Face]) -> Face:
    """The face at which a mark points that shows none by itself, as a dab on a cheek; else what was made of the mark."""
    x, y = (marked.box[0] + marked.box[2]) / 2, (marked.box[1] + marked.box[3]) / 2
    around = [one for one in seen if one.box[0] <= x <= one.box[2] and one.box[1] <= y <= one.box[3]]
    if not around:
        return marked

    def distance(one: Face) -> float:
        return math.hypot((one.box[0] + one.box[2]) / 2 - x, (one.box[1] + one.box[3]) / 2 - y)

    nearest = min(around, key=distance)
    return replace(nearest, detector="boxes")


def _judge(photo: torch.Tensor, members: list[Candidate], landmark_net: nn.Module | None) -> Face | None:
    """The face that a group of candidates means, or None if too little speaks for it."""
    networks = [member for member in members if member.detector not in _CASCADES]
    windows = [member for member in members if member.detector in _CASCADES]
    votes = max((member.votes for member in windows), default=0)
    mtcnn = load_mtcnn()
    # Turned views see false faces in true ones: the best few of one place each get their second look.
    looks = [
        (one, look_again(photo, one, mtcnn=mtcnn, landmark_net=landmark_net))
        for one in networks[:_MOST_LOOKS]
    ]
    alone = all(member.detector == "styleid" for member in networks)
    if alone and windows and (mtcnn is None or votes >= _FEWEST_VOTES):
        look = look_again(photo, windows[0], mtcnn=mtcnn, landmark_net=landmark_net, sides=LOOK_SIDES)
        looks.append((windows[0], look))
    if not looks:
        return None
    believed = [(_belief(*pair, len(networks), votes), pair[1]) for pair in looks]
    sure = [(belief, look) for belief, look in believed if belief >= _FACE]
    if not sure:
        return None
    belief, look = max(sure, key=lambda pair: (_support(members, pair[1]), pair[0]))
    return _face(look.landmarks, belief, "+".join(sorted({member.detector for member in members})))


def _support(members: list[Candidate], look: Look) -> float:
    """How much of the group sees the face the same way up: one network takes a beard for hair in a turned view."""
    angle = from_landmarks(look.landmarks, 0.0, "").angle
    return sum(one.score for one in members if abs((one.angle - angle + 180) % 360 - 180) < _SAME_WAY_UP)


def _belief(first: Candidate, look: Look, views: int, votes: int) -> float:
    """0..1: the mean opinion of the networks that looked, raised by agreement of further views and of windows."""
    agreement = _VOTES_WEIGHT * score_of_votes(votes) + _VIEW_WEIGHT * min(2, max(0, views - 1))
    if first.score >= SURE.get(first.detector, math.inf):
        return min(1.0, max(first.score, _FACE))
    if look.onet is None:
        # Only cascades are here: they count in full, and the landmark net decides where they hesitate.
        alone = score_of_votes(votes) + 0.25
        return min(1.0, alone if look.net is None else (alone + 2 * look.net) / 3)
    # The second look asked twice; the cascade's own score is the third opinion.
    opinion = look.onet if first.detector in _CASCADES else (first.score + 2 * look.onet) / 3
    leaning = 0.0 if look.net is None else _NET_WEIGHT * (look.net - 0.5)
    return float(np.clip(opinion + agreement + leaning, 0, 1))


def _from_box(
    photo: torch.Tensor, box: tuple[float, float, float, float], landmark_net: nn.Module | None
) -> Face:
    """The face that somebody says is in a box."""
    x0, y0, x1, y1 = box
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2 + 0.06 * (y1 - y0)])
    side = 0.85 * max(x1 - x0, y1 - y0)
    given = Candidate(centre, side, 0.0, 1.0, 1, "boxes")
    look = look_again(
        photo, given, mtcnn=load_mtcnn(), landmark_net=landmark_net, angles=_ALL_ANGLES, sides=LOOK_SIDES
    )
    belief = max(look.onet or 0.0, look.net or 0.0)
    return Face(box=box, landmarks=look.landmarks, score=belief, detector="boxes")


def _face(points: np.ndarray, score: float, detector: str) -> Face:
    place = from_landmarks(points, score, detector)
    half = _BOX * place.side / 2
    (x, y) = place.centre
    return Face((x - half, y - half, x + half, y + half), points, score, detector)


def _without_doubles(faces: list[Face], known: Sequence[Face] = ()) -> list[Face]:
    """Those of the faces that are not known yet. Second looks of two groups may meet on one face: the surer one stays."""
    places = [from_landmarks(face.landmarks, 0.0, "") for face in known]
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        here = from_landmarks(face.landmarks, 0.0, "")
        if not any(same_face(place, here) for place in places):
            kept.append(face)
            places.append(here)
    return kept


def _reading_order(faces: list[Face]) -> list[Face]:
    """Rows of faces from the top, each from the left; a new row begins where a face starts below the last centre."""
    ordered = sorted(faces, key=lambda f: ((f.box[1] + f.box[3]) / 2, f.box[0]))
    rows: list[list[Face]] = [[face] for face in ordered[:1]]
    for face in ordered[1:]:
        last = rows[-1][0]
        if (face.box[1] + face.box[3]) / 2 > (last.box[1] + last.box[3]) / 2 + 0.5 * last.size:
            rows.append([])
        rows[-1].append(face)
    return [face for row in rows for face in sorted(row, key=lambda f: f.box[0])]


def _check(image: torch.Tensor, boxes: Sequence[Sequence[float]] | None, min_size: float) -> None:
    if image.ndim != 3 or image.shape[-1] != 3 or min(image.shape[:2]) < 1:
        raise InputError(f"A photograph must be [H, W, 3], found {list(image.shape)}.")
    # The extremes are NaN or infinite where any pixel is, and take no memory, which isfinite() does.
    if not image.is_floating_point() or not all(math.isfinite(float(v)) for v in torch.aminmax(image)):
        raise InputError("A photograph must hold finite numbers in 0..1.")
    if min_size <= 0:
        raise InputError(f"The smallest face must be above 0 pixels, found {min_size}.")
    for box in boxes or ():
        if len(box) != 4 or not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
            raise InputError(
                f"A box is (x0, y0, x1, y1) in pixels with x0 < x1 and y0 < y1, found {tuple(box)}."
            )
