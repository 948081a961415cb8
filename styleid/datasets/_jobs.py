"""The files of a run: what is read, and where its output goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .files import Found, same_file, walk
from .report import partial_of

__all__ = ["Job", "plan_jobs"]


@dataclass(frozen=True)
class Job:
    """One file to do: where it is, where its output goes, below which folder, what the report calls it, and its place."""

    source: Path
    target: Path
    root: Path
    name: str
    skipped: str | None = None
    number: int = 0


def plan_jobs(
    source: Path, target: Path, report: Path | None, leave_out: Sequence[Path] = ()
) -> tuple[list[Job], Path | None]:
    """All files to do but those to `leave_out`, in a stable order, and the report's place. Raises InputError before
    anything is written."""
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
        found = enumerate(walk(source, (target, report, partial_of(report), *leave_out)))
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
