"""A set of pictures that meets k-anonymity, l-diversity and t-closeness: measure all, choose what each new face should
show, anonymise, measure again, try anew those that stand out, and withhold what still does.

Of every picture only its faces' attributes and its report are kept between the rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import InputError, StyleIDError
from ..pipeline.photo import split_pictures
from ..pipeline.settings import Box
from ..privacy.outcomes import BLOCKED, ImageResult, Result
from ..privacy.plan import Wish, wishes
from ..privacy.release import Achieved, Release, achieved, class_rows, to_withhold
from .folder import FileReport, Job, Run, RunOptions, Summary
from .io import read_photo

if TYPE_CHECKING:
    from ..anonymizer import Anonymizer

__all__ = ["ReleaseReport", "release_folder", "release_pictures"]

UNFINISHED = "the run ended before its set of pictures was complete"
STANDS_OUT = "its attributes occur too seldom in this set, or tell too much"

ROUNDS = 3  # of anonymising: all pictures, then twice those that stand out
TRIES = 24  # random identities per face and round

Wishes = list[Wish | None]
Attributes = Sequence[dict[str, Any]]  # of the faces of one picture, as their reports have them


@dataclass(frozen=True)
class ReleaseReport:
    """What was asked for, what the sources and the outputs meet, and how many pictures were withheld for it.

    Attributes:
        before: of the sources.
        anonymised: every new face after the first round.
        after: of what is published, measured on it.
        withheld: pictures that stood out to the last; those with a face that could not be hidden are not counted.
        rounds: of anonymising; in each at most `TRIES` identities are tried per face before stronger settings.
        classes: of the sources and of what is published, rows of :func:`styleid.privacy.release.class_rows`.
    """

    asked: Release
    before: Achieved
    anonymised: Achieved
    after: Achieved
    withheld: int
    rounds: int
    classes: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {name: vars(getattr(self, name)) for name in ("asked", "before", "anonymised", "after")}
        plain["asked"] = {**plain["asked"], "attributes": list(self.asked.attributes)}
        classes = [dict(row) for row in self.classes]
        return {**plain, "withheld": self.withheld, "rounds": self.rounds, "classes": classes}


def release_pictures(
    anonymizer: Anonymizer,
    images: Any,
    release: Release,
    progress: Callable[[int, int], None] | None = None,
    *,
    boxes: Sequence[Sequence[Box]] | None = None,
) -> tuple[Result, ReleaseReport]:
    """Anonymise pictures as one set. A picture whose faces stand out among the outputs is blocked.

    Arguments as :meth:`styleid.Anonymizer.__call__`.

    Raises:
        InputError: fewer than k faces, or attributes that the family does not know.
    """
    pictures = split_pictures(images)
    if boxes is not None and len(boxes) != len(pictures):
        raise InputError(f"{len(pictures)} pictures need as many lists of boxes, found {len(boxes)}.")
    own: Sequence[Any] = [None] * len(pictures) if boxes is None else boxes
    sources = [
        anonymizer.confidences(picture, release.names, boxes=box)
        for picture, box in zip(pictures, own, strict=True)
    ]
    results: list[ImageResult | None] = [None] * len(pictures)

    def make(number: int, asked: Wishes) -> Tensor | None:
        def tick(done: int, steps: int) -> None:
            if progress is not None:  # full in later rounds, where only Cancel matters
                progress(steps * number + done if first else steps * len(pictures), steps * len(pictures))

        first = results[number] is None
        box = None if boxes is None else [own[number]]
        (result,) = anonymizer([pictures[number]], tick, boxes=box, wanted=[asked])
        results[number] = result
        if result.output is None:
            return torch.zeros(0, len(release.names), dtype=torch.bool)
        places = [face.box for face in result.faces]
        seen = anonymizer.confidences(result.output, release.names, boxes=places)
        return _shown([dict(face.attributes) for face in result.faces], seen, release)

    out, report = _Set(release, sources, make).run()
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
    """Anonymise a folder tree as one set, in several passes over its files; arguments as :func:`run_files`.

    What counts is measured on the written files. Outputs that stand out to the last are deleted again, and the report
    says so; ``on_file`` is called for every change. A picture that cannot be read fails. If the run ends before its set
    is complete, every output is deleted.
    """
    anonymizer.attribute_columns(release.names)
    run = Run.plan(source, target, report=report, options=options, progress=progress, on_file=on_file)
    if run.orphans:
        raise InputError(
            f"{len(run.orphans)} picture(s) of the earlier run are no longer in the input, though their outputs are part of "
            "the set. Put them back, or start again in an empty folder."
        )
    done: set[int] = set()

    def make(number: int, asked: Wishes) -> Tensor | None:
        job = run.jobs[number]

        def anonymize(images: Sequence[Any], progress: Any = None, *, boxes: Any = None) -> Result:
            return _reticent(anonymizer(images, progress, boxes=boxes, wanted=[asked] * len(images)))

        entry = run.again(job, anonymize) if number in done else run.do(job, anonymize)
        done.add(number)
        if entry.output is None or not entry.faces:
            return torch.zeros(0, len(release.names), dtype=torch.bool)
        written = read_photo(job.root / entry.output, max_pixels=run.options.max_pixels).values
        seen = anonymizer.confidences(written, release.names, boxes=[tuple(f["box"]) for f in entry.faces])
        return _shown([face["attributes"] for face in entry.faces], seen, release)

    pictures = _Set(release, [_measured(job, anonymizer, release, run.options) for job in run.jobs], make)
    with run:
        try:
            out, outcome = pictures.run()
            for number in sorted(out):
                run.withhold(run.jobs[number], STANDS_OUT)
        except BaseException:  # Ctrl-C as well: whether what is written stands out is not known
            run.withhold_all(UNFINISHED)
            raise
        return run.close(release=outcome.to_dict()), outcome


@dataclass(repr=False)
class _Set:
    """The rounds, whatever the pictures are.

    Attributes:
        sources: per picture, confidences [N, A] of its faces; NaN where a face was not measured.
        make: anonymises a picture with these wishes and tells what its new faces show, bool [N, A]; no rows where there
            is no output, and None where that is not clear.
    """

    release: Release
    sources: Sequence[Tensor]
    make: Callable[[int, Wishes], Tensor | None]
    shown: dict[int, Tensor | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._first = self._plan(range(len(self.sources)), 0)  # raises before anything is made

    def run(self) -> tuple[set[int], ReleaseReport]:
        """Which pictures to withhold, and what the set meets."""
        out, rounds = self._tried(self._first), 1
        first = achieved(self._rows(set()), self.release)
        while out and rounds < ROUNDS and self._enough(out):
            out, rounds = self._tried(self._plan(sorted(out), rounds)), rounds + 1
        old, new = self._known(self.sources) >= 0.5, self._rows(out)
        before, after = achieved(old, self.release), achieved(new, self.release)
        classes = tuple(class_rows(old, new, self.release))
        return out, ReleaseReport(self.release, before, first, after, len(out), rounds, classes)

    def _tried(self, plan: Mapping[int, Wishes]) -> set[int]:
        """Make these pictures; which of all pictures do not fit: at most these, since the others did before."""
        for number, asked in plan.items():
            self.shown[number] = self.make(number, asked)
        kept = {number: rows for number, rows in sorted(self.shown.items()) if rows is not None}
        owners = [number for number, rows in kept.items() for _ in rows]
        out = to_withhold(self._rows(set()), owners, self.release, self.shown.keys() - kept.keys())
        whole = {number for number in plan if number not in kept or len(kept[number])}
        return min(out, whole, key=len)

    def _enough(self, out: set[int]) -> bool:
        """Whether these pictures and those that stay could meet the release at all."""
        faces = self._known([self.sources[number] for number in out])
        return len(faces) > 0 and len(faces) + len(self._rows(out)) >= self.release.k

    def _plan(self, numbers: Sequence[int], round_: int) -> dict[int, Wishes]:
        """Wishes for the faces of some pictures, while the others stay."""
        stay = None if round_ == 0 else self._rows(set(numbers))
        known = self._known([self.sources[number] for number in numbers])
        asked = iter(
            wishes(known, self.release, stay, join=round_ == ROUNDS - 1, tries=TRIES, skip=round_ * TRIES)
        )
        return {
            number: [next(asked) if bool(face.isfinite().all()) else None for face in self.sources[number]]
            for number in numbers
        }

    def _known(self, sources: Sequence[Tensor]) -> Tensor:
        everyone = torch.cat([*sources, torch.zeros(0, len(self.release.names))])
        return everyone[everyone.isfinite().all(1)]

    def _rows(self, without: set[int]) -> Tensor:
        """What all new faces show, those of some pictures left out."""
        parts = [
            rows for number, rows in sorted(self.shown.items()) if number not in without and rows is not None
        ]
        return torch.cat([*parts, torch.zeros(0, len(self.release.names), dtype=torch.bool)])


def _measured(job: Job, anonymizer: Anonymizer, release: Release, options: RunOptions) -> Tensor:
    """What the faces of a file show, [N, A]; none where it cannot be read, which is told when it is done."""
    boxes = options.boxes.get(job.name) or None
    try:
        if job.skipped is None:
            photo = read_photo(job.source, max_pixels=options.max_pixels)
            return anonymizer.confidences(photo.values, release.names, boxes=boxes)
    except (StyleIDError, OSError):
        pass
    return torch.zeros(0, len(release.names))


def _shown(faces: Attributes, seen: Tensor, release: Release) -> Tensor | None:
    """What the new faces of a picture show, bool [N, A]: as reported, and as seen [N, A] in what is published.

    None where the two differ or a face was not measured: then nothing should rest on it.
    """
    try:
        reported = torch.tensor([[face[name]["after"] for name in release.names] for face in faces])
    except KeyError:
        return None
    reported = reported.view(-1, len(release.names)) >= 0.5
    if seen.shape != reported.shape or not bool(seen.isfinite().all()):
        return None
    return reported if torch.equal(seen >= 0.5, reported) else None


def _reticent(results: Result) -> Result:
    """Without what the sources show: the report stands beside the pictures, and would give away what the set hides."""
    return Result(
        tuple(
            replace(
                one,
                faces=tuple(
                    replace(
                        face, attributes={name: {"after": v["after"]} for name, v in face.attributes.items()}
                    )
                    for face in one.faces
                ),
            )
            for one in results
        )
    )


def _withheld(result: ImageResult) -> ImageResult:
    faces = tuple(replace(face, outcome=BLOCKED, reason=STANDS_OUT) for face in result.faces)
    return ImageResult(None, BLOCKED, faces, reason=STANDS_OUT)
