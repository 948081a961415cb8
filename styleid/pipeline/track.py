"""One face on its way through the pipeline: which candidate it wears, or why it failed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from ..errors import StyleIDError
from ..faces import Face
from ..metrics import identity_distance, pairwise_identity_distance
from ..privacy.levels import Attempt
from .face import Candidate, SourceFace, make_candidate, prepare_face
from .settings import Settings

__all__ = ["TARGETS", "Track", "guarded_reason"]

log = logging.getLogger(__name__)

# Random identities tried per face: one of them may lie near the source or near another face of the picture.
TARGETS = 3


@dataclass(repr=False, eq=False)
class Track:
    """Mutable, internal to one run. Either `candidate` is worn, or `failed` says why there is none."""

    index: int
    face: Face
    seed: int
    source: SourceFace | None = None
    candidate: Candidate | None = None
    failed: str | None = None
    attempts: int = 0
    nearest: float | None = None  # the judge's last word
    last: Attempt | None = None
    _settings: Iterator[tuple[Attempt, int]] = field(default_factory=lambda: iter(()))

    @classmethod
    def begin(cls, index: int, face: Face, seed: int, pixels: Tensor, settings: Settings) -> Track:
        """Measure the source face; a network that fails on it makes the face a failed one."""
        track = cls(index, face, seed)
        track._settings = iter([(a, target) for target in range(TARGETS) for a in settings.attempts])
        try:
            track.source = prepare_face(pixels, face, settings.family)
        except Exception as error:  # whatever went wrong, this face was not measured and must not get out
            track.failed = guarded_reason("measuring the face", error)
        return track

    def give_up(self, reason: str) -> None:
        """Fail, if not failed already."""
        self.candidate, self.failed = None, self.failed or reason

    def advance(self, settings: Settings, sources: Tensor, grey: bool) -> None:
        """Wear the next candidate that the tuner takes for someone else and the judge for nobody of `sources`
        [M, D].
        """
        if self.failed is not None:
            return
        reason = "no setting of this level moved the face past the threshold"
        for attempt, target in self._settings:
            self.attempts += 1
            self.last = attempt
            try:
                candidate = make_candidate(self.source, attempt, settings.family, self.seed, target, grey)
                if _promising(self.source, candidate, settings, sources):
                    self.candidate = candidate
                    return
            except Exception as error:  # a failed attempt is an attempt that hid nothing
                reason = guarded_reason(f"the method {attempt.method!r}", error)
        self.give_up(reason)


def guarded_reason(step: str, error: Exception) -> str:
    """A reason for the report: our own messages hold no secrets, those of others are not repeated."""
    detail = str(error) if isinstance(error, StyleIDError) else type(error).__name__
    log.warning("A face is withheld: %s failed (%s).", step, type(error).__name__)
    return f"{step} failed: {detail}"


def _promising(source: SourceFace, candidate: Candidate, settings: Settings, sources: Tensor) -> bool:
    """Checks on the crop, before the cost of pasting and detecting.

    Source to output and reconstruction to swapped face must both move: what the encoder lost is not credited
    to the swap.
    """
    family = settings.family
    tuner = family.recogniser.embed
    moved = identity_distance(source.tuner, tuner(candidate.composite))
    swapped = identity_distance(tuner(source.reconstruction), tuner(candidate.decoded))
    if min(float(moved), float(swapped)) <= family.recogniser.threshold:
        return False
    judged = family.judge.embed(candidate.composite)
    return float(pairwise_identity_distance(judged, sources).min()) > family.judge.threshold
