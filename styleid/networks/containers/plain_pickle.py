"""Pickles of networks, read as data: tensors and plain containers, never a function or a class of the file's choice."""

from __future__ import annotations

import io
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsError

__all__ = ["Opaque", "read_pickle"]

_LARGEST = 2**32  # bytes; the largest published file has about 400 MB


class Opaque:
    """What the pickle wants built but no weight needs: it keeps the arguments and does nothing."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Plain(dict):
    """A dictionary under another class's name; its attributes are its entries."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.update(state)


def read_pickle(path: Path) -> Any:
    """What a pickle of NVIDIA's PyTorch code holds: its persistent objects become the plain dicts of their state.

    Source code inside stays text. Raises WeightsError for any other global, by its name, and for damage.
    """
    if path.stat().st_size > _LARGEST:
        raise WeightsError("Expected a pickle of a network, found a file above 4 GB. Choose the right file.")
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns about the storage classes of these files
            return _Unpickler(file).load()
    except WeightsError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise WeightsError(
            f"Expected a pickle of a network, found one that cannot be read ({type(error).__name__}). "
            "It is damaged, incomplete or of another format: fetch it again."
        ) from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable:
        found = _KNOWN.get((module, name))
        if found is None:
            raise WeightsError(
                f"Expected tensors and plain containers only, found a pickled object ({module}.{name}"[:200]
                + "). Nothing in it was run. Do not use this file; fetch it from a source that you trust."
            )
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise WeightsError("Expected a pickle that holds its own tensors, found references to other files.")


def _state_of(meta: Any) -> dict:
    """The state of a persistent object; its class name stays, its source is dropped."""
    if not isinstance(meta, dict) or not isinstance(meta.get("state"), dict):
        raise WeightsError("Expected persistent objects with a state, found others. Fetch the file again.")
    return {**meta["state"], "class_name": meta.get("class_name")}


def _storage(data: Any) -> Any:
    if not isinstance(data, bytes) or data.startswith(b"PK"):  # an archive could unpack to far more
        raise WeightsError("Expected the bytes of a tensor, found something else. Fetch the file again.")
    storage = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    if not isinstance(storage, torch.storage.TypedStorage | torch.UntypedStorage) or storage.nbytes() > len(
        data
    ):
        raise WeightsError("Expected the numbers of a tensor, found something else. Do not use this file.")
    return storage


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    """A tensor within its storage: ``as_strided`` checks the bounds, and a copy could not outgrow the file."""
    if not isinstance(storage, torch.storage.TypedStorage):
        raise WeightsError("Expected a typed storage, found something else. Do not use this file.")
    flat = torch.empty(0, dtype=storage.dtype).set_(storage)
    tensor = flat.as_strided(tuple(size), tuple(stride), offset)
    if tensor.numel() > flat.numel():
        raise WeightsError("Expected plain tensors, found views larger than the file. Do not use this file.")
    return tensor


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


_KNOWN: Mapping[tuple[str, str], Callable] = MappingProxyType(
    {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): _state_of,
        ("collections", "OrderedDict"): OrderedDict,
        ("dnnlib.util", "EasyDict"): _Plain,
        ("dnnlib", "EasyDict"): _Plain,
        ("builtins", "set"): set,
        ("__builtin__", "set"): set,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("torch.storage", "_load_from_bytes"): _storage,
        ("torch", "Size"): tuple,
        ("numpy", "dtype"): Opaque,
        ("numpy.core.multiarray", "scalar"): Opaque,
        ("numpy._core.multiarray", "scalar"): Opaque,
    }
)
