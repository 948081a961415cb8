"""What the store wrote about a file that it keeps: it binds a converted file to its original and to its own bytes."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ._disk import downloads

__all__ = ["Record", "hash_of", "read_record", "write_record"]

SUFFIX = ".record.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Record:
    """``file`` lies beside the record, has ``bytes`` and ``sha256``, and was made from one with ``source_sha256``."""

    kind: str
    file: str
    bytes: int
    sha256: str
    source_sha256: str


def write_record(record: Record, folder: Path, name: str) -> None:
    """Write ``NAME.record.json``; it appears whole or not at all."""
    partial = downloads(folder) / f"new-{name}{SUFFIX}"
    partial.write_text(json.dumps(dataclasses.asdict(record), indent=2) + "\n", encoding="utf-8")
    os.replace(partial, folder / f"{name}{SUFFIX}")


def read_record(folder: Path, name: str) -> Record | None:
    """The record of ``name`` in ``folder``; None where there is none, or none that can be believed."""
    try:
        content = json.loads((folder / f"{name}{SUFFIX}").read_text(encoding="utf-8"))
        record = Record(**content)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    texts = (record.kind, record.file, record.sha256, record.source_sha256)
    sound = all(isinstance(text, str) for text in texts) and type(record.bytes) is int
    if not sound or not all(_SHA256.fullmatch(x) for x in (record.sha256, record.source_sha256)):
        return None
    return record if Path(record.file).name == record.file else None


def hash_of(path: Path) -> str:
    """sha256 of a file; a changed time or size asks for a new reading."""
    stat = path.stat()
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
