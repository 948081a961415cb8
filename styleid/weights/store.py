"""Where weight files lie, and whether they are what the manifest says."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ..errors import WeightsError
from .manifest import FamilyEntry, Manifest, WeightsEntry, read_manifest

__all__ = [
    "Check",
    "Licence",
    "family_entry",
    "family_names",
    "licences",
    "list_weights",
    "model_folders",
    "resolve",
]
__all__ += ["verify", "weight_names"]

MANIFEST = "manifest.json"
_ROOT = (
    Path(__file__).resolve().parents[2]
)  # of a checkout; an installed package keeps the files in styleid_models


class Check(NamedTuple):
    """What :func:`verify` found: ``state`` is ``ok``, ``missing`` or ``damaged``."""

    name: str
    state: str


class Licence(NamedTuple):
    """The terms of one weight file."""

    name: str
    licence: str
    non_commercial: bool
    citation: str
    source: str


def model_folders() -> tuple[Path, ...]:
    """Folders that may hold weights, in the order of search: shipped ones, ``STYLEID_MODELS``, the user's cache.

    ``STYLEID_MODELS`` may name several folders, separated as in ``PATH``. A folder of the user may bring its own
    ``manifest.json``, which adds weights and families to the shipped ones.
    """
    shipped = next(
        (_ROOT / name for name in ("styleid_models", "models") if (_ROOT / name / MANIFEST).is_file()), None
    )
    if shipped is None:
        raise WeightsError(
            f"The models folder with its {MANIFEST} is missing from {_ROOT}. Install or clone again."
        )
    named = [Path(part) for part in os.environ.get("STYLEID_MODELS", "").split(os.pathsep) if part]
    return tuple(dict.fromkeys(path.absolute() for path in (shipped, *named, _user_cache())))


def list_weights() -> tuple[WeightsEntry, ...]:
    """Every weight file of the manifest, present or not."""
    return tuple(_manifest().weights.values())


def weight_names() -> tuple[str, ...]:
    """Names of all weight files."""
    return tuple(_manifest().weights)


def family_names() -> tuple[str, ...]:
    """Names of all families."""
    return tuple(_manifest().families)


def family_entry(name: str) -> FamilyEntry:
    """The family called ``name``. Raises WeightsError for an unknown one."""
    families = _manifest().families
    if name not in families:
        raise WeightsError(f"Unknown family of weights {name!r}; known are {', '.join(families) or 'none'}.")
    return families[name]


def licences() -> tuple[Licence, ...]:
    """Terms of every weight file of the manifest."""
    return tuple(Licence(x.name, x.licence, x.non_commercial, x.citation, x.source) for x in list_weights())


def resolve(name: str) -> Path:
    """Path of the weight file called ``name``, whose size and sha256 were checked in this process.

    Raises:
        WeightsError: unknown name, no such file in any models folder, or a file with another content.
    """
    entry, path = _entry(name), _find(name)
    if path is None:
        folders = ", ".join(str(folder) for folder in _folders_of(name))
        raise WeightsError(
            f"The weights {name!r} are missing: expected {entry.file} ({entry.bytes / 1e6:.1f} MB) in one of {folders}. "
            f"Source: {entry.source}. Put the file there or install again."
        )
    if not _intact(path, entry):
        raise WeightsError(
            f"The weights {name!r} are damaged: expected {entry.bytes} bytes with sha256 {entry.sha256[:16]}..., found "
            f"{path.stat().st_size} other bytes in {path}. Delete the file and install it again."
        )
    return path


def verify(names: Iterable[str] | None = None) -> tuple[Check, ...]:
    """Read every named weight file (all by default) and compare it with the manifest."""
    return tuple(_check(name) for name in (weight_names() if names is None else names))


def _check(name: str) -> Check:
    entry, path = _entry(name), _find(name)
    if path is None:
        return Check(name, "missing")
    return Check(name, "ok" if _intact(path, entry) else "damaged")


def _entry(name: str) -> WeightsEntry:
    weights = _manifest().weights
    if name not in weights:
        raise WeightsError(f"Unknown weights {name!r}; known are {', '.join(weights) or 'none'}.")
    return weights[name]


def _folders_of(name: str) -> tuple[Path, ...]:
    return tuple(dict.fromkeys((_manifest().folders[name], *model_folders())))


def _find(name: str) -> Path | None:
    file = _entry(name).file
    return next((folder / file for folder in _folders_of(name) if (folder / file).is_file()), None)


def _intact(path: Path, entry: WeightsEntry) -> bool:
    stat = path.stat()
    return stat.st_size == entry.bytes and _sha256(path, stat.st_mtime_ns, stat.st_size) == entry.sha256


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    """Hash of a file; a changed time or size asks for a new one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def _user_cache() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "styleid"
