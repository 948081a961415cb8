"""Public weight files in PyTorch's own format, read without ever running what is pickled inside."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsError

__all__ = ["read_container", "state_dict_in"]


def read_container(path: Path, allowed: Sequence[type] = ()) -> Any:
    """What a ``.pt`` or ``.pth`` file holds, memory-mapped where its format allows.

    Only tensors, plain containers and the classes in ``allowed`` are constructed (``weights_only``). Raises WeightsError
    for anything else.
    """
    zipped = _is_zip(path)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(list(allowed)):
            warnings.simplefilter("ignore")  # PyTorch warns about deprecated storage classes of old files
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        found = f"a pickled object ({named.group(1)})" if named else "something that is no plain PyTorch file"
        raise WeightsError(
            f"Expected tensors and plain containers only, found {found}. Nothing in it was run. "
            "Do not use this file; fetch it from a source that you trust."
        ) from error
    except Exception as error:  # a damaged file can raise anything inside PyTorch's readers
        raise WeightsError(_unreadable(type(error).__name__)) from error


def _unreadable(why: str) -> str:
    return (
        f"Expected a PyTorch weight file, found one that cannot be read ({why}). "
        "It is damaged, incomplete or of another format: fetch it again."
    )


def _is_zip(path: Path) -> bool:
    """Whether the file is an archive. Raises WeightsError for a damaged or a compressed one, which could be a bomb."""
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
    except (zipfile.BadZipFile, RuntimeError, OSError, ValueError) as error:
        raise WeightsError(_unreadable(type(error).__name__)) from error
    if compressed:
        raise WeightsError(
            "Expected a PyTorch weight file, found a compressed archive. PyTorch stores tensors uncompressed: "
            "fetch the file again, and do not repack it."
        )
    return True


def state_dict_in(content: Any, key: str, path: Path) -> dict[str, Tensor]:
    """The tensors under ``key``. Raises WeightsError where there are none, or more than the file can hold."""
    state = content.get(key) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(map(_is_plain, state.items())):
        found = (
            f"the entries {sorted(map(str, content))[:8]}, or tensors in them that are not plain"
            if isinstance(content, dict)
            else type(content).__name__
        )
        raise WeightsError(
            f"Expected a file with a state dict {key!r}, found {found}. Choose the right file or kind."
        )
    if sum(x.numel() * x.element_size() for x in state.values()) > path.stat().st_size:
        raise WeightsError(
            f"Expected plain tensors in {key!r}, found views larger than the file. Do not use this file."
        )
    return state


def _is_plain(entry: tuple[Any, Any]) -> bool:
    """A name, and a dense tensor whose numbers are in the file."""
    name, x = entry
    return (
        isinstance(name, str)
        and isinstance(x, Tensor)
        and x.layout == torch.strided
        and x.device.type == "cpu"
        and not (x.is_quantized or x.is_nested)
    )
