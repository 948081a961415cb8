"""One face on its way through the pipeline: which candidate it wears, or why it failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..faces import AlignedFaces, Face
from ..metrics import pairwise_identity_distance
from ..privacy.levels import Attempt
from ..privacy.plan import Wish
from ..privacy.reach import frontier_rows
from .face import Candidate, SourceFace, prepare_face
from .probe import Prober, guarded_reason
from .propose import kept_by_level, proposals
from .settings import Settings

__all__ = ["Track", "guarded_reason"]


# Candidates near to somebody, of which the best is worn where none of them is clearly somebody else.
_SPARES = 4
# Candidates like another new face of the picture, after which the least alike is worn where no other one was found. A judge
# to whom all generated faces look alike finds none, and two people who get like faces are still nobody.
_ALIKE = 24
# The judge's distance that is clearly somebody else, in thresholds. The embedded judge knows rendered heads only: of 29 new
# faces in photographs that passed it, dlib's recogniser took three for the same person, one of them of the 14 beyond this.
_CLEAR = 1.16


@dataclass(repr=False, eq=False)
class Track:
    """Mutable, internal to one run. Either `candidate` is worn, or `failed` says why there is none."""

    index: int
    face: Face
    seed: int
    source: SourceFace | None = None
    aligned: AlignedFaces | None = None  # of this face alone
    candidate: Candidate | None = None
    failed: str | None = None
    nearest: float | None = None  # the judge's last word
    judged: Tensor | None = None  # the judge's embedding [1, D] of the candidate
    clear: float = 1.0  # the judge's distance that is preferred, in thresholds
    notes: tuple[str, ...] = ()
    _prober: Prober | None = None
    _proposals: Iterator[Candidate] = field(default_factory=lambda: iter(()))

    @classmethod
    def begin(
        cls,
        index: int,
        face: Face,
        seed: int,
        photo: Tensor,
        settings: Settings,
        *,
        grey: bool,
        wish: Wish | None = None,
    ) -> Track:
        """Measure the face in a photograph [H, W, 3]; a network that fails on it makes the face a failed one."""
        track = cls(index, face, seed)
        if wish is None and settings.search is None:  # neither certain attributes nor the least change
            track.clear = _CLEAR
        try:
            track.aligned, track.source = prepare_face(
                photo, face, settings.family, settings.recognisers, settings.refine
            )
            wish = wish or kept_by_level(track.source, settings)
            track._prober = Prober(track.source, settings.family, settings.goal, seed, grey, wish)
            track._proposals = proposals(track._prober, settings)
        except Exception as error:  # whatever went wrong, this face was not measured and must not get out
            track.source, track.failed = None, guarded_reason("measuring the face", error)
        return track

    @property
    def attempts(self) -> int:
        """Faces decoded for it."""
        return 0 if self._prober is None else self._prober.passes

    @property
    def tried(self) -> list[dict[str, Any]]:
        """What a search for the least change tried, and which of it is worn, as rows."""
        searched = [] if self._prober is None else self._prober.searched
        worn = None if self.candidate is None else self.candidate.probe
        return frontier_rows(searched, worn) if searched else []

    @property
    def last(self) -> Attempt | None:
        """The setting worn, or the one tried last."""
        if self.candidate is not None:
            return self.candidate.probe.attempt
        return None if self._prober is None else self._prober.last

    def _wear(self, candidate: Candidate, judged: Tensor, *notes: str) -> None:
        self.candidate, self.judged, self.notes = candidate, judged, notes

    def give_up(self, reason: str) -> None:
        """Fail, if not failed already."""
        self.candidate, self.judged, self.notes = None, None, ()
        self.failed = self.failed or reason

    def advance(self, settings: Settings, people: Tensor, worn: Tensor) -> None:
        """Wear the next candidate that the judge takes for nobody of `people` [M, D], the people of this picture.

        One that resembles none of the new faces `worn` [K, D] of the others is preferred, then one that resembles nobody of
        earlier pictures, then one that is clearly nobody of this one; there may be none.
        """
        if self.failed is not None:
            return
        threshold = settings.goal.judge.threshold
        spare: list[tuple[float, float, Candidate, Tensor]] = []
        alike: tuple[float, Candidate, Tensor] | None = None
        count = 0
        try:
            for candidate in self._proposals:
                judged = settings.goal.judge.embed(candidate.composite)
                # What the verification will ask, on the crop and before the cost of pasting and detecting.
                here = _nearest(judged, people)
                if here <= threshold:
                    continue
                beside = _nearest(judged, worn)
                if beside <= threshold:
                    if alike is None or beside > alike[0]:
                        alike = beside, candidate, judged
                    count += 1
                    if count == _ALIKE:
                        break
                    continue
                here = min(here, beside)
                earlier = torch.inf if settings.book is None else float(settings.book.nearest(judged))
                if min(here / self.clear, earlier) > threshold:
                    self._wear(candidate, judged)
                    return
                spare.append((min(here / self.clear, earlier), earlier, candidate, judged))
                if len(spare) == _SPARES:
                    break
        except Exception as error:  # nothing is worn that was not measured
            self._prober.reason = guarded_reason("judging the new face", error)
            spare, alike = [], None
        if spare:
            _, earlier, candidate, judged = max(spare, key=lambda one: (one[1] > threshold, one[0]))
            resembles = "its new face resembles one of an earlier picture of this run"
            self._wear(candidate, judged, *([resembles] if earlier <= threshold else []))
            return
        if alike is not None:
            _, candidate, judged = alike
            self._wear(candidate, judged, "its new face resembles another new face of this picture")
            return
        self.give_up(self._prober.reason or "no setting of this level moved the face past the threshold")


def _nearest(judged: Tensor, others: Tensor) -> float:
    """Distance of an embedding [1, D] to the nearest of [M, D]; infinite where there is nobody."""
    return float(pairwise_identity_distance(judged, others).min()) if len(others) else torch.inf
