"""One photograph or a folder tree: every picture is read, anonymised and written on its own, in constant memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from ..errors import ImageError, InputError, StyleIDError
from .boxes import Box
from .files import Found, same_file, walk
from .io import MAX_PIXELS, format_of, read_photo, write_photo
from .photograph import Photograph
from .report import FileReport, Journal, Summary, partial_of

__all__ = ["Anonymize", "FileReport", "Job", "Run", "RunOptions", "Summary", "run_files"]

_log = logging.getLogger(__name__)

_WRITTEN = ("anonymised", "blurred", "passed")
# An Anonymizer, or anything called like one: (pictures, progress, boxes=...) -> one ImageResult per picture.
Anonymize = Callable[..., Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How files are treated.

    Attributes:
        no_face: what becomes of a picture in which no face is found: `skip` writes nothing, `copy` writes it without
            its metadata.
        overwrite: whether existing outputs are replaced. Inputs never are.
        resume: whether pictures that an earlier, interrupted or failed run finished are kept.
        max_pixels: larger pictures are refused.
        boxes: faces (x0, y0, x1, y1) in pixels of the upright picture, by the picture's path below the input folder.
        settings: what the report says about the run; a resumed run must have the same.
    """

    no_face: str = "skip"
    overwrite: bool = False
    resume: bool = False
    max_pixels: int = MAX_PIXELS
    boxes: Mapping[str, Sequence[Box]] = field(default_factory=dict, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.no_face not in ("skip", "copy"):
            raise InputError(f"no_face is skip or copy, found {self.no_face!r}.")
        if self.max_pixels < 1:
            raise InputError(f"max_pixels must be positive, found {self.max_pixels}.")


@dataclass(frozen=True)
class Job:
    """One file to do: where it is, where its output goes, below which folder, what the report calls it, and its place."""

    source: Path
    target: Path
    root: Path
    name: str
    skipped: str | None = None
    number: int = 0


def run_files(
    source: str | Path,
    target: str | Path,
    anonymize: Anonymize,
    *,
    report: str | Path | None = None,
    options: RunOptions | None = None,
    progress: Callable[[float, int], None] | None = None,
    on_file: Callable[[FileReport], None] | None = None,
) -> Summary:
    """Anonymise a photograph, or every file of a folder tree into a mirrored tree.

    A file that fails in any way is reported, gives no output, and does not stop the others. Nothing is ever written over
    an input. After each picture its entry is on disk next to the report, so that a later run can resume.

    Args:
        source: a file or a folder. In folders, files with names that begin with a dot are passed over, and so is
            ``target``; links to folders are followed once.
        target: for a file, its output, or a folder for it (one that exists, or a name without a suffix); for a folder,
            the folder of all outputs.
        anonymize: an :class:`styleid.Anonymizer`.
        report: a .json file for the outcome of every picture; for a folder by default ``target``/report.json.
        options: see :class:`RunOptions`.
        progress: called with (pictures done, pictures in all).
        on_file: called after every picture.

    Raises:
        InputError: ``source``, ``target``, ``report`` or the options cannot be meant like this. Nothing was written.
        KeyboardInterrupt: passed on, after the report was written.
    """
    with Run.plan(source, target, report=report, options=options, progress=progress, on_file=on_file) as run:
        for job in run.jobs:
            run.do(job, anonymize)
        return run.close()


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run whose files are done one by one, and may be done again or withheld until it is closed.

    Files are written within ``with run:`` only; before that nothing is touched.
    """

    jobs: tuple[Job, ...]
    options: RunOptions
    _journal: Journal
    _progress: Callable[[float, int], None]
    _on_file: Callable[[FileReport], None]

    @classmethod
    def plan(
        cls,
        source: str | Path,
        target: str | Path,
        *,
        report: str | Path | None = None,
        options: RunOptions | None = None,
        progress: Callable[[float, int], None] | None = None,
        on_file: Callable[[FileReport], None] | None = None,
    ) -> Self:
        """Arguments and errors as :func:`run_files`."""
        options = options or RunOptions()
        jobs, report = _plan(Path(source), Path(target), None if report is None else Path(report))
        unknown = sorted(set(options.boxes) - {job.name for job in jobs})
        if unknown:
            raise InputError(
                f"There are boxes for {len(unknown)} picture(s) that are not in the input. Name pictures by their path "
                "below the input folder, with forward slashes."
            )
        journal = Journal(report, settings=options.settings, resume=options.resume)
        # A run that was killed may have written an output without its entry.
        options = replace(options, overwrite=options.overwrite or journal.resumes)
        return cls(
            jobs=tuple(jobs),
            options=options,
            _journal=journal,
            _progress=progress or (lambda done, total: None),
            _on_file=on_file or (lambda entry: None),
        )

    def __enter__(self) -> Self:
        self._journal.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._journal.__exit__(*error)

    def do(self, job: Job, anonymize: Anonymize) -> FileReport:
        """Do one file, unless an earlier run finished it."""
        total = len(self.jobs)

        def tick(done: int, steps: int) -> None:
            self._progress(job.number + done / max(steps, 1), total)

        entry = self._journal.finished(job.name, job.root)
        if entry is None:
            entry = _run_one(job, anonymize, self.options, tick)
        self._keep(entry)
        self._progress(job.number + 1, total)
        return entry

    def again(self, job: Job, anonymize: Anonymize) -> FileReport:
        """Do a file of this run once more; its former output goes first."""
        self._removed(job)
        total = len(self.jobs)
        entry = _run_one(job, anonymize, self.options, lambda *_: self._progress(total, total))
        self._keep(entry)
        return entry

    def withhold(self, job: Job, reason: str) -> None:
        """Delete an output of this run again: the picture is blocked."""
        former = self._removed(job)
        faces = tuple({**face, "outcome": "blocked", "reason": reason} for face in former.faces)
        self._keep(former.changed(outcome="blocked", reason=reason, output=None, bytes=None, faces=faces))

    def close(self, **head: Any) -> Summary:
        """Write the report, with `head` among what it says about the run."""
        return self._journal.close(head)

    def _keep(self, entry: FileReport) -> None:
        self._journal.add(entry)
        self._on_file(entry)

    def _removed(self, job: Job) -> FileReport:
        former = self._journal.entry(job.name)
        if former.output is not None:
            (job.root / former.output).unlink(missing_ok=True)
        return former


def _plan(source: Path, target: Path, report: Path | None) -> tuple[list[Job], Path | None]:
    """All files to do, in a stable order, and the report's place. Raises InputError before anything is written."""
    if report is not None and report.suffix.lower() != ".json":
        raise InputError(f"The report is a .json file, found {report.name!r}.")
    if not source.exists():
        raise InputError(f"The input {str(source)!r} does not exist.")
    if source.is_dir():
        if target.exists() and not target.is_dir():
            raise InputError(
                f"The input is a folder, but the output {str(target)!r} is a file. Name a folder."
            )
        if same_file(source, target) or target.resolve() in source.resolve().parents:
            raise InputError("The output folder holds the input. Name a folder below it or elsewhere.")
        report = target / "report.json" if report is None else report
        leave_out = (target, report, partial_of(report))
        found = enumerate(walk(source, leave_out))
        return [_job(one, source, target, number) for number, one in found], report
    if target.is_dir() or not target.suffix:
        target = target / source.name
    if same_file(source, target):
        raise InputError(
            "The output is the input itself, which is never overwritten. Name another file or folder."
        )
    return [Job(source, target, target.parent, source.name)], report


def _job(found: Found, source: Path, target: Path, number: int) -> Job:
    below = found.path.relative_to(source)
    return Job(found.path, target / below, target, below.as_posix(), found.skipped, number)


def _run_one(
    job: Job, anonymize: Anonymize, options: RunOptions, tick: Callable[[int, int], None]
) -> FileReport:
    """Whatever happens to one file becomes its entry; only KeyboardInterrupt and the like pass through."""
    if job.skipped is not None:
        return FileReport(job.name, "failed", reason=job.skipped)
    try:
        photo = read_photo(job.source, max_pixels=options.max_pixels)
        return _anonymised(job, photo, anonymize, options, tick)
    except StyleIDError as error:
        return FileReport(job.name, "failed", reason=str(error))
    except Exception as error:  # the others go on; its text might hold what is secret
        _log.debug("a picture failed with %s", type(error).__name__)
        return FileReport(
            job.name, "failed", reason=f"an unexpected {type(error).__name__}; nothing was written"
        )


def _anonymised(
    job: Job, photo: Photograph, anonymize: Anonymize, options: RunOptions, tick: Callable[[int, int], None]
) -> FileReport:
    target, format = _written_as(job, photo)
    _check_target(target, job.source, options)
    boxes = options.boxes.get(job.name) or None  # an empty list leaves it to the detector
    extra = {} if boxes is None else {"boxes": [boxes]}
    result = anonymize([photo.values], tick, **extra)[0]
    entry = FileReport(
        job.name,
        result.outcome,
        reason=result.reason,
        size=photo.size,
        notes=photo.notes,
        faces=_faces(result),
    )
    if result.output is not None and result.outcome in _WRITTEN:
        photo = photo.with_values(np.asarray(result.output))
    elif result.outcome != "no_face" or options.no_face != "copy":
        return entry
    if _alpha_shows_a_face(photo, anonymize):
        return entry.changed(
            outcome="blocked", reason="its transparency shows a face, which cannot be replaced"
        )
    _make_folder(target.parent)
    written = write_photo(photo, target, format=format, overwrite=options.overwrite, source=job.source)
    output = target.relative_to(job.root).as_posix()
    return entry.changed(output=output, bytes=target.stat().st_size, notes=written.notes)


def _written_as(job: Job, photo: Photograph) -> tuple[Path, str]:
    """The output's path and format: the input's own, whatever it is called, unless the user named another."""
    if job.target.suffix.lower() != job.source.suffix.lower():
        return job.target, format_of(job.target)
    if photo.format == "GIF":  # whose 256 colours could not hold the result
        return job.target.with_name(job.target.name + ".png"), "PNG"
    return job.target, photo.format


def _check_target(target: Path, source: Path, options: RunOptions) -> None:
    """Before the work, what `write_photo` would refuse after it."""
    if same_file(target, source):
        raise ImageError("The output would overwrite its own input. Choose another folder or name.")
    if target.exists() and not options.overwrite:
        raise ImageError(
            "The output exists already. Use --overwrite, or --resume to go on with an earlier run."
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ImageError(f"The output's folder cannot be made ({why}). Choose another one.") from error


def _faces(result: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(MappingProxyType(face.to_dict()) for face in result.faces)


def _alpha_shows_a_face(photo: Photograph, anonymize: Anonymize) -> bool:
    """Transparency can draw a picture by itself, which nobody replaces."""
    alpha = photo.alpha
    if alpha is None or alpha.min() == alpha.max():
        return False
    return anonymize([alpha])[0].outcome != "no_face"
