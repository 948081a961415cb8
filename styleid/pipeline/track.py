"""One face on its way through the pipeline: which candidate it wears, or why it failed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from ..errors import StyleIDError
from ..faces import Face
from ..metrics import identity_distance, pairwise_identity_distance
from ..privacy.levels import Attempt
from .face import Candidate, SourceFace, decode_attempt, dress, prepare_face
from .settings import Settings

if TYPE_CHECKING:
    from ..family import Family

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
        family = settings.family
        reason = "no setting of this level moved the face past the threshold"
        for attempt, target in self._settings:
            self.attempts += 1
            self.last = attempt
            try:
                decoded = decode_attempt(self.source, attempt, family, self.seed, target)
                if not _moves(self.source.reconstruction_tuner, decoded, family):
                    continue  # what the encoder lost is not credited to the swap
                candidate = dress(self.source, attempt, decoded, grey)
                if _hides(self.source, candidate, family, sources):
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


def _moves(before: Tensor, crop: Tensor, family: Family) -> bool:
    """Whether the tuner takes a crop [1, S, S, 3] for someone else than the embedding `before` [1, D]."""
    tuner = family.recogniser
    return float(identity_distance(before, tuner.embed(crop))) > tuner.threshold


def _hides(source: SourceFace, candidate: Candidate, family: Family, sources: Tensor) -> bool:
    """What the verification will ask, on the crop and before the cost of pasting and detecting."""
    if not _moves(source.tuner, candidate.composite, family):
        return False
    judged = family.judge.embed(candidate.composite)
    return float(pairwise_identity_distance(judged, sources).min()) > family.judge.threshold
