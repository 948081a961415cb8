"""Readers of public containers, by kind of network and file suffix. One module a family of containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from torch import nn

from .encoders import read_e4e, read_psp, read_psp_seg
from .mapper import read_mapper
from .nvidia import read_nvidia
from .rosinality import read_rosinality

__all__ = ["READERS"]

Reader = Callable[[Path], nn.Module]


def _torch(reader: Reader) -> dict[str, Reader]:
    return {".pt": reader, ".pth": reader}


READERS: Mapping[str, Mapping[str, Reader]] = MappingProxyType(
    {
        "stylegan2": {**_torch(read_rosinality), ".pkl": read_nvidia},
        "psp": _torch(read_psp),
        "e4e": _torch(read_e4e),
        "psp-seg": _torch(read_psp_seg),
        "swapper": _torch(read_mapper),
    }
)
