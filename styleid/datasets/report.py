"""What became of every file: kept on disk line by line during a run, and as one report.json at its end."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TextIO

from ..errors import InputError
from ._alone import alone
from .files import write_atomically

__all__ = ["FileReport", "Journal", "Summary", "partial_of"]

VERSION = 1


@dataclass(frozen=True)
class FileReport:
    """One file of a run. Nothing here holds a pixel, a seed, a code or an embedding.

    Attributes:
        source: its path below the input folder, with forward slashes.
        outcome: anonymised, blurred, blocked, passed or no_face as the Anonymizer says, or failed.
        output: the written file's path below the output folder; None when nothing was written.
        reason: why nothing was written, or what else is worth knowing.
        size: width and height in pixels.
        bytes: of the written file.
        notes: what of the file was left behind.
        faces: the report of every face.
        digest: of its input's size, date and given boxes: tells a resumed run what changed since.
        resumed: whether an earlier run did it.
    """

    source: str
    outcome: str
    output: str | None = None
    reason: str | None = None
    size: tuple[int, int] | None = None
    bytes: int | None = None
    notes: tuple[str, ...] = ()
    faces: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    digest: str | None = None
    resumed: bool = False

    def changed(self, **values: Any) -> FileReport:
        return replace(self, **values)

    @property
    def bad(self) -> bool:
        """Whether it was to be anonymised and was not."""
        return self.outcome in ("failed", "blocked")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "resumed"}
        plain["faces"] = [dict(face) for face in self.faces]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> FileReport:
        values = {**plain, "notes": tuple(plain["notes"]), "faces": tuple(plain["faces"])}
        return cls(**values, resumed=True)


@dataclass(frozen=True)
class Summary:
    """How many files had which outcome, and how many outputs there are."""

    counts: Mapping[str, int]
    written: int

    @property
    def fine(self) -> bool:
        """Whether no file failed or was blocked, and there is at least one output."""
        return not self.counts.get("failed") and not self.counts.get("blocked") and self.written > 0


class Journal:
    """Entries of a run, appended to ``<report>.partial`` one line each and turned into the report when it ends.

    A run without report keeps only its outcomes. Of two entries of a file the later counts. ``resume`` reads what an
    earlier run left, and raises InputError when that run had other settings. Nothing but a report of an earlier run is
    replaced, and of two runs with one report the second raises InputError before it writes anything.
    """

    def __init__(self, report: Path | None, *, settings: Mapping[str, Any], resume: bool) -> None:
        self._report, self._settings = report, dict(settings)
        self._partial = None if report is None else partial_of(report)
        if report is not None and report.exists() and not _is_report(report):
            raise InputError(
                f"{report.name} is there already and is no report of an earlier run. Name another file."
            )
        self._earlier = self._read_earlier() if resume else {}
        self._outcomes: dict[str, tuple[str, bool]] = {}  # by source, and whether there is an output
        self._places: dict[str, int] = {}  # in the file, by source
        self._kept: dict[str, FileReport] = {}  # where there is no file
        self._head: dict[str, Any] = {}
        self._file: TextIO | None = None
        self._resume, self._held = resume, ExitStack()
        self._closed = False

    def __enter__(self) -> Self:
        if self._partial is not None:
            self._partial.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as held:
                held.enter_context(alone(self._partial))
                if self._resume and self._read_earlier() != self._earlier:
                    raise InputError("Another run has written here meanwhile. Start this one again.")
                head = {"version": VERSION, "settings": self._settings}
                lines = [head, *self._earlier.values()]  # if this run is interrupted as well
                write_atomically(self._partial, "".join(json.dumps(line) + "\n" for line in lines).encode())
                self._file = self._partial.open("a", encoding="utf-8", newline="\n")
                self._held = held.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        with self._held:
            if not self._closed:
                self._finish(complete=False)

    def finished(self, source: str, folder: Path, digest: str | None) -> FileReport | None:
        """The entry of an earlier run whose input is the same, and whose output is still there, unchanged in size."""
        plain = self._earlier.get(source)
        if plain is None or plain["output"] is None or digest is None or plain.get("digest") != digest:
            return None
        try:
            unchanged = (folder / plain["output"]).stat().st_size == plain["bytes"]
        except OSError:
            return None
        return FileReport.from_dict(plain) if unchanged else None

    def outputs(self) -> Iterator[tuple[str, str]]:
        """Source and output of everything that an earlier run wrote."""
        for source, plain in self._earlier.items():
            if plain["output"] is not None:
                yield source, plain["output"]

    def add(self, entry: FileReport) -> None:
        """Count an entry and write it down."""
        self._outcomes[entry.source] = (entry.outcome, entry.output is not None)
        if self._file is None:
            self._kept[entry.source] = entry
            return
        place = self._file.tell()
        self._line(entry.to_dict())
        self._places[entry.source] = place

    def entry(self, source: str) -> FileReport | None:
        """The last entry of a file, from this run or an earlier one."""
        if self._partial is None:
            return self._kept.get(source)
        if source not in self._places:
            plain = self._earlier.get(source)
            return None if plain is None else FileReport.from_dict(plain)
        with self._partial.open(encoding="utf-8") as file:
            file.seek(self._places[source])
            return FileReport.from_dict(json.loads(file.readline())).changed(resumed=False)

    def close(self, head: Mapping[str, Any] = MappingProxyType({})) -> Summary:
        """Write the report of a complete run, with `head` among what it says about the run."""
        self._head = dict(head)
        self._finish(complete=True)
        return Summary(
            MappingProxyType(self._counts()), sum(written for _, written in self._outcomes.values())
        )

    def _counts(self) -> dict[str, int]:
        return dict(sorted(Counter(outcome for outcome, _ in self._outcomes.values()).items()))

    def _line(self, plain: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(plain) + "\n")
        self._file.flush()

    def _finish(self, *, complete: bool) -> None:
        self._closed = True
        if self._file is None or self._report is None or self._partial is None:
            return
        self._file.close()
        temporary = self._report.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                self._write(file, complete)
            os.replace(temporary, self._report)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self._partial.unlink(missing_ok=True)

    def _write(self, file: TextIO, complete: bool) -> None:
        """The report, entry by entry: a run over many files does not fit into memory. Of two entries the later counts."""
        last = {plain["source"]: position for position, plain in enumerate(_entries(self._partial))}
        head = {
            "version": VERSION,
            "complete": complete,
            "settings": self._settings,
            "summary": self._counts(),
        }
        head |= self._head
        file.write(json.dumps(head, indent=1)[:-2] + ',\n "pictures": [')
        between = "\n"
        for position, plain in enumerate(_entries(self._partial)):
            if last[plain["source"]] == position:
                file.write(between + json.dumps(plain))
                between = ",\n"
        file.write("\n ]\n}\n")

    def _read_earlier(self) -> dict[str, dict[str, Any]]:
        """Entries of the earlier run by source."""
        if self._report is None or self._partial is None:
            raise InputError("Resuming needs the report of the earlier run. Name it with --report.")
        if self._partial.is_file():
            settings, entries = _settings(self._partial), list(_entries(self._partial))
        elif self._report.is_file():
            try:
                plain = json.loads(self._report.read_text(encoding="utf-8"))
                settings, entries = plain["settings"], plain["pictures"]
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"{self._report.name} is no report of an earlier run. Run without --resume."
                ) from error
        else:
            return {}
        if settings != json.loads(json.dumps(self._settings)):
            raise InputError(
                "The earlier run had other settings. Repeat them, or start again with --overwrite instead of --resume."
            )
        return {plain["source"]: plain for plain in entries}


def partial_of(report: Path) -> Path:
    """Where the entries are while the run goes on."""
    return report.with_name(report.name + ".partial")


def _is_report(path: Path) -> bool:
    """Whether a file begins as `Journal` writes it."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return re.match(rb'\{\s*"version":', file.read(64)) is not None


def _entries(partial: Path) -> Iterator[dict[str, Any]]:
    """All entries; a last line that was cut off by a crash is dropped."""
    with partial.open(encoding="utf-8") as file:
        file.readline()
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                return


def _settings(partial: Path) -> Any:
    with partial.open(encoding="utf-8") as file:
        try:
            return json.loads(file.readline()).get("settings")
        except (ValueError, AttributeError):
            return None
