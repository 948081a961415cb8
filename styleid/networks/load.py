"""Load a network for inference from a weight file or by its name in the manifest."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from ..errors import InputError, WeightsError
from ..weights import resolve, weight_names
from .containers import READERS
from .files import read_network
from .fuse import fuse
from .kinds import kind_of

__all__ = ["load_network", "read_weights"]

OWN_SUFFIX = ".safetensors"


@torch.inference_mode(False)  # normal tensors, through which gradients can flow, whoever loads
def load_network(
    path: str | os.PathLike[str],
    kind: str,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> nn.Module:
    """Load one network for inference: evaluation mode, weights frozen, batch normalisation folded into convolutions.

    Args:
        path: a weight file (``.safetensors`` of this project; ``.pt``, ``.pth`` of the public kinds), or a name in the
            manifest (then the file's sha256 is checked before its first use).
        kind: what the file must hold, one of ``styleid.networks.KINDS``.
        device, dtype: where the weights go and in which floating type.

    Returns:
        The network; its class says how to call it.

    Raises:
        WeightsError: unknown kind, no such file, another kind, damage, missing, surplus or misshapen tensors, a pickled
            object, NaN or infinite weights. Nothing inside a file is ever executed.
        InputError: ``dtype`` is no floating type.
    """
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise InputError(f"Weights are loaded as a floating type such as torch.float32, found {dtype}.")
    network = fuse(read_weights(path, kind))
    return network.to(device=device, dtype=dtype).eval().requires_grad_(False)


@torch.inference_mode(False)
def read_weights(path: str | os.PathLike[str], kind: str) -> nn.Module:
    """The network as its class builds it, in the file's own precision: what ``write_network`` takes.

    Raises WeightsError as ``load_network`` does.
    """
    kind_of(kind)
    file = _file(path)
    try:
        network = _reader(kind, file.suffix.lower())(file)
    except WeightsError as error:
        raise WeightsError(f"{file.name}: {error}") from error
    except Exception as error:  # a file is not trusted: whatever trips a reader is damage
        raise WeightsError(
            f"{file.name}: Expected the weights of a {kind} network, found contents that cannot be read as such "
            f"({type(error).__name__}). The file is damaged or of another format: fetch it again."
        ) from error
    network.weights_file = file  # where it came from: what was measured with it names it by its hash
    return network


def _file(path: str | os.PathLike[str]) -> Path:
    if isinstance(path, str) and path in weight_names():
        return resolve(path)
    file = Path(path)
    if file.is_dir():
        raise WeightsError(f"Expected a weight file, found a folder: {file}. Name the file inside it.")
    if not file.is_file():
        raise WeightsError(
            "Expected a weight file, or a name that 'python -m styleid weights list' shows, found no file "
            f"{file}."
        )
    if file.stat().st_size == 0:
        raise WeightsError(f"Expected a weight file, found an empty one: {file}. Fetch it again.")
    return file


def _reader(kind: str, suffix: str) -> Callable[[Path], nn.Module]:
    public = READERS.get(kind, {})
    if suffix in public:
        return public[suffix]
    if suffix == OWN_SUFFIX:
        return partial(read_network, kind=kind)
    accepted = [f"{OWN_SUFFIX} of this project", *sorted(public)]
    raise WeightsError(
        f"a network of kind {kind} is read from {', '.join(accepted)}, found a file ending in {suffix!r}."
    )
