"""Scenes to train the face detector on, composed of rendered heads: backgrounds, faces of any size and rotation, and
what is easily taken for one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .clutter import add_shapes, add_things, texture
from .data import shard_files, split
from .regressors import MIRRORED_POINTS
from .render.backdrop import backdrop
from .render.labels import LABELS, YAW

__all__ = ["SIDE", "Scene", "TurnedHeads", "compose", "face_places", "paste_head", "surroundings"]

Rng = np.random.Generator

SIDE = 128  # pixels of a scene
# Faces of these sizes, brow to chin in pixels, are to be found; outside the wider range they are not to be found, and
# between the two either is right.
FOUND, TOLERATED = (13.0, 60.0), (9.0, 90.0)
UPRIGHT = 55.0  # degrees, the largest slant of a face that is to be found: quarter turns bring it below 45
# Pieces of heads that are no faces: ears, hair, neck and clothes, hat, mouth, one eye with its brow, the nose.
PIECES = [np.flatnonzero(np.isin(LABELS, names)) for names in (
    ("l_ear", "r_ear"), ("hair",), ("neck", "neck_l", "cloth"), ("cloth",), ("hat",), ("mouth", "u_lip", "l_lip"),
    ("l_eye", "l_brow"), ("nose",),
)]  # fmt: skip
SKIN = LABELS.index("skin")
FACE_YAW = np.radians(100)  # heads turned further show no face


@dataclass(frozen=True, eq=False)
class TurnedHeads:
    """Heads that `python -m training.render --wide` drew: `img` [N,S,S,3] u8, `lab` [N,S,S] u8, `points` [N,5,2] px
    from the picture's corner, `yaw` [N] radians, `ident` [N]; indices of the training and the held-out persons."""

    img: np.ndarray
    lab: np.ndarray
    points: np.ndarray
    yaw: np.ndarray
    ident: np.ndarray
    train: np.ndarray
    held_out: np.ndarray

    @classmethod
    def open(cls, shards: Path) -> TurnedHeads:
        rows: dict[str, list[np.ndarray]] = {name: [] for name in ("img", "lab", "lm5", "vec", "ident")}
        for path in shard_files(shards):
            with np.load(path) as shard:
                for name, parts in rows.items():
                    parts.append(shard[name])
        img, lab, points, vec, ident = (np.concatenate(parts) for parts in rows.values())
        return cls(img, lab, points, vec[:, YAW], ident, *split(ident))

    def shows_face(self, index: int) -> bool:
        return bool(abs(self.yaw[index]) < FACE_YAW)


@dataclass(frozen=True, eq=False)
class Scene:
    """image: [S,S,3] float32 in 0..1; faces: [K,5,2] points in pixels from the corner; tolerated: [M,3] (x, y, size)
    of places where finding a face is neither right nor wrong."""

    image: np.ndarray
    faces: np.ndarray
    tolerated: np.ndarray


def face_places(points: np.ndarray) -> np.ndarray:
    """(x, y, size) [K,3] of faces [K,5,2]: centre and brow-to-chin size in pixels, as `styleid.faces` defines them."""
    eyes, mouth = points[:, :2].mean(1), points[:, 3:].mean(1)
    across = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    size = 2 * np.maximum(np.linalg.norm(mouth - eyes, axis=1), 0.9 * across)
    return np.concatenate([eyes + 0.65 * (mouth - eyes), size[:, None]], 1)


def surroundings(rng: Rng, heads: TurnedHeads, index: np.ndarray) -> np.ndarray:
    """[S,S,3] float32 in 0..1: a scene without a face, with up to three things made of the heads in `index`."""
    ground = texture if rng.random() < 0.4 else backdrop
    image = np.ascontiguousarray(np.clip(ground(rng, SIDE), 0, 1), np.float32)
    if rng.random() < 0.4:
        add_things(rng, image)
    for _ in range(rng.integers(0, 4)):
        _distract(rng, image, heads, int(rng.choice(index)))
    return image


def compose(rng: Rng, heads: TurnedHeads, index: np.ndarray) -> Scene:
    """A scene of heads out of `index`: none in some scenes, up to six in others; what lies on its side or its head is not
    to be found."""
    image = surroundings(rng, heads, index)
    seen: list[np.ndarray] = []
    hidden: list[np.ndarray] = []
    for _ in range(rng.choice(7, p=[0.14, 0.2, 0.2, 0.16, 0.12, 0.1, 0.08])):
        one = int(rng.choice(index))
        # One of five is of any size, also far too small or large.
        size = np.exp(rng.uniform(*np.log([4, 400] if rng.random() < 0.2 else [15, 56])))
        place = rng.uniform(-0.05, 1.05, 2) * SIDE
        angle = _angle(rng)
        points, covers = paste_head(rng, image, heads, one, size, np.radians(angle), place)
        hidden += [face for face in seen if _share_inside(face, covers) > 0.2]
        seen = [face for face in seen if _share_inside(face, covers) <= 0.2]
        if heads.shows_face(one) and angle <= UPRIGHT:
            seen.append(points)
            if rng.random() < 0.3:
                _occlude(rng, image, points, heads.img[one])
    return _scene(image, np.reshape(seen, (-1, 5, 2)), np.reshape(hidden, (-1, 5, 2)))


def _scene(image: np.ndarray, seen: np.ndarray, hidden: np.ndarray) -> Scene:
    places = face_places(seen)
    inside = (places[:, :2] > 0).all(1) & (places[:, :2] < SIDE).all(1)
    found = inside & (places[:, 2] > FOUND[0]) & (places[:, 2] < FOUND[1])
    loose = ~found & (places[:, 2] > TOLERATED[0]) & (places[:, 2] < TOLERATED[1])
    return Scene(image, seen[found].astype(np.float32), np.concatenate([places[loose], face_places(hidden)]))


def _share_inside(points: np.ndarray, mask: np.ndarray) -> float:
    """Share of points [P,2] that lie in a mask [S,S]."""
    x, y = np.clip(points, 0, SIDE - 1).astype(int).T
    return float(mask[y, x].mean())


def _angle(rng: Rng) -> float:
    """Degrees: four of five heads are slanted at most as the detector is to find them, the others clearly more."""
    return rng.uniform(-UPRIGHT, UPRIGHT) if rng.random() < 0.8 else rng.uniform(90, 270)


def paste_head(
    rng: Rng, image: np.ndarray, heads: TurnedHeads, one: int, size: float, angle: float, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Paste a head, mirrored or not, into a scene: its face `size` pixels from brow to chin, turned by `angle` radians
    around its centre at `place`. Returns its points [5,2] there, and the mask [S,S] of what it covers."""
    picture, labels, points = heads.img[one], heads.lab[one], heads.points[one]
    if rng.random() < 0.5:
        picture, labels = picture[:, ::-1], labels[:, ::-1]
        points = np.stack([picture.shape[1] - points[:, 0], points[:, 1]], 1)[MIRRORED_POINTS]
    matrix = _placement(points, size, angle, place)
    alpha = _paste(rng, image, picture, labels != 0, matrix)
    return points @ matrix[:, :2].T + matrix[:, 2], alpha > 0.5


def _placement(points: np.ndarray, size: float, angle: float, place: np.ndarray) -> np.ndarray:
    """[2,3] from a head's picture to the scene, so that its face gets this size, rotation and centre."""
    x, y, own = face_places(points[None])[0]
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) * size / own
    return np.concatenate([linear, (place - linear @ [x, y])[:, None]], 1)


def _paste(
    rng: Rng, image: np.ndarray, picture: np.ndarray, mask: np.ndarray, matrix: np.ndarray
) -> np.ndarray:
    """Blend the masked part of a picture [S,S,3] u8 into the scene, its light changed; the opacity [S,S] in 0..1."""
    layers = np.dstack([picture, cv2.blur(mask.astype(np.uint8) * 255, (3, 3))])
    matrix = matrix.copy()
    while abs(np.linalg.det(matrix[:, :2])) < 0.25:
        layers = cv2.resize(layers, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        matrix[:, :2] *= 2
    matrix[:, 2] += matrix[:, :2].sum(1) / 2 - 0.5  # from corners to OpenCV's pixel centres
    moved = cv2.warpAffine(layers, matrix, (SIDE, SIDE)).astype(np.float32) / 255
    alpha = moved[..., 3:]
    light = np.exp(rng.normal() * 0.2 + rng.normal(size=3) * 0.06).astype(np.float32)
    image += alpha * (np.minimum(moved[..., :3] * light, 1) - image)
    return alpha[..., 0]


def _distract(rng: Rng, image: np.ndarray, heads: TurnedHeads, one: int) -> None:
    """Add something that is no face: a piece of a head, a head of shuffled parts, or shapes in the colour of skin."""
    picture, labels = heads.img[one], heads.lab[one]
    kind = rng.random()
    if kind < 0.3:
        add_shapes(rng, image, picture[labels == SKIN])
        return
    size, angle, place = np.exp(rng.uniform(2.5, 5.5)), rng.uniform(0, 2 * np.pi), rng.uniform(0, SIDE, 2)
    matrix = _placement(heads.points[one], size, angle, place)
    if kind < 0.75:
        _paste(rng, image, picture, np.isin(labels, PIECES[rng.integers(len(PIECES))]), matrix)
    else:
        picture, labels = _shuffled(rng, picture, labels, heads.points[one])
        _paste(rng, image, picture, labels != 0, matrix)


def _shuffled(
    rng: Rng, picture: np.ndarray, labels: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A head whose face is cut into 2 x 2 or 3 x 3 tiles that change places and turn."""
    x, y, size = face_places(points[None])[0]
    cells = int(rng.integers(2, 4))
    tile = int(1.3 * size / cells)
    left, top = (int(np.clip(v - tile * cells / 2, 0, len(labels) - tile * cells)) for v in (x, y))
    corners = [(top + r * tile, left + c * tile) for r in range(cells) for c in range(cells)]
    layers = np.dstack([picture, labels])
    tiles = [layers[row : row + tile, column : column + tile].copy() for row, column in corners]
    for n, source in enumerate(rng.permutation(len(tiles))):
        row, column = corners[n]
        layers[row : row + tile, column : column + tile] = np.rot90(tiles[source], 1 + n % 3)
    return layers[..., :3], layers[..., 3]


def _occlude(rng: Rng, image: np.ndarray, points: np.ndarray, picture: np.ndarray) -> None:
    """Cover part of a face, never its middle, with a straight-edged piece of a magnified picture."""
    x, y, size = face_places(points[None])[0]
    angle = rng.uniform(0, 2 * np.pi)
    away = np.array([np.cos(angle), np.sin(angle)])
    centre = np.array([x, y]) + away * size * rng.uniform(0.55, 0.8)
    corners = cv2.boxPoints((centre.tolist(), (0.8 * size, rng.uniform(0.8, 2) * size), np.degrees(angle)))
    cover = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillPoly(cover, [corners.astype(np.int32)], 1.0, cv2.LINE_AA)
    row, column = rng.integers(0, len(picture) - 24, 2)
    cloth = cv2.resize(picture[row : row + 24, column : column + 24], (SIDE, SIDE)).astype(np.float32) / 255
    image += cover[..., None] * (cloth - image)
