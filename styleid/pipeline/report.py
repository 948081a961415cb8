"""From a run to its report: measured on the very pixels that are handed out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..faces import align_faces, ffhq_quad
from ..metrics import attributes_preserved, identity_distance
from ..privacy.outcomes import ANONYMISED, BLOCKED, BLURRED, PASSED, FaceReport, ImageResult
from .compose import Composition
from .photo import Photo
from .settings import Settings
from .track import Track

if TYPE_CHECKING:
    from ..family import Recogniser

__all__ = ["finished", "let_through", "withheld"]

MAX_REACH = 3.0  # of a blurred head, in half sides of its crop


def finished(
    photo: Photo, tracks: Sequence[Track], composition: Composition, settings: Settings
) -> ImageResult:
    """The result of a verified composition."""
    output = composition.output
    changed = (output != photo.pixels).any(dim=-1)  # [H, W]
    faces = [track.face for track in composition.handled]
    crops = align_faces(output[None], [faces], composition.aligned.size).crops
    after = {id(track): crop[None] for track, crop in zip(composition.handled, crops, strict=True)}
    reports = tuple(_report(track, settings, after.get(id(track)), changed) for track in tracks)
    outcomes = {report.outcome for report in reports}
    worst = next(outcome for outcome in (PASSED, BLURRED, ANONYMISED) if outcome in outcomes)
    return ImageResult(photo.finish(output, changed), worst, reports, changed.numpy())


def let_through(photo: Photo, tracks: Sequence[Track], settings: Settings, reason: str) -> ImageResult:
    """The source itself, because the caller chose by name that failed faces pass."""
    changed = torch.zeros(photo.pixels.shape[:2], dtype=torch.bool)
    reports = tuple(_report(track, settings, None, changed) for track in tracks)
    return ImageResult(photo.finish(photo.pixels, changed), PASSED, reports, changed.numpy(), reason)


def withheld(tracks: Sequence[Track], settings: Settings, reason: str) -> ImageResult:
    """No output: every face of the picture is blocked, and those that failed say why."""
    tuner, judge = _names(settings)
    reports = tuple(
        FaceReport(
            index=track.index,
            box=track.face.box,
            detector=track.face.detector,
            outcome=BLOCKED,
            tuner=tuner,
            judge=judge,
            distances={} if track.source is None else _distances(track, settings, None),
            attempts=track.attempts,
            tried=tuple(track.tried),
            method=None if track.last is None else track.last.method,
            area=None if track.last is None else track.last.area,
            reason=track.failed or "withheld with its picture",
            notes=(*settings.notes, *track.notes),
        )
        for track in tracks
    )
    return ImageResult(None, BLOCKED, reports, reason=reason)


def _report(track: Track, settings: Settings, after: Tensor | None, changed: Tensor) -> FaceReport:
    tuner, judge = _names(settings)
    outcome = ANONYMISED if track.failed is None else BLURRED if settings.on_failure == "blur" else PASSED
    return FaceReport(
        index=track.index,
        box=track.face.box,
        detector=track.face.detector,
        outcome=outcome,
        tuner=tuner,
        judge=judge,
        distances={} if after is None else _distances(track, settings, after),
        attributes={} if after is None else _attributes(track, settings, after),
        attempts=track.attempts,
        tried=tuple(track.tried),
        method=None if track.last is None else track.last.method,
        area=None if track.last is None else track.last.area,
        changed_box=_changed_box(track, changed),
        reason=track.failed,
        notes=(*settings.notes, *track.notes),
    )


def _distances(track: Track, settings: Settings, after: Tensor | None) -> dict[str, dict[str, float | None]]:
    """By recogniser; `after` [1, S, S, 3] is the face in the output, None when there is no output."""
    table = {}
    for recogniser in settings.recognisers:
        view = track.source.views[recogniser.name]
        table[recogniser.name] = {
            "before": float(identity_distance(view.source, view.reconstruction)),
            "swap": _swapped(track, recogniser, view.reconstruction),
            "after": None
            if after is None
            else float(identity_distance(view.source, recogniser.embed(after))),
            "threshold": recogniser.threshold,
        }
    table[settings.goal.judge.name]["nearest"] = track.nearest
    return table


def _names(settings: Settings) -> tuple[str, str]:
    """Of the recognisers that searched, and of the one that judged."""
    return ", ".join(one.name for one in settings.goal.tuners), settings.goal.judge.name


def _swapped(track: Track, recogniser: Recogniser, reconstruction: Tensor) -> float | None:
    if track.candidate is None:
        return None
    return float(identity_distance(reconstruction, recogniser.embed(track.candidate.decoded)))


def _attributes(track: Track, settings: Settings, after: Tensor) -> dict[str, dict[str, float | bool]]:
    family = settings.family
    if family.attributes is None:
        return {}
    before, now = track.source.attributes[0], family.attribute_confidences(after)[0]  # [A]
    kept = attributes_preserved(before, now)
    return {
        name: {"before": float(before[i]), "after": float(now[i]), "preserved": bool(kept[i])}
        for i, name in enumerate(family.attributes.names)
    }


def _changed_box(track: Track, changed: Tensor) -> tuple[int, int, int, int] | None:
    """The smallest rectangle around the changed pixels within this face's reach."""
    quad = ffhq_quad(track.face.landmarks)  # [4, 2], outside of which nothing is pasted
    reach = 1.0 if track.candidate is not None else MAX_REACH
    corners = quad.mean(0) + (quad - quad.mean(0)) * reach
    left, top = np.maximum(np.floor(corners.min(0)).astype(int), 0)
    right, bottom = np.ceil(corners.max(0)).astype(int) + 1
    part = changed[top : max(top, bottom), left : max(left, right)]
    rows, columns = part.any(1).nonzero(), part.any(0).nonzero()
    if not len(rows):
        return None
    return (
        int(left + columns[0]),
        int(top + rows[0]),
        int(left + columns[-1]) + 1,
        int(top + rows[-1]) + 1,
    )
