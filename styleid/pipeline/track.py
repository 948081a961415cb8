"""One face on its way through the pipeline: which candidate it wears, or why it failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from ..faces import AlignedFaces, Face
from ..metrics import pairwise_identity_distance
from ..privacy.levels import Attempt
from .face import Candidate, SourceFace, prepare_face
from .probe import Prober, guarded_reason
from .propose import proposals
from .settings import Settings

__all__ = ["Track", "guarded_reason"]


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
    _prober: Prober | None = None
    _proposals: Iterator[Candidate] = field(default_factory=lambda: iter(()))

    @classmethod
    def begin(
        cls, index: int, face: Face, seed: int, photo: Tensor, settings: Settings, *, grey: bool
    ) -> Track:
        """Measure the face in a photograph [H, W, 3]; a network that fails on it makes the face a failed one."""
        track = cls(index, face, seed)
        try:
            track.aligned, track.source = prepare_face(photo, face, settings.family, settings.recognisers)
            wanted = _wanted(track.source, settings)
            track._prober = Prober(track.source, settings.family, settings.goal, seed, grey, wanted)
            track._proposals = proposals(track._prober, settings)
        except Exception as error:  # whatever went wrong, this face was not measured and must not get out
            track.source, track.failed = None, guarded_reason("measuring the face", error)
        return track

    @property
    def attempts(self) -> int:
        """Faces decoded for it."""
        return 0 if self._prober is None else self._prober.passes

    @property
    def last(self) -> Attempt | None:
        """The setting worn, or the one tried last."""
        if self.candidate is not None:
            return self.candidate.probe.attempt
        return None if self._prober is None else self._prober.last

    def give_up(self, reason: str) -> None:
        """Fail, if not failed already."""
        self.candidate, self.failed = None, self.failed or reason

    def advance(self, settings: Settings, sources: Tensor) -> None:
        """Wear the next candidate that the judge takes for nobody of `sources` [M, D]."""
        if self.failed is not None:
            return
        try:
            for candidate in self._proposals:
                if _hides(candidate, settings, sources):
                    self.candidate = candidate
                    return
        except Exception as error:  # nothing is worn that was not measured
            self._prober.reason = guarded_reason("judging the new face", error)
        self.give_up(self._prober.reason or "no setting of this level moved the face past the threshold")


def _wanted(source: SourceFace, settings: Settings) -> Mapping[str, bool]:
    """By attribute that the level keeps and the attribute net knows: whether the source has it."""
    network = settings.family.attributes
    if network is None:
        return {}
    has = dict(zip(network.names, (source.attributes[0] >= 0.5).tolist(), strict=True))
    return {name: has[name] for name in settings.keeps if name in has}


def _hides(candidate: Candidate, settings: Settings, sources: Tensor) -> bool:
    """What the verification will ask, on the crop and before the cost of pasting and detecting."""
    judge = settings.goal.judge
    judged = judge.embed(candidate.composite)
    return float(pairwise_identity_distance(judged, sources).min()) > judge.threshold
