"""A set of pictures that meets k-anonymity, l-diversity and t-closeness: measure all, choose what each new face should
show, anonymise, measure again, and withhold what still stands out.

Of every picture only its faces' attributes are kept between the passes, a few numbers per face.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import StyleIDError
from ..pipeline.photo import Photo
from ..privacy.outcomes import BLOCKED, ImageResult, Result
from ..privacy.outcomes import FaceReport as Face
from ..privacy.release import Achieved, Release, achieved, assign, to_withhold
from .files import walk
from .folder import FileReport, RunOptions, Summary, run_files
from .io import read_photo
from .report import withdraw

if TYPE_CHECKING:
    from ..anonymizer import Anonymizer

__all__ = ["ReleaseReport", "release_folder", "release_pictures"]

STANDS_OUT = "its attributes occur too seldom in this set, or tell too much"

Wishes = list[dict[str, bool]]


@dataclass(frozen=True)
class ReleaseReport:
    """What was asked for, what the sources and the outputs meet, and how many pictures were withheld for it."""

    asked: Release
    before: Achieved
    anonymised: Achieved  # every new face, before pictures were withheld
    after: Achieved
    withheld: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {name: vars(getattr(self, name)) for name in ("asked", "before", "anonymised", "after")}
        plain["asked"] = {**plain["asked"], "attributes": list(self.asked.attributes)}
        return {**plain, "withheld": self.withheld}


def release_pictures(
    anonymizer: Anonymizer,
    images: Sequence[Any],
    release: Release,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Result, ReleaseReport]:
    """Anonymise pictures as one set. A picture whose faces stand out among the outputs is blocked.

    Raises:
        InputError: fewer than k faces, or attributes that the family does not know.
    """
    sources = [anonymizer.confidences(image, release.names) for image in images]
    wanted, before = _plan(sources, release)
    results = anonymizer(images, progress, wanted=wanted)
    shown = [_shown([face.attributes for face in _written(one)], release) for one in results]
    out, report = _judged(shown, before, release)
    final = tuple(_withheld(r) if i in out else r for i, r in enumerate(results))
    return Result(final), report


def release_folder(
    source: str | Path,
    target: str | Path,
    anonymizer: Anonymizer,
    release: Release,
    *,
    report: str | Path | None = None,
    options: RunOptions | None = None,
    progress: Callable[[float, int], None] | None = None,
    on_file: Callable[[FileReport], None] | None = None,
) -> tuple[Summary, ReleaseReport]:
    """Anonymise a folder tree as one set, in two passes over its files; arguments as :func:`run_files`.

    Outputs that stand out are deleted again, and the report says so. A picture that cannot be read in the first pass
    fails in the second.
    """
    source, target = Path(source), Path(target)
    report = target / "report.json" if report is None else Path(report)
    options = options or RunOptions()
    sources: dict[bytes, Tensor] = {}
    for found in walk(source, (target, report)):
        try:
            photo = read_photo(found.path, max_pixels=options.max_pixels)
            boxes = options.boxes.get(found.path.relative_to(source).as_posix()) or None
            seen = anonymizer.confidences(photo.values, release.names, boxes=boxes)
        except (StyleIDError, OSError):
            continue
        sources[Photo.read(photo.values).digest()] = seen
    wanted, before = _plan(list(sources.values()), release)
    planned = _Planned(anonymizer, dict(zip(sources, wanted, strict=True)))
    del sources
    written: list[FileReport] = []  # without their faces
    shown: list[Tensor] = []

    def remember(entry: FileReport) -> None:
        if entry.output is not None and entry.outcome in ("anonymised", "blurred"):
            written.append(entry.changed(faces=()))
            shown.append(_shown([face["attributes"] for face in entry.faces], release))
        if on_file is not None:
            on_file(entry)

    summary = run_files(
        source, target, planned, report=report, options=options, progress=progress, on_file=remember
    )
    out, outcome = _judged(shown, before, release)
    gone = [written[index] for index in sorted(out)]
    for entry in gone:
        (target / entry.output).unlink(missing_ok=True)
    former = {entry.source: entry.outcome for entry in gone}
    withdraw(report, former, BLOCKED, STANDS_OUT, {"release": outcome.to_dict()})
    counts = Counter(summary.counts)
    counts.subtract(Counter(former.values()))
    counts[BLOCKED] += len(gone)
    return Summary(MappingProxyType(dict(+counts)), summary.written - len(gone)), outcome


class _Planned:
    """An anonymizer that knows what the faces of each picture should show, by the picture's digest."""

    def __init__(self, anonymizer: Anonymizer, plan: Mapping[bytes, Wishes]) -> None:
        self._anonymizer, self._plan = anonymizer, plan

    def __call__(self, images: Sequence[Any], progress: Any = None, *, boxes: Any = None) -> Result:
        wanted = [self._plan.get(Photo.read(image).digest(), []) for image in images]
        return self._anonymizer(images, progress, boxes=boxes, wanted=wanted)


def _plan(sources: Sequence[Tensor], release: Release) -> tuple[list[Wishes], Achieved]:
    """Per picture and face what the new face should show, and what the sources meet. NaN: not measured, no wish."""
    everyone = torch.cat([*sources, torch.zeros(0, len(release.names))])
    known = torch.isfinite(everyone).all(1)
    chosen = torch.zeros_like(everyone, dtype=torch.bool)
    chosen[known] = assign(everyone[known], release)
    wishes = [
        dict(zip(release.names, row.tolist(), strict=True)) if fine else {}
        for row, fine in zip(chosen, known.tolist(), strict=True)
    ]
    plan, start = [], 0
    for faces in sources:
        plan.append(wishes[start : start + len(faces)])
        start += len(faces)
    return plan, achieved(everyone[known] >= 0.5, release)


def _shown(faces: Sequence[Mapping[str, Any]], release: Release) -> Tensor:
    """What the new faces of one picture show, measured on the output: bool [N, A]."""
    rows = [[face[name]["after"] >= 0.5 for name in release.names] for face in faces]
    return torch.tensor(rows, dtype=torch.bool).view(-1, len(release.names))


def _judged(shown: Sequence[Tensor], before: Achieved, release: Release) -> tuple[set[int], ReleaseReport]:
    """Which pictures to withhold, and what the set meets with and without them."""
    owners = [index for index, faces in enumerate(shown) for _ in faces]
    everyone = torch.cat([*shown, torch.zeros(0, len(release.names), dtype=torch.bool)])
    out = to_withhold(everyone, owners, release)
    rest = [row for row, owner in enumerate(owners) if owner not in out]
    report = ReleaseReport(
        release, before, achieved(everyone, release), achieved(everyone[rest], release), len(out)
    )
    return out, report


def _written(result: ImageResult) -> tuple[Face, ...]:
    return () if result.output is None else result.faces


def _withheld(result: ImageResult) -> ImageResult:
    faces = tuple(replace(face, outcome=BLOCKED, reason=STANDS_OUT) for face in result.faces)
    return ImageResult(None, BLOCKED, faces, reason=STANDS_OUT)
