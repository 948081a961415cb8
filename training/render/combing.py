"""Hair styles as data: how long, in which direction, how stiff and how curly each strand grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from .geometry import smoothstep, unit

__all__ = ["Combing", "Scalp", "comb_hair"]

DOWN = np.array([0, -1.0, 0])
BACK = np.array([0, 0.15, -1.0])
FORWARD = np.array([0, -0.1, 1.0])


@dataclass(frozen=True, eq=False)
class Scalp:
    """The n roots of one head that carry hair, and the random numbers of their strands."""

    rng: np.random.Generator
    template: np.ndarray  # [n, 3] place on the template
    place: np.ndarray  # [n, 3] place on the identity's head
    normal: np.ndarray  # [n, 3]
    inside: np.ndarray  # [n] height above the hairline
    lock_noise: np.ndarray  # [n, 3] equal for all strands of a lock
    strand_noise: np.ndarray  # [n, 3]
    variation: np.ndarray  # [8] of the state
    head_shift_y: float  # of the identity's head against the template

    @property
    def parting_side(self) -> np.ndarray:
        """[n] -1 or 1: the side of the parting."""
        parting = self.variation[1] * 3.0
        return np.where(self.template[:, 0] - parting + 0.25 * self.strand_noise[:, 0] > 0, 1.0, -1.0)

    @property
    def top(self) -> np.ndarray:
        """[n] 0..1: the upper head."""
        return smoothstep(5, 10, self.template[:, 1])

    @property
    def sideways(self) -> np.ndarray:
        """[n, 3] away from the parting."""
        none = 0 * self.template[:, 0]
        return np.stack([self.parting_side, -0.15 + none, 0.0 * none], 1)


@dataclass(frozen=True, eq=False)
class Combing:
    """How the strands of one head grow."""

    length: np.ndarray  # [n] cm
    direction: np.ndarray  # [n, 3], not of unit length
    lift: float | np.ndarray = 0.5  # 0 lies along `direction`, 1 stands off the scalp
    gravity: float = 0.0
    stiffness: float = 0.35  # share of the wanted direction that a strand takes on per segment
    jitter: float = 0.16
    width: float = 0.17  # cm of the ribbon that stands for a bundle of hairs
    curl: float = 0.0
    curl_turns: float = 1.0
    knot: np.ndarray | None = None  # [3] where tied hair meets, on the template
    fringe: np.ndarray = field(default_factory=lambda: np.zeros(1, np.float32))  # [n] or [1]: 1 for bangs


def comb_hair(style: str, scalp: Scalp) -> Combing:
    combing = COMBINGS[style](scalp)
    length = combing.length + np.zeros(len(scalp.place))
    if style in ("short", "buzz", "sidepart", "swept_back"):  # shorter towards the hairline
        length = length * np.clip(scalp.inside * 0.8 + 0.35, 0.25, 1)
    return replace(combing, length=np.maximum(length, 0.3))


def _stubble(scalp: Scalp, length: float) -> Combing:
    ahead = FORWARD + 0 * scalp.place
    return Combing(np.full(len(scalp.place), length), ahead, lift=0.7, width=0.10, jitter=0.35)


def _bald(scalp: Scalp) -> Combing:
    return _stubble(scalp, 0.35)


def _buzz(scalp: Scalp) -> Combing:
    return _stubble(scalp, 0.45 + 0.35 * (scalp.variation[0] + 1) / 2)


def _short(scalp: Scalp) -> Combing:
    v = scalp.variation
    length = (
        np.where(scalp.top > 0.5, 2.2 + 1.3 * v[0], 1.0 + 0.4 * v[2]) + 0.4 * scalp.strand_noise[:, 0] * 0.5
    )
    forward = v[3] > -0.2
    to_one_side = scalp.sideways * np.sign(v[1]) * scalp.parting_side[:, None]
    direction = (FORWARD if forward else to_one_side) + 0.25 * scalp.lock_noise
    return Combing(length, direction, lift=0.42 + 0.2 * v[4], width=0.15, jitter=0.22, gravity=0.12)


def _sidepart(scalp: Scalp) -> Combing:
    v, top = scalp.variation, scalp.top
    over = scalp.sideways + np.array([0, 0.25, 0.05 * v[3]])
    direction = np.where(top[:, None] > 0.1, over, DOWN + BACK * 0.6) + 0.12 * scalp.lock_noise
    return Combing(1.4 + top * (4.8 + 1.5 * v[0]), direction, lift=0.38, gravity=0.22, jitter=0.10)


def _swept_back(scalp: Scalp) -> Combing:
    v, top = scalp.variation, scalp.top
    frontal = smoothstep(3, 7, scalp.template[:, 2]) * smoothstep(8, 10.5, scalp.template[:, 1])
    direction = BACK + 0.12 * scalp.lock_noise + np.array([0, 0.25, 0]) * frontal[:, None]
    lift = 0.42 + 0.3 * frontal[:, None] * (v[3] * 0.5 + 0.5)
    return Combing(2.0 + top * (4.5 + 2 * v[0]), direction, lift=lift, gravity=0.12, jitter=0.10)


def _afro(scalp: Scalp) -> Combing:
    v = scalp.variation
    length = (1.6 + 1.5 * (v[0] + 1)) * (0.8 + 0.35 * scalp.rng.random(len(scalp.place)))
    return Combing(
        length, scalp.normal, lift=0.95, stiffness=0.1, jitter=0.3, width=0.15,
        curl=0.95, curl_turns=7 + 2 * v[2],
    )  # fmt: skip


def _tied(scalp: Scalp) -> Combing:
    knot = np.array([0, 6.5 + 4.5 * scalp.variation[2], -10.5])
    towards = knot - scalp.place
    length = np.minimum(np.linalg.norm(towards, axis=1) * 1.15, 19)
    return Combing(length, unit(towards), lift=0.05, stiffness=0.75, jitter=0.03, width=0.15, knot=knot)


def _hanging(scalp: Scalp, length: float) -> Combing:
    """Falls to both sides of the parting on the upper front, straight down elsewhere."""
    _, y, z = scalp.template.T
    from_crown = -0.55 * (12 - y) * (y < 12) * 0.5  # lower roots need less hair to reach the same hem
    lengths = length + from_crown + 1.2 * scalp.strand_noise[:, 0]
    direction = scalp.sideways + 0.08 * scalp.lock_noise
    behind = ((z < -2) | (y < 7.5))[:, None]
    direction = np.where(behind, DOWN + 0.35 * scalp.normal, direction)
    lift = 0.22 + 0.06 * scalp.variation[4]
    return Combing(lengths, direction, lift=lift, gravity=0.42, stiffness=0.55, jitter=0.05, width=0.19)


def _bob(scalp: Scalp) -> Combing:
    return replace(_hanging(scalp, 13.5 + 3 * scalp.variation[0]), curl=0.05)


def _long(scalp: Scalp) -> Combing:
    return _hanging(scalp, 27 + 6 * scalp.variation[0])


def _wavy(scalp: Scalp) -> Combing:
    v = scalp.variation
    return replace(_hanging(scalp, 25 + 6 * v[0]), curl=0.34 + 0.12 * v[2], curl_turns=0.55 + 0.15 * v[3])


def _bangs(scalp: Scalp) -> Combing:
    """Long hair whose front falls over the forehead and ends above the brows."""
    combing = _hanging(scalp, 24 + 8 * scalp.variation[0])
    x, y, z = scalp.template.T
    fringe = ((z > 5.0) & (np.abs(x) < 5.2) & (y > 8.5)).astype(float)
    mask = fringe[:, None]
    over_forehead = np.array([0, -0.75, 0.65]) + np.stack([x * 0.03, 0 * x, 0 * x], 1)
    direction = combing.direction * (1 - mask) + mask * over_forehead
    p = scalp.place
    hem = np.stack([p[:, 0], np.full(len(p), 6.6 + scalp.head_shift_y), p[:, 2]], 1)
    to_hem = np.linalg.norm(p - hem, axis=1) * 1.03 + 1.0 + 0.35 * scalp.strand_noise[:, 1]
    return replace(
        combing, direction=direction, fringe=fringe, length=np.where(fringe > 0, to_hem, combing.length)
    )


COMBINGS: dict[str, Callable[[Scalp], Combing]] = {
    "bald": _bald,
    "buzz": _buzz,
    "short": _short,
    "sidepart": _sidepart,
    "swept_back": _swept_back,
    "afro": _afro,
    "bob": _bob,
    "long": _long,
    "wavy": _wavy,
    "tied": _tied,
    "bangs": _bangs,
}
