"""One photograph: detect, replace, paste, verify, and again with stronger settings, until nothing
recognisable is left.

Every way out of this file that yields pixels goes through a verification of exactly these pixels, except for
faces that the caller lets through by name (on_failure="pass").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..faces import BLURS, Face, align_faces
from ..privacy.outcomes import NO_FACE, ImageResult
from ..privacy.plan import Wish
from ..privacy.verify import measured, same_place, verify_faces
from ..randomness import derive_seed
from .compose import compose
from .face import crop_size
from .photo import Photo
from .report import finished, let_through, withheld
from .settings import Box, Settings
from .track import Track, guarded_reason

__all__ = ["run_photo"]

# Rounds of paste and verify; in the last ones a face that is still seen is given up, and blurred if so chosen.
ROUNDS = 10
_GIVE_UP = 6


@dataclass(repr=False, eq=False)
class _Run:
    """Mutable state of one photograph."""

    photo: Photo
    settings: Settings
    digest: bytes | None  # of the picture, when the seed is not secret
    wanted: Sequence[Wish | None] = ()  # per face, None where it is what the settings keep
    tracks: list[Track] = field(default_factory=list)
    blur: int = 0  # which of BLURS
    also: tuple[Tensor, ...] = ()  # embeddings [1, D] by the judge of all that is seen beside given boxes

    @property
    def sources(self) -> Tensor:
        """The judge's embeddings [M, D] of every source face that could be measured."""
        judge = self.settings.goal.judge.name
        known = [track.source.views[judge].source for track in self.tracks if track.source is not None]
        return torch.cat([*known, *self.also]) if known else torch.empty(0, 0)

    def worn(self, but: Track | None = None) -> Tensor:
        """The judge's embeddings [K, D] of the new faces that all tracks wear, or all but one."""
        worn = [one.judged for one in self.tracks if one is not but and one.candidate is not None]
        return torch.cat(worn) if worn else torch.empty(0, 0)

    def remember(self) -> None:
        """Keep what the next pictures of the run should stay away from."""
        book = self.settings.book
        if book is not None:
            for embeddings in (self.sources, self.worn()):
                book.add(embeddings)

    def add(
        self, faces: Sequence[Face], pixels: Tensor, tick: Callable[[float], None] = lambda share: None
    ) -> None:
        """Begin a track for each face of the source `pixels` [H, W, 3]."""
        for number, face in enumerate(faces, start=1):
            index = len(self.tracks)
            secret = derive_seed(self.settings.seed, self.digest or b"", index)
            wish = self.wanted[index] if index < len(self.wanted) else None
            self.tracks.append(
                Track.begin(index, face, secret, pixels, self.settings, grey=self.photo.grey, wish=wish)
            )
            tick(number / len(faces))


@torch.no_grad()
def run_photo(
    photo: Photo,
    settings: Settings,
    boxes: Sequence[Box] | None,
    tick: Callable[[float], None],
    wanted: Sequence[Wish | None] = (),
) -> ImageResult:
    """Anonymise one photograph. `tick(share)` reports progress and may raise to cancel; it is never
    swallowed.
    """
    run = _Run(photo, settings, None if settings.seed is None else photo.digest(), wanted)
    pixels = photo.pixels
    try:
        if _drawn_by_alpha(photo, settings):
            return withheld((), settings, "its transparency shows a face, which cannot be replaced")
        faces = list(settings.detect(pixels, boxes))
    except Exception as error:  # not being able to look is not the same as seeing nobody
        return _stopped(run, guarded_reason("looking for faces", error))
    if not faces:
        return ImageResult(None, NO_FACE, reason="no face was found")
    if boxes:
        try:
            run.also = tuple(_seen(settings, pixels))
        except Exception as error:
            return _stopped(run, guarded_reason("looking for faces beside the boxes", error))
    tick(0.1)
    run.add(faces, pixels, lambda share: tick(0.1 + 0.2 * share))
    del pixels  # of a large photograph there should not be more copies than needed
    for round_ in range(ROUNDS):
        for number, track in enumerate(run.tracks, start=1):
            if track.candidate is None:
                track.advance(settings, run.sources, run.worn(track))
            tick(0.3 + 0.7 * (round_ + 0.5 * number / len(run.tracks)) / ROUNDS)
        hopeless = _hopeless(run)
        if hopeless is not None:
            return _stopped(run, hopeless)
        try:
            result = _paste_and_verify(run, giving_up=round_ >= _GIVE_UP)
        except Exception as error:  # nothing that was not verified gets out
            return _stopped(run, guarded_reason("pasting and verifying", error))
        if result is not None:
            run.remember()
            return result
    return _stopped(run, "faces kept being recognised in the output")


def _drawn_by_alpha(photo: Photo, settings: Settings) -> bool:
    """Whether transparency shows a face."""
    alpha = photo.alpha
    return alpha is not None and len(settings.detect(alpha, None)) > 0


def _seen(settings: Settings, pixels: Tensor) -> Iterator[Tensor]:
    """Everybody whom the detectors see in the source: a box may lie beside its face, and what was cut out by it would then
    not be who must not be recognised."""
    judge, size = settings.goal.judge, crop_size(settings.family)
    for face in settings.detect(pixels, None):
        embedding = judge.embed(align_faces(pixels[None], [[face]], size).crops)
        if measured(embedding):
            yield embedding


def _stopped(run: _Run, reason: str) -> ImageResult:
    if run.settings.on_failure == "pass":
        for track in run.tracks:
            track.give_up(reason)
        return let_through(run.photo, run.tracks, run.settings, reason)
    return withheld(run.tracks, run.settings, reason)


def _hopeless(run: _Run) -> str | None:
    """Why no output can come of the faces as they stand, if so."""
    if run.settings.on_failure == "block" and any(track.failed for track in run.tracks):
        return "a face could not be anonymised"
    if run.settings.on_failure == "blur" and any(track.source is None for track in run.tracks):
        return "a face could not be measured, so its blur could not be verified"
    return None if any(track.source is not None for track in run.tracks) else "no face could be measured"


def _paste_and_verify(run: _Run, *, giving_up: bool) -> ImageResult | None:
    """One round. None: faces are still recognised, and each was told to try on or to give up."""
    settings, judge = run.settings, run.settings.goal.judge
    composition = compose(run.photo.pixels, run.tracks, settings.on_failure, BLURS[run.blur])
    verdict = verify_faces(
        composition.output,
        composition.aligned,
        composition.masks,
        judge=judge,
        detect=lambda picture: settings.detect(picture, None),
        sources=run.sources,
    )
    unmeasured = [
        track.face for track in run.tracks if track.source is None
    ]  # let through by the caller's choice
    missed = [face for face in verdict.missed if not any(same_place(face, other) for other in unmeasured)]
    seen = again = False
    for track, hidden, nearest in zip(composition.handled, verdict.hidden, verdict.nearest, strict=True):
        track.nearest = nearest
        if hidden or (track.failed and settings.on_failure == "pass"):
            continue
        seen = True
        if track.failed:
            again = True
            continue
        track.candidate = None
        if giving_up:
            track.give_up("it was still recognised in the output")
    if not seen and not missed:
        return finished(run.photo, run.tracks, composition, settings)
    if again and run.blur + 1 == len(BLURS):
        return _stopped(run, "a blurred face is still recognised")
    run.blur += again
    known = len(run.tracks)
    del composition  # before the source is expanded again
    run.add(missed, run.photo.pixels)
    for track in run.tracks[known:]:
        if giving_up:
            track.give_up("it was only seen after the others were replaced")
    return None
