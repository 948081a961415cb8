"""From a published file to this project's own: once, in full precision, bound to the original by its hash."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..errors import WeightsError
from ._disk import alone, downloads, unwritable
from ._records import Record, hash_of, read_record, write_record
from .folders import store_folder
from .licences import require_licences
from .manifest import WeightsEntry
from .store import list_weights, weight_names, weights_entry

__all__ = ["convert", "keep"]

OWN = ".safetensors"


def convert(
    file: str | os.PathLike[str], kind: str, name: str | None = None, *, accept: bool = False
) -> Path:
    """Take a weight file that the user has, and write it into the store as this project's safetensors.

    Args:
        file: a published file; it stays as it is.
        kind: what it holds, one of ``styleid.networks.KINDS`` or of the manifest's kinds.
        name: of the manifest; from then on ``load_network(name, kind)`` and families find it. By default that of the
            entry with the same content; a file that the manifest does not know is converted under its own name.
        accept: whether the user accepts the non-commercial licence of these weights, from now on.

    Returns:
        Path of the new file.

    Raises:
        WeightsError: no such file, another kind or content than the manifest lists, terms that were not accepted, a file
            that cannot be read, or no room on the disk.
    """
    from ..networks.kinds import kind_of

    path = Path(file)
    if not path.is_file():
        raise WeightsError(f"Expected a weight file, found none: {path}.")
    digest = hash_of(path)
    entry = _entry(path, kind, name, digest)
    if entry is None:
        kind_of(kind)
    else:
        require_licences([entry], accept=accept)
    store, name = store_folder(), path.stem if entry is None else entry.name
    if entry is None:
        _refuse_to_replace(store, name, kind, path, digest)
    try:
        with alone(store, name):
            return _write(path, kind, name, digest) if entry is None else keep(entry, path, digest)
    except OSError as error:
        raise WeightsError(unwritable(store, error)) from error


def _refuse_to_replace(store: Path, name: str, kind: str, original: Path, digest: str) -> None:
    """Raise WeightsError where the store has a file of this name that was not made from the same original."""
    from ..networks import KINDS

    record = read_record(store, name)
    same = record is not None and (record.source_sha256, record.kind) == (digest, kind)
    if (store / f"{name}{OWN if kind in KINDS else original.suffix}").exists() and not same:
        raise WeightsError(
            f"There are other weights named {name!r} in {store}, which would be lost. Rename {original.name}, or remove "
            "those first."
        )


def keep(entry: WeightsEntry, original: Path, digest: str) -> Path:
    """Write the network of ``original`` into the store under the name of ``entry``. Only :func:`alone`."""
    return _write(original, entry.kind, entry.name, digest, Path(entry.file).suffix)


def _entry(path: Path, kind: str, name: str | None, digest: str) -> WeightsEntry | None:
    """The manifest's entry for a file of the user; None for a file that it does not know."""
    if name is None:
        known = [entry.name for entry in list_weights() if entry.sha256 == digest and not entry.shipped]
        if not known and path.stem in weight_names():
            raise WeightsError(
                f"The manifest has weights named {path.stem!r}: add --name, or rename the file."
            )
        if not known:
            return None
        name = known[0]
    entry = weights_entry(name)
    if entry.shipped:
        raise WeightsError(f"The weights {name!r} come with their manifest. Choose another name.")
    if entry.kind != kind:
        raise WeightsError(f"The weights {name!r} are of kind {entry.kind}, found --kind {kind}.")
    if entry.sha256 not in (None, digest):
        raise WeightsError(
            f"{path.name} is not the file that the manifest lists as {name!r}: expected sha256 {entry.sha256}, "
            f"found {digest}. Get the right file; nothing was written."
        )
    return entry


def _write(original: Path, kind: str, name: str, digest: str, suffix: str | None = None) -> Path:
    """Convert, or copy what is no network; then move it in place, then vouch for it with a record."""
    from ..networks import KINDS

    store = store_folder()
    own = f"{name}{OWN if kind in KINDS else suffix or original.suffix}"
    partial = downloads(store) / f"new-{own}"
    try:
        if kind in KINDS:
            _convert(original, kind, partial, digest)
        else:
            shutil.copyfile(original, partial)
        record = Record(
            kind=kind,
            file=own,
            bytes=partial.stat().st_size,
            sha256=hash_of(partial),
            source_sha256=digest,
        )
        os.replace(partial, store / own)
        write_record(record, store, name)
    finally:
        partial.unlink(missing_ok=True)
    return store / own


def _convert(original: Path, kind: str, target: Path, digest: str) -> None:
    import torch
    from safetensors import SafetensorError

    from ..networks import read_weights, write_network

    network = read_weights(original, kind)
    try:
        write_network(network, target, kind, dtype=torch.float32, metadata={"source_sha256": digest})
    except SafetensorError as error:  # how safetensors tells a full disk
        raise OSError(str(error)) from error
