"""StyleID's own latent swapper, `mapper.pt`."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ...errors import WeightsError
from ..files import fill_network
from ..kinds import build_network
from ..swapper import SwapperConfig
from .torch_file import read_container, state_dict_in

__all__ = ["read_mapper"]

_PREFIX = "mapper."
_FIRST = "course_mapping.mapping.1.weight"


def read_mapper(path: Path) -> nn.Module:
    """The joint mapper of StyleID: `state_dict` with the prefix `mapper.`, of any latent width, at 18 layers.

    Its masks are normalised over the layers of a group, as its public code does. A mapper of one code instead of two,
    which the same code can train, is refused.
    """
    state = state_dict_in(read_container(path), "state_dict", path)
    tensors = {name.removeprefix(_PREFIX): x for name, x in state.items() if name.startswith(_PREFIX)}
    first = tensors.get(_FIRST)
    if first is None or first.ndim != 2 or not 0 < first.shape[1] <= 8192 or first.shape[1] % 2:
        found = "none" if first is None else str(list(first.shape))
        raise WeightsError(
            f"Expected StyleID's joint mapper with 'mapper.{_FIRST}' of shape [H, 2 * C], found {found}. "
            "Choose the right file or kind."
        )
    hidden, inputs = first.shape
    config = SwapperConfig(hidden=hidden, latent_dim=inputs // 2)
    return fill_network(build_network("swapper", config), tensors, "swapper")
