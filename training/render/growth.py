"""Grows all strands of a head at once, segment by segment, with combing, gravity, curls and collisions."""

from __future__ import annotations

import numpy as np

from .combing import DOWN, Combing, Scalp
from .geometry import smoothstep, unit
from .parameters import FLOWING
from .skull import Skull

__all__ = ["HAIR_POINTS", "Growth"]

HAIR_POINTS = 13  # per strand


class Growth:
    """The strands of one head; `luck` [n] is 0..1 per strand, `margin` [n] how far it stays off the head."""

    def __init__(
        self,
        style: str,
        scalp: Scalp,
        combing: Combing,
        skull: Skull,
        luck: np.ndarray,
        margin: np.ndarray,
    ) -> None:
        self._style, self._scalp, self._skull, self._luck, self._margin = style, scalp, skull, luck, margin
        self._combing = combing
        self._flowing = style in FLOWING
        self._loose = self._flowing and style != "tied"
        self._comb = np.asarray(combing.direction, np.float32)
        self._down = DOWN.astype(np.float32)
        self._side = scalp.parting_side.astype(np.float32)
        segments = HAIR_POINTS - 1
        step = (combing.length / segments)[:, None].astype(np.float32)
        # Flowing hair starts with short segments, where it bends over the skull.
        growth = (
            (np.arange(segments) / (segments - 1)) ** 0.8 * 1.2 + 0.4 if self._flowing else np.ones(segments)
        )
        self._steps = step * growth[None].astype(np.float32) / np.float32(1.05)  # [n, S - 1]
        self._clearance = (0.12 + margin * 16) * (0.45 if style == "tied" else 1.0)  # cm

    def run(self) -> np.ndarray:
        """[n, S, 3] float32."""
        scalp, combing = self._scalp, self._combing
        count = len(scalp.place)
        position = scalp.place - 0.05 * scalp.normal
        direction = self._first_direction()
        below_crown = np.zeros(count, np.float32)  # length grown below the crown
        height = np.zeros(count, np.float32)  # above the scalp
        points = [position]
        for k in range(HAIR_POINTS - 1):
            t = (k + 1) / (HAIR_POINTS - 1)
            out = self._skull.outward(position)
            wanted = self._wanted(position, out, t, below_crown, height)
            noise = scalp.rng.standard_normal((count, 3), dtype=np.float32)
            stiff = combing.stiffness
            direction = unit(direction * (1 - stiff) + wanted * stiff + 0.15 * combing.jitter * noise)
            position = position + direction * self._steps[:, k : k + 1]
            below_crown = below_crown + self._steps[:, k] * (out[:, 1] < 0.8)
            if combing.curl:
                position = position + self._curl(direction, out, t, k)
            position, height = self._skull.push_off_head(position, self._clearance * min(1, k / 3 + 0.3))
            position = self._skull.push_off_body(position, self._margin * min(1, k / 3 + 0.25))
            points.append(position)
        return np.stack(points, 1).astype(np.float32)

    def _first_direction(self) -> np.ndarray:
        scalp, combing = self._scalp, self._combing
        lift, jitter = np.asarray(combing.lift, np.float32), np.float32(combing.jitter)
        lock_jitter = np.float32(0.7 * combing.jitter)
        comb = scalp.normal * lift + unit(self._comb) * (1 - lift)
        return unit(comb + jitter * scalp.strand_noise + lock_jitter * scalp.lock_noise).astype(np.float32)

    def _wanted(
        self, position: np.ndarray, out: np.ndarray, t: float, below_crown: np.ndarray, height: np.ndarray
    ) -> np.ndarray:
        """[n, 3] the direction a strand would take by combing, gravity and the head below it."""
        combing = self._combing
        if combing.knot is not None:
            wanted = unit(combing.knot - position)
        elif combing.gravity > 0:
            if self._flowing:  # falls once it is over the crown
                fall = np.maximum(smoothstep(0.80, 0.30, out[:, 1]) * 0.93, (below_crown - 5) / 9)
                fall = np.clip(fall[:, None], 0, 0.97)
            else:
                fall = min(1, combing.gravity * (0.35 + 2.2 * t))
            wanted = unit(unit(self._comb) * (1 - fall) + self._down * fall)
        else:
            wanted = unit(self._comb)
        if self._loose:
            wanted = self._off_face(wanted, position)
        if self._flowing or self._style in ("sidepart", "swept_back"):
            wanted = _adhere(wanted, out, height)
        return wanted

    def _off_face(self, wanted: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Deflect sideways in front of the face, except for the fringe."""
        x, y, z = position.T
        zone = smoothstep(7.4, 5.2, np.abs(x)) * smoothstep(0, 4, z) * smoothstep(11.5, 8, y)
        zone = zone * (1 - self._combing.fringe)
        none = 0 * self._scalp.template[:, 0]
        aside = np.stack([np.sign(x + 1e-3 * self._side) * 1.6, none, -0.9 + none], 1)
        return unit(wanted + zone[:, None] * aside)

    def _curl(self, direction: np.ndarray, out: np.ndarray, t: float, k: int) -> np.ndarray:
        """[n, 3] a step on a helix around the strand."""
        phase = self._luck * 6.28 * 0.15 + self._scalp.lock_noise[:, 0] * 3
        if self._style == "afro":
            phase = phase + self._luck * 40
        turns = self._combing.curl_turns * 2 * np.pi * t * np.minimum(self._combing.length / 12, 2.2)
        angle = (phase + turns)[:, None]
        across = unit(np.cross(direction, out) + 1e-6)
        circle = across * np.cos(angle) + out * np.sin(angle) * 0.7
        return circle * self._combing.curl * self._steps[:, k : k + 1] * 1.1


def _adhere(wanted: np.ndarray, out: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Keep strands close to the upper head: take away what leads outwards, pull back what has risen."""
    upper = (smoothstep(-0.1, 0.25, out[:, 1]) * smoothstep(6.5, 3.0, height))[:, None]
    outwards = np.maximum((wanted * out).sum(1, keepdims=True), 0)
    return unit(wanted - upper * out * outwards - 0.35 * upper * smoothstep(0.8, 2.2, height)[:, None] * out)
