"""One run at a time for one report."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import InputError

__all__ = ["alone"]

_log = logging.getLogger(__name__)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Within it no other run is, on file systems that know locks. Raises InputError where another one is already."""
    place = path.with_name(f".{path.name}.lock")
    lock = FileLock(place, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(
            "Another run is writing here. Wait for its end, or name another output folder."
        ) from error
    except OSError as error:  # some network shares know no locks
        _log.warning("This folder cannot be locked (%s): start no second run into it.", type(error).__name__)
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):  # where a file in use stays, its release deletes it
            place.unlink()
        lock.release()
