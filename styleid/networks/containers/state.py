"""State dicts in public files: found, checked, and given to a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...errors import WeightsError
from ..files import FORMAT, fill_network
from ..kinds import build_network
from .torch_file import read_container, state_dict_in

__all__ = ["fill_public", "is_own", "safetensors_state", "torch_state", "without_prefix"]

_COUNTER = "num_batches_tracked"


def torch_state(path: Path, inside: Sequence[str] = ()) -> dict[str, Tensor]:
    """The state dict of a ``.pt`` or ``.pth`` file: the file itself, or what the first present key of ``inside`` holds.

    The prefix of DataParallel is taken off. Raises WeightsError for anything else, and for NaN or infinite weights.
    """
    content = read_container(path)
    key = next((key for key in inside if isinstance(content, dict) and key in content), None)
    if key is None:
        content, key = {"state_dict": content}, "state_dict"
    state = state_dict_in(content, key, path)
    _check_finite(state)
    return without_prefix(state, "module.")


def is_own(path: Path) -> bool:
    """Whether a safetensors file is one of this project."""
    with _opened(path) as file:
        return (file.metadata() or {}).get("format") == FORMAT


def safetensors_state(path: Path) -> dict[str, Tensor]:
    """All tensors of a public safetensors file. Raises WeightsError for damage, and for NaN or infinite weights."""
    try:
        with _opened(path) as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _damaged(error) from error
    _check_finite(state)
    return state


def without_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """``state`` without ``prefix``, where every name has it."""
    if not all(isinstance(name, str) and name.startswith(prefix) for name in state):
        return dict(state)
    return {name[len(prefix) :]: tensor for name, tensor in state.items()}


def fill_public(kind: str, config: Any, state: Mapping[str, Tensor]) -> nn.Module:
    """The network of ``kind`` with ``state``; counters of training steps may be missing, as in older files."""
    network = build_network(kind, config)
    counters = {name: torch.zeros((), dtype=torch.int64) for name in network.state_dict() if _COUNTER in name}
    return fill_network(network, {**counters, **state}, kind)


def _check_finite(state: Mapping[str, Tensor]) -> None:
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsError(
                f"{str(name)[:80]!r} in this file holds NaN or infinite weights. Fetch the file again."
            )


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (OSError, SafetensorError) as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> WeightsError:
    return WeightsError(
        f"Expected a safetensors file, found one that cannot be read ({error}). "
        "It is damaged, incomplete or of another format: fetch it again."
    )
