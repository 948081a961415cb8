"""Decode a change of one face, dress it in the source's colours, and measure it in one or more areas."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, StyleIDError
from ..faces import aligned_landmarks
from ..metrics import attributes_preserved, identity_distance, pose_drift
from ..pixel import masked_blend
from ..privacy.goal import Goal
from ..privacy.levels import Attempt
from ..privacy.plan import Wish
from ..privacy.reach import Probe
from .face import Candidate, SourceFace, adapted, decode_attempt

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["Prober", "guarded_reason"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class _Decoded:
    """A face as it left the generator [1, G, G, 3], and in the source's colours [1, S, S, 3]."""

    raw: Tensor
    crop: Tensor
    swaps: dict[str, float]


@dataclass(repr=False, eq=False)
class Prober:
    """Measures changes of one source face; a step that fails is a change that hid nothing.

    Attributes:
        wish: what the new face should show; None where nothing is asked.
        passes: faces decoded so far.
        searched: what a search for the least change tried.
        reason: why the last failed step failed.
    """

    source: SourceFace
    family: Family
    goal: Goal
    seed: int
    grey: bool = False
    wish: Wish | None = None
    passes: int = 0
    searched: list[Probe] = field(default_factory=list)
    reason: str | None = None
    last: Attempt | None = None
    _decoded: dict[tuple[Attempt, int], _Decoded] = field(default_factory=dict)

    def look(self, attempt: Attempt, areas: Sequence[str], target: int = 0) -> list[Probe]:
        """Decode `attempt` with the `target`-th random identity and measure it in each area, joined by its feather."""
        self.last = attempt
        try:
            decoded = self._decode(attempt, target)
            settings = [replace(attempt, area=area) for area in areas]
            masks = [self._mask(setting)[..., None] for setting in settings]
            joined = [torch.lerp(self.source.crop, decoded.crop, mask) for mask in masks]
            return [self._measure(s, target, decoded, one) for s, one in zip(settings, joined, strict=True)]
        except Exception as error:
            self.reason = guarded_reason(f"the method {attempt.method!r}", error)
            return []

    def candidate(self, probe: Probe) -> Candidate:
        """What a probe measured, joined to the source, measured again and ready to paste."""
        decoded = self._decode(probe.attempt, probe.target)
        crop, mask = decoded.crop, self._mask(probe.attempt)
        if probe.attempt.composite != "feather":  # which is what pasting through the mask does
            inside, join = (mask > 0).float(), probe.attempt.composite
            crop = masked_blend(self.source.crop, crop, inside, match="none", composite=join)
        composite = torch.lerp(self.source.crop, crop, mask[..., None])
        measured = self._measure(probe.attempt, probe.target, decoded, composite)
        return Candidate(measured, self.source.light.off(crop), mask, decoded.raw, composite)

    def forget(self) -> None:
        """Drop the decoded faces; they are decoded again when asked for."""
        self._decoded.clear()

    def _decode(self, attempt: Attempt, target: int) -> _Decoded:
        key = (replace(attempt, area=""), target)
        if key not in self._decoded:
            self.passes += 1
            raw = decode_attempt(self.source, attempt, self.family, self.seed, target)
            swaps = {
                one.name: float(identity_distance(self.source.views[one.name].reconstruction, one.embed(raw)))
                for one in self.goal.tuners
            }
            parse = None if self.family.parser is None else self.family.parse
            self._decoded[key] = _Decoded(raw, adapted(self.source, raw, self.grey, parse), swaps)
        return self._decoded[key]

    def _mask(self, attempt: Attempt) -> Tensor:
        mask = self.source.mask(attempt.area)
        if not bool(torch.isfinite(mask).all()):
            raise StyleIDError("The area's mask holds NaN or infinite values.")
        return mask

    def _measure(self, attempt: Attempt, target: int, decoded: _Decoded, composite: Tensor) -> Probe:
        source = self.source
        distances = {
            one.name: float(identity_distance(source.views[one.name].source, one.embed(composite)))
            for one in self.goal.tuners
        }
        margins = [
            min(distances[one.name], decoded.swaps[one.name]) / one.threshold for one in self.goal.tuners
        ]
        change = float((composite - source.crop).abs().mean())
        shown = self._attributes(composite)
        if self.wish is not None and math.isfinite(self.wish.turn):
            shown["turn"] = self._turn(composite)
        return Probe(attempt, target, distances, decoded.swaps, min(margins), change, **shown)

    def _attributes(self, composite: Tensor) -> dict[str, Any]:
        """What a probe says about attributes; nothing without an attribute net."""
        if self.family.attributes is None:
            return {}
        now = self.family.attribute_confidences(composite)
        shown: dict[str, Any] = {
            "kept": float(attributes_preserved(self.source.attributes, now).float().mean())
        }
        if self.wish is not None:
            confidences = dict(zip(self.family.attributes.names, now[0].tolist(), strict=True))
            shown["choice"], shown["unmet"], shown["lacking"] = self.wish.judge(confidences)
        return shown

    def _turn(self, composite: Tensor) -> float:
        """Degrees between the head poses of source and composite; infinite where landmarks span no face."""
        try:
            return float(pose_drift(self._landmarks, aligned_landmarks(composite, self.family.landmarks))[0])
        except InputError:
            return math.inf

    @cached_property
    def _landmarks(self) -> np.ndarray:
        return aligned_landmarks(self.source.crop, self.family.landmarks)


def guarded_reason(step: str, error: Exception) -> str:
    """A reason for the report: our own messages hold no secrets, those of others are not repeated."""
    detail = str(error) if isinstance(error, StyleIDError) else type(error).__name__
    log.warning("%s failed for a face (%s).", step, type(error).__name__)
    return f"{step} failed: {detail}"
