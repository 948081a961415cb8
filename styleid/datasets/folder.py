"""One photograph or a folder tree: every picture is read, anonymised and written on its own, in constant memory."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from ..errors import ImageError, InputError, StyleIDError
from ._jobs import Job, plan_jobs
from ._places import Places
from .boxes import Box
from .files import PICTURES
from .io import MAX_PIXELS, format_of, read_photo, write_photo
from .photograph import Photograph
from .report import FileReport, Journal, Summary

__all__ = ["Anonymize", "FileReport", "Job", "Run", "RunOptions", "Summary", "run_files"]

_log = logging.getLogger(__name__)

_WRITTEN = ("anonymised", "blurred", "passed")
_CUT_OFF = "the run ended while this picture was written"
# An Anonymizer, or anything called like one: (pictures, progress, boxes=...) -> one ImageResult per picture.
Anonymize = Callable[..., Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How files are treated.

    Attributes:
        no_face: what becomes of a picture in which no face is found: `skip` writes nothing, `copy` writes it without
            its metadata.
        overwrite: whether existing outputs are replaced. Inputs never are.
        resume: whether pictures that an earlier, interrupted or failed run finished are kept, if neither they nor their
            inputs and boxes have changed. What else that run wrote is replaced.
        max_pixels: larger pictures are refused.
        boxes: faces (x0, y0, x1, y1) in pixels of the upright picture, by the picture's path below the input folder.
        leave_out: files that may lie among the pictures and are none, as the one that the boxes were read from.
        settings: what the report says about the run; a resumed run must have the same.
    """

    no_face: str = "skip"
    overwrite: bool = False
    resume: bool = False
    max_pixels: int = MAX_PIXELS
    boxes: Mapping[str, Sequence[Box]] = field(default_factory=dict, repr=False)
    leave_out: Sequence[Path] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.no_face not in ("skip", "copy"):
            raise InputError(f"no_face is skip or copy, found {self.no_face!r}.")
        if self.max_pixels < 1:
            raise InputError(f"max_pixels must be positive, found {self.max_pixels}.")


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
    _places: Places
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
        report = None if report is None else Path(report)
        jobs, report = plan_jobs(Path(source), Path(target), report, options.leave_out)
        unknown = sorted(set(options.boxes) - {job.name for job in jobs})
        if unknown:
            raise InputError(
                f"There are boxes for {len(unknown)} picture(s) that are not in the input. Name pictures by their path "
                "below the input folder, with forward slashes."
            )
        journal = Journal(report, settings=options.settings, resume=options.resume)
        root = jobs[0].root if jobs else Path(target)
        places = Places(Path(source), root, (job.source for job in jobs if job.skipped is None))
        for name, output in journal.outputs():
            places.take(root / output, name)
        return cls(
            jobs=tuple(jobs),
            options=options,
            _journal=journal,
            _places=places,
            _progress=progress or (lambda done, total: None),
            _on_file=on_file or (lambda entry: None),
        )

    @property
    def orphans(self) -> tuple[str, ...]:
        """Pictures whose output an earlier run left, and that are no longer in the input."""
        names = {job.name for job in self.jobs}
        return tuple(source for source, _ in self._journal.outputs() if source not in names)

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

        entry = self._journal.finished(job.name, job.root, self._digest(job))
        if entry is None:
            entry = self._one(job, anonymize, tick)
        self._keep(entry)
        self._progress(job.number + 1, total)
        return entry

    def again(self, job: Job, anonymize: Anonymize) -> FileReport:
        """Do a file of this run once more; its former output goes first."""
        self._remove(job, _CUT_OFF)
        total = len(self.jobs)
        entry = self._one(job, anonymize, lambda *_: self._progress(total, total))
        self._keep(entry)
        return entry

    def withhold(self, job: Job, reason: str) -> None:
        """Delete an output of this run again: the picture is blocked."""
        entry = self._remove(job, reason)
        if entry is not None:
            self._on_file(entry)

    def withhold_all(self, reason: str) -> None:
        """Delete every output, also of the run that this one goes on with."""
        removed = []
        for job in self.jobs:
            try:
                removed.append(self._remove(job, reason))
            except Exception as error:  # the others go nevertheless
                _log.warning("withholding a picture failed with %s", type(error).__name__)
        for entry in filter(None, removed):
            self._on_file(entry)

    def close(self, **head: Any) -> Summary:
        """Write the report, with `head` among what it says about the run."""
        return self._journal.close(head)

    def _keep(self, entry: FileReport) -> None:
        self._journal.add(entry)
        self._on_file(entry)

    def _remove(self, job: Job, reason: str) -> FileReport | None:
        """Delete the output, if there is one, and write down that the picture is blocked."""
        former = self._journal.entry(job.name)
        if former is None or former.output is None:
            return None
        path = job.root / former.output
        if path in (job.target, _as_png(job.target)):
            with suppress(ImageError):  # by now it is somebody else's
                self._places.check(path, job.name)
                self._places.free(path)
                path.unlink(missing_ok=True)
        faces = tuple({**face, "outcome": "blocked", "reason": reason} for face in former.faces)
        entry = former.changed(outcome="blocked", reason=reason, output=None, bytes=None, faces=faces)
        self._journal.add(entry)
        return entry

    def _one(self, job: Job, anonymize: Anonymize, tick: Callable[[int, int], None]) -> FileReport:
        """Whatever happens to one file becomes its entry; only KeyboardInterrupt and the like pass through."""
        if job.skipped is not None:
            return FileReport(job.name, "failed", reason=job.skipped)
        digest = self._digest(job)
        try:
            self._remove(job, _CUT_OFF)  # what an earlier run left
            if self.options.overwrite and job.target.suffix.lower() in PICTURES:
                self._make_way(job, _likely_target(job))
            photo = read_photo(job.source, max_pixels=self.options.max_pixels)
            return self._anonymised(job, photo, anonymize, tick).changed(digest=digest)
        except StyleIDError as error:
            return FileReport(job.name, "failed", reason=str(error))
        except Exception as error:  # the others go on; its text might hold what is secret
            _log.debug("a picture failed with %s", type(error).__name__)
            return FileReport(
                job.name, "failed", reason=f"an unexpected {type(error).__name__}; nothing was written"
            )

    def _make_way(self, job: Job, target: Path) -> None:
        """What is to be replaced goes first: should the picture fail or be withheld now, nothing of it may stay."""
        self._places.check(target, job.name)
        if target.exists():
            if not self.options.overwrite:  # before the work, not after it as `write_photo` would
                raise ImageError(
                    "The output exists already. Use --overwrite, or --resume to go on with an earlier run."
                )
            target.unlink()

    def _anonymised(
        self, job: Job, photo: Photograph, anonymize: Anonymize, tick: Callable[[int, int], None]
    ) -> FileReport:
        options = self.options
        target, format = _written_as(job, photo)
        self._make_way(job, target)
        boxes = options.boxes.get(job.name) or None  # an empty list leaves it to the detector
        extra = {} if boxes is None else {"boxes": [boxes]}
        result = anonymize([_with_alpha(photo)], tick, **extra)[0]
        entry = FileReport(
            job.name,
            result.outcome,
            reason=result.reason,
            size=photo.size,
            notes=photo.notes,
            faces=_faces(result),
        )
        if result.output is not None and result.outcome in _WRITTEN:
            photo = photo.with_values(np.asarray(result.output)[..., : photo.values.shape[2]])
        elif result.outcome != "no_face" or options.no_face != "copy":
            return entry
        _make_folder(target.parent)
        output = target.relative_to(job.root).as_posix()
        # Should the run end before the picture's entry, this one says whose the file is.
        self._journal.add(FileReport(job.name, "failed", output, _CUT_OFF))
        written = write_photo(photo, target, format=format, overwrite=options.overwrite, source=job.source)
        self._places.take(target, job.name)
        return entry.changed(output=output, bytes=target.stat().st_size, notes=written.notes)

    def _digest(self, job: Job) -> str | None:
        """Changes when the input or its boxes do. So short that nobody can tell from it when the input was taken."""
        try:
            status = job.source.stat()
        except OSError:
            return None
        boxes = [[float(v) for v in box] for box in self.options.boxes.get(job.name) or ()]
        return hashlib.sha256(json.dumps([status.st_size, status.st_mtime_ns, boxes]).encode()).hexdigest()[
            :6
        ]


def _written_as(job: Job, photo: Photograph) -> tuple[Path, str]:
    """The output's path and format: the input's own, whatever it is called, unless the user named another."""
    if job.target.suffix.lower() != job.source.suffix.lower():
        return job.target, format_of(job.target)
    if photo.format == "GIF":  # whose 256 colours could not hold the result
        return _as_png(job.target), "PNG"
    return job.target, photo.format


def _likely_target(job: Job) -> Path:
    """The same, before it is known what the input holds."""
    return (
        _as_png(job.target)
        if job.source.suffix.lower() == job.target.suffix.lower() == ".gif"
        else job.target
    )


def _as_png(path: Path) -> Path:
    return path.with_name(path.name + ".png")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ImageError(f"The output's folder cannot be made ({why}). Choose another one.") from error


def _faces(result: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(MappingProxyType(face.to_dict()) for face in result.faces)


def _with_alpha(photo: Photograph) -> np.ndarray:
    """[H, W, C], alpha last where there is one: transparency can draw a face as well."""
    return (
        photo.values
        if photo.alpha is None
        else np.concatenate([photo.values, photo.alpha[..., None]], axis=2)
    )
