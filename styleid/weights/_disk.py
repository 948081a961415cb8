"""The store's folder on the disk: one writer at a time for each file, and what to say when it cannot be written."""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["alone", "disk_is_full", "downloads", "unwritable"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_log = logging.getLogger(__name__)


def downloads(store: Path) -> Path:
    """The part of the store that holds unfinished files, and nothing that is ever loaded."""
    return store / ".downloads"


@contextmanager
def alone(store: Path, name: str) -> Iterator[None]:
    """While no other process writes the weights ``name``; waits for its turn. Makes the folders."""
    from filelock import FileLock, Timeout

    downloads(store).mkdir(parents=True, exist_ok=True)
    lock = FileLock(downloads(store) / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _log.warning("Another process writes the weights %s; waiting for it.", name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def disk_is_full(error: OSError) -> bool:
    """Whether this error says that the disk, the quota or the largest size of a file is reached."""
    return error.errno in _FULL


def unwritable(store: Path, error: OSError) -> str:
    """What to say of an error while writing into the store."""
    free = shutil.disk_usage(store).free if store.exists() else 0
    why = "no room" if disk_is_full(error) else str(error)
    return (
        f"Cannot write into {store}: {why} ({free / 1e6:.0f} MB free on this disk). Nothing half-written was left. "
        "Make room, or name another folder in STYLEID_MODELS."
    )
