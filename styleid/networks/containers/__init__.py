"""Readers of public containers, by kind of network and file suffix. One module a family of containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from torch import nn

from .dlib import read_dlib_resnet
from .encoders import read_e4e, read_psp, read_psp_seg
from .mapper import read_mapper
from .nvidia import read_nvidia
from .parsers import read_bisenet, read_celeba40, read_parsenet, read_styleid_unet
from .recognisers import (
    read_adaface,
    read_curricularface,
    read_facenet,
    read_ir_se50,
    read_iresnet,
    read_iresnet_onnx,
)
from .rosinality import read_rosinality
from .segformer import read_segformer

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
        "ir-se50": _torch(read_ir_se50),
        "curricularface": _torch(read_curricularface),
        "adaface": {".safetensors": read_adaface},
        "iresnet": {**_torch(read_iresnet), ".onnx": read_iresnet_onnx},
        "facenet": _torch(read_facenet),
        "dlib-resnet": {".dat": read_dlib_resnet},
        "celeba40": _torch(read_celeba40),
        "bisenet": _torch(read_bisenet),
        "parsenet": _torch(read_parsenet),
        "styleid-unet": _torch(read_styleid_unet),
        "segformer": {".safetensors": read_segformer},
    }
)
