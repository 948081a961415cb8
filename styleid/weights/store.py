"""Which weights there are, where each one lies, and whether it is what it should be."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ..errors import WeightsError
from ._records import hash_of, read_record
from .folders import MANIFEST, model_folders
from .manifest import FamilyEntry, Manifest, WeightsEntry, read_manifest

__all__ = [
    "Check",
    "family_entry",
    "family_names",
    "how_to_get",
    "is_present",
    "list_weights",
    "resolve",
    "verify",
    "weight_names",
    "weights_entry",
]


class Check(NamedTuple):
    """What :func:`verify` found: ``state`` is ``ok``, ``missing`` or ``damaged``."""

    name: str
    state: str


class _Found(NamedTuple):
    """A file and what it must be."""

    path: Path
    bytes: int | None
    sha256: str

    def intact(self) -> bool:
        if self.bytes is not None and self.path.stat().st_size != self.bytes:
            return False
        return hash_of(self.path) == self.sha256


def list_weights() -> tuple[WeightsEntry, ...]:
    """Every weight file of the manifest, present or not."""
    return tuple(_manifest().weights.values())


def weight_names() -> tuple[str, ...]:
    """Names of all weight files."""
    return tuple(_manifest().weights)


def weights_entry(name: str) -> WeightsEntry:
    """The weight file called ``name``. Raises WeightsError for an unknown one."""
    weights = _manifest().weights
    if name not in weights:
        near = ", ".join(difflib.get_close_matches(name, weights)) or "none with such a name"
        raise WeightsError(
            f"Unknown weights {name!r}; known are {near}. All of them: python -m styleid weights list"
        )
    return weights[name]


def family_names() -> tuple[str, ...]:
    """Names of all families."""
    return tuple(_manifest().families)


def family_entry(name: str) -> FamilyEntry:
    """The family called ``name``. Raises WeightsError for an unknown one."""
    families = _manifest().families
    if name not in families:
        raise WeightsError(f"Unknown family of weights {name!r}; known are {', '.join(families) or 'none'}.")
    return families[name]


def is_present(name: str) -> bool:
    """Whether a file for ``name`` lies in a models folder; its content is not looked at."""
    return _find(weights_entry(name)) is not None


def resolve(name: str) -> Path:
    """Path of the weight file called ``name``, whose size and sha256 were checked in this process.

    For published weights that is the converted file, where there is one, or the published file itself.

    Raises:
        WeightsError: unknown name, no such file in any models folder, or a file with another content.
    """
    entry = weights_entry(name)
    found = _find(entry)
    if found is None:
        raise WeightsError(f"The weights {name!r} are missing: {how_to_get(entry)}")
    if not found.intact():
        size = "" if found.bytes is None else f"{found.bytes} bytes with "
        raise WeightsError(
            f"The weights {name!r} are damaged: expected {size}sha256 {found.sha256[:16]}..., found "
            f"{found.path.stat().st_size} other bytes in {found.path}. Delete the file. Then {how_to_get(entry)}"
        )
    return found.path


def how_to_get(entry: WeightsEntry) -> str:
    """What a user does to get this file: the command that fetches it, or where people find it."""
    if entry.fetchable:
        terms = f" Terms: {entry.licence}, non-commercial." if entry.non_commercial else ""
        whole = f" (or {entry.family}, the whole family)" if entry.family in family_names() else ""
        return f"fetch them with: python -m styleid weights fetch {entry.name}{whole}.{terms}"
    if not entry.shipped:
        where = "; ".join(map(str, (entry.source, *entry.sources)))
        why = " No sha256 of it was published, so it is not fetched unseen." if entry.sources else ""
        return (
            f"get {Path(entry.file).name} yourself, from {where}.{why} Then: "
            f"python -m styleid weights convert FILE --kind {entry.kind} --name {entry.name}"
        )
    folders = ", ".join(str(folder) for folder in _folders_of(entry.name))
    return (
        f"expected {entry.file} ({entry.bytes / 1e6:.1f} MB) in one of {folders}. "
        f"Source: {entry.source}. Put the file there or install again."
    )


def verify(names: Iterable[str] | None = None) -> tuple[Check, ...]:
    """Read every named weight file (all by default) and compare it with what it must be."""
    return tuple(_check(weights_entry(name)) for name in (weight_names() if names is None else names))


def _check(entry: WeightsEntry) -> Check:
    found = _find(entry)
    if found is None:
        return Check(entry.name, "missing")
    return Check(entry.name, "ok" if found.intact() else "damaged")


def _find(entry: WeightsEntry) -> _Found | None:
    """What the store kept comes first; then the file as the manifest lists it, if it can be verified."""
    folders = _folders_of(entry.name)
    for folder in () if entry.shipped else folders:
        record = read_record(folder, entry.name)
        bound = record is not None and entry.sha256 in (None, record.source_sha256)
        if bound and record.kind == entry.kind and (folder / record.file).is_file():
            return _Found(folder / record.file, record.bytes, record.sha256)
    for folder in folders if entry.sha256 is not None else ():
        if (folder / entry.file).is_file():
            return _Found(folder / entry.file, entry.bytes, entry.sha256)
    return None


def _folders_of(name: str) -> tuple[Path, ...]:
    return tuple(dict.fromkeys((_manifest().folders[name], *model_folders())))


def _manifest() -> Manifest:
    """The shipped manifest with those of the user's folders."""
    weights: dict[str, WeightsEntry] = {}
    families: dict[str, FamilyEntry] = {}
    folders: dict[str, Path] = {}
    for folder in model_folders():
        path = folder / MANIFEST
        if not path.is_file():
            continue
        stat = path.stat()
        part = _read(path, stat.st_mtime_ns, stat.st_size)
        taken = sorted(set(part.weights) & set(weights) | set(part.families) & set(families))
        if taken:
            raise WeightsError(
                f"{path} redefines {', '.join(taken)}. Choose other names: shipped ones are not replaced."
            )
        weights.update(part.weights)
        families.update(part.families)
        folders.update(part.folders)
    return Manifest(MappingProxyType(weights), MappingProxyType(families), MappingProxyType(folders))


@functools.lru_cache(maxsize=16)
def _read(path: Path, mtime_ns: int, size: int) -> Manifest:
    """A parsed manifest; a changed time or size asks for a new reading."""
    return read_manifest(path)
