"""Hair strand by strand: choosing roots, growing each strand with gravity and collisions, and the beard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .combing import Combing, Scalp, comb_hair
from .geometry import rotation, unit
from .growth import HAIR_POINTS, Growth
from .model import FaceModel
from .parameters import FLOWING, State
from .roots import HAIR_ROOTS, LOCKS, Roots, scatter_roots
from .skull import Skull

__all__ = ["BEARD_POINTS", "HAIR_POINTS", "Groom", "Strands"]

BEARD_POINTS = 5  # per strand
TEMPLE_FREE = frozenset(
    {"tied", "swept_back", "buzz", "short", "sidepart"}
)  # no hair before and over the ears
BEARD_AREAS = {"mustache": (1, 0, 0), "goatee": (1, 1, 0), "full": (1, 1, 1)}  # moustache, goatee, jaw


@dataclass(frozen=True, eq=False)
class Strands:
    """N strands of S points in head space."""

    points: np.ndarray  # [N, S, 3]
    width: np.ndarray  # [N, S] cm
    along: np.ndarray  # [S] 0..1 from root to tip
    shade: np.ndarray  # [N, 1] random
    openness: np.ndarray  # [N, S] or [1, S]: how much light reaches the point between the hairs
    normals: np.ndarray  # [N, S, 3] of the hair's volume
    knot: np.ndarray | None = None  # [3] where tied hair meets


class Groom:
    """Grows hair and beard on heads of one model.

    detail: share of the strands that are grown; they are made wider instead. Small pictures need fewer.
    """

    def __init__(self, model: FaceModel, detail: float) -> None:
        self._model = model
        self._detail = detail
        self._hair, self._beard = scatter_roots(model)

    def hair(
        self, state: State, vertices: np.ndarray, normals: np.ndarray, region: np.ndarray
    ) -> Strands | None:
        """None where nothing grows.

        vertices: [V, 3] the identity's neutral head; normals: [V, 3]; region: [V] from
        `FaceModel.hair_region`.
        """
        rng = np.random.default_rng(state.hair_seed)
        roots, inside = self._choose(rng, state, region)
        if len(roots) == 0:
            return None
        skull = Skull(self._model, vertices)
        count = len(roots)
        luck = rng.random(count, dtype=np.float32)
        scalp = Scalp(
            rng=rng,
            template=roots.template,
            place=roots.interpolate(vertices),
            normal=unit(roots.interpolate(normals)),
            inside=inside,
            lock_noise=rng.standard_normal((LOCKS, 3), dtype=np.float32)[roots.lock],
            strand_noise=rng.standard_normal((count, 3), dtype=np.float32),
            variation=state.hair_variation,
            head_shift_y=skull.offset[1],
        )
        combing = comb_hair(state.style, scalp)
        margin = _margin(state, luck)
        points = Growth(state.style, scalp, combing, skull, luck, margin).run()
        lock_shade = rng.random(LOCKS)[roots.lock]
        strands = self._ribbons(state.style, scalp, combing, skull, points, margin, lock_shade, luck)
        return _clear_face(strands, combing, skull) if state.style in FLOWING else strands

    def _choose(self, rng: np.random.Generator, state: State, region: np.ndarray) -> tuple[Roots, np.ndarray]:
        """The roots that carry hair in this style, and their height above the hairline."""
        place, variation = self._hair.template, state.hair_variation
        inside = self._hair.interpolate(region)
        rng.random(HAIR_ROOTS)  # draws without use, kept so that a seed still stands for the same hair
        grows = inside > (0.12 * rng.normal(size=HAIR_ROOTS) + 0.05)
        if state.hat:  # below the hat's edge only
            around = np.arctan2(np.abs(place[:, 0]), place[:, 2] + 1) / np.pi
            grows &= place[:, 1] < 8.0 - 3.2 * around
        if state.style == "bald":  # a wreath, or nothing
            grows &= (place[:, 1] < 6.5) & (place[:, 2] < 4) & (variation[0] > 0.2)
        if state.style in TEMPLE_FREE:
            grows &= ~((place[:, 1] < 5.2) & (place[:, 2] > -0.5))
        if (
            state.style not in FLOWING or state.style == "tied"
        ):  # hair close to the head is hidden at the back
            turned = unit(place - self._model.radial_centre) @ rotation(*state.head_angles).T
            grows &= turned[:, 2] > -0.42
        chosen = np.nonzero(grows)[0]
        chosen = chosen[: max(1, int(len(chosen) * self._detail))]  # roots are in random order
        return self._hair[chosen], inside[chosen]

    def _ribbons(
        self,
        style: str,
        scalp: Scalp,
        combing: Combing,
        skull: Skull,
        points: np.ndarray,
        margin: np.ndarray,
        lock_shade: np.ndarray,
        luck: np.ndarray,
    ) -> Strands:
        along = np.linspace(0, 1, HAIR_POINTS, dtype=np.float32)
        widen = self._detail**-0.6
        width = widen * combing.width * (1 + 0.22 * scalp.strand_noise[:, :1]) * (1 - 0.78 * along**2.2)
        if style in ("short", "buzz", "afro", "bald"):
            openness = np.clip(0.25 + 0.9 * along, 0, 1.2)[None]
        else:
            openness = np.clip((margin / 0.07)[:, None] * 0.8 + 0.25 + 0.3 * along, 0, 1.2)
        return Strands(
            points=points,
            width=width.astype(np.float32),
            along=along,
            shade=(lock_shade * 0.6 + luck * 0.4)[:, None],
            openness=np.broadcast_to(openness, points.shape[:2]),
            normals=skull.volume_normals(points),
            knot=None if combing.knot is None else skull.fit(combing.knot),
        )

    def beard(self, state: State, vertices: np.ndarray, normals: np.ndarray) -> Strands | None:
        """None where no beard grows. vertices: [V, 3] with expression: the beard moves with the mouth."""
        if state.beard not in BEARD_AREAS:
            return None
        rng = np.random.default_rng(state.hair_seed + 1)
        worn = np.array(BEARD_AREAS[state.beard]) > 0
        inside = np.max(np.where(worn, self._beard.interpolate(self._model.regions.beard), -9), 1)
        chosen = np.nonzero(inside > 0.1 * rng.normal(size=len(self._beard)) + 0.12)[0]
        if len(chosen) == 0:
            return None
        roots, inside = self._beard[chosen], inside[chosen]
        place = roots.interpolate(vertices)
        normal = unit(roots.interpolate(normals))
        x, y, _ = place.T
        above_mouth = y > -3.6
        length = state.beard_length * np.clip(0.45 + 0.8 * inside, 0.4, 1.15) * np.where(above_mouth, 0.55, 1)
        apart = np.stack([np.sign(x) * 0.45 * (y > -3.4), 0 * y, 0 * y], 1)  # a moustache parts in the middle
        noise = 0.22 * rng.normal(size=(len(chosen), 3))
        direction = unit(normal * 0.35 + np.array([0, -0.9, 0]) + apart + noise)
        along = np.linspace(0, 1, BEARD_POINTS, dtype=np.float32)
        length = length[:, None]
        straight = direction[:, None] * length[:, None] * along[None, :, None]
        bulge = normal[:, None] * (0.22 * length[:, None] * np.sin(along * 2.2)[None, :, None])
        points = (place[:, None] + straight + bulge).astype(np.float32)
        width = 0.085 * (1 - 0.7 * along[None] ** 2) * np.ones((len(chosen), 1))
        return Strands(
            points=points,
            width=width.astype(np.float32),
            along=along,
            shade=rng.random((len(chosen), 1)),
            openness=(0.35 + 0.8 * along)[None],
            normals=np.broadcast_to(normal[:, None], points.shape),
        )


def _margin(state: State, luck: np.ndarray) -> np.ndarray:
    """[n] how far each strand stays off the head, relative to the head's size: layers of hair."""
    margin = 0.012 + 0.055 * luck**1.5
    loose = 0.03 if state.style in FLOWING and state.style != "tied" else 0.0
    margin = margin + loose * (1 + state.hair_variation[5])
    return margin * 0 if state.style == "afro" else margin


def _clear_face(strands: Strands, combing: Combing, skull: Skull) -> Strands | None:
    """Drop strays that cross the open face; the fringe may."""
    x, y, z = np.moveaxis(strands.points, -1, 0)
    over_face = (np.abs(x - skull.offset[0]) < 5.3) & (z > 5.5) & (y < 8.6 + skull.offset[1])
    keep = ~(over_face.any(1) & (combing.fringe < 0.5))
    if keep.sum() < 10:
        return None
    return Strands(
        strands.points[keep],
        strands.width[keep],
        strands.along,
        strands.shade[keep],
        strands.openness[keep],
        strands.normals[keep],
        strands.knot,
    )
