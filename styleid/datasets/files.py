"""Files on disk: whole or not at all, the same file under another name, and trees without loops."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["PICTURES", "Found", "same_file", "walk", "write_atomically"]

# Suffixes by which a file that was not read is taken for a picture.
PICTURES = (
    *(".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff"),
    *(".bmp", ".dib", ".gif", ".heic", ".heif", ".hif"),
)
_SYSTEM = ("Thumbs.db", "desktop.ini")  # hidden by Windows without a dot


class Found(NamedTuple):
    """One entry of a tree: a file, or a folder that was not entered and why."""

    path: Path
    skipped: str | None = None


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write next to ``path`` and rename: a reader sees the old file or the whole new one, never a part.

    ``mode``: the most that others may do with it.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C as well
        temporary.unlink(missing_ok=True)
        raise


def same_file(a: str | Path, b: str | Path) -> bool:
    """Whether both exist and are one file: also through links, hard links, and names that differ in case only."""
    try:
        return os.path.samefile(a, b)
    except OSError:
        return False


def walk(root: Path, leave_out: Sequence[Path] = ()) -> Iterator[Found]:
    """All files below ``root``, sorted by name in each folder. Hidden ones and ``leave_out`` are passed over.

    Links to folders are followed, each folder once, so loops end.
    """
    yield from _walk(root, leave_out, set())


def _walk(folder: Path, leave_out: Sequence[Path], seen: set[tuple[int, int]]) -> Iterator[Found]:
    try:
        status = folder.stat()
        names = sorted(
            name for name in os.listdir(folder) if not name.startswith(".") and name not in _SYSTEM
        )
    except OSError as error:
        yield Found(folder, f"this folder cannot be read ({error.strerror or type(error).__name__})")
        return
    key = (status.st_dev, status.st_ino)
    if key in seen:
        yield Found(folder, "this folder was read before, under another name")
        return
    seen.add(key)
    for name in names:
        path = folder / name
        if any(same_file(path, other) for other in leave_out):
            continue
        if path.is_dir():
            yield from _walk(path, leave_out, seen)
        else:
            yield Found(path)
