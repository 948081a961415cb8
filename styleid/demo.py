"""The photographs that installed dependencies ship, anonymised: outputs, a before/after sheet, a report and a table."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from .datasets import FileReport, RunOptions, read_photo, run_files
from .datasets.files import write_atomically
from .datasets.folder import Anonymize
from .errors import ImageError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "EXAMPLES",
    "TABLE_HEAD",
    "DemoResult",
    "Example",
    "example_path",
    "example_photograph",
    "run_demo",
]


class Example(NamedTuple):
    """A photograph inside an installed package."""

    package: str
    file: str
    distribution: str


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "astronaut": Example("skimage", "data/astronaut.png", "scikit-image"),
        "group": Example("insightface", "data/images/t1.jpg", "insightface"),
    }
)
TABLE_HEAD = ("photo", "face", "recogniser", "before", "after", "threshold", "outcome")


@dataclass(frozen=True)
class DemoResult:
    """Rows of the table below :data:`TABLE_HEAD`, the files written, and the report of every photograph.

    ``before`` is the distance between a face and its reconstruction: what the encoder alone loses, which hides nobody.
    """

    rows: tuple[tuple[str, ...], ...]
    files: tuple[Path, ...]
    reports: tuple[FileReport, ...] = field(repr=False)

    @property
    def fine(self) -> bool:
        """Whether every photograph was written."""
        return all(report.output is not None for report in self.reports)


def example_path(name: str) -> Path:
    """Where an example lies; the package is not imported. Raises ImageError where it is not installed."""
    example = EXAMPLES[name]
    spec = importlib.util.find_spec(example.package)
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    path = next(
        (Path(folder) / example.file for folder in folders if (Path(folder) / example.file).is_file()), None
    )
    if path is None:
        raise ImageError(
            f"The photograph {name!r} comes with the package {example.distribution}, which is not installed whole. "
            f"Install it: pip install {example.distribution}"
        )
    return path


def example_photograph(name: str) -> Tensor:
    """One of :data:`EXAMPLES` as IMAGE float32 [H, W, 3] in 0..1."""
    return read_photo(example_path(name)).pixels


def run_demo(
    out: str | Path, anonymize: Anonymize, *, progress: Callable[[float, int], None] | None = None
) -> DemoResult:
    """Anonymise every example into the folder ``out``, whose files of an earlier demo are replaced.

    Args:
        out: gets one .png per example at its full resolution, before_after.png and report.json.
        anonymize: an :class:`styleid.Anonymizer`.
        progress: called with (examples done, examples in all).
    """
    from .datasets.sheet import before_after

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    reports, pairs = {}, []
    for number, name in enumerate(EXAMPLES):
        source, target = example_path(name), out / f"{name}.png"
        target.unlink(missing_ok=True)  # an old output is no result of this run

        def tick(done: float, total: int, before: int = number) -> None:
            if progress is not None:
                progress(before + done / total, len(EXAMPLES))

        reports[name] = _run(source, target, anonymize, tick)
        after = read_photo(target) if reports[name].output is not None else None
        pairs.append((read_photo(source), after, [face["box"] for face in reports[name].faces]))
    sheet, report = out / "before_after.png", out / "report.json"
    write_atomically(sheet, before_after(pairs))
    content = {name: entry.to_dict() for name, entry in reports.items()}
    write_atomically(report, (json.dumps(content, indent=1) + "\n").encode())
    written = [out / entry.output for entry in reports.values() if entry.output is not None]
    rows = [row for name, entry in reports.items() for row in _rows(name, entry)]
    return DemoResult(tuple(rows), (*written, sheet, report), tuple(reports.values()))


def _run(
    source: Path, target: Path, anonymize: Anonymize, progress: Callable[[float, int], None]
) -> FileReport:
    entries: list[FileReport] = []
    run_files(source, target, anonymize, options=RunOptions(), progress=progress, on_file=entries.append)
    return entries[0]


def _rows(name: str, report: FileReport) -> list[tuple[str, ...]]:
    rows = []
    for face in report.faces:
        for recogniser, distances in face["distances"].items():
            numbers = [distances.get(key) for key in ("before", "after", "threshold")]
            cells = ["-" if value is None else f"{value:.3f}" for value in numbers]
            role = " (judge)" if recogniser == face.get("judge") else ""
            rows.append((name, str(face["index"] + 1), recogniser + role, *cells, face["outcome"]))
    return rows or [(name, "-", "-", "-", "-", "-", f"{report.outcome}: {report.reason}")]
