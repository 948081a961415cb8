"""dlib's serialised networks (``.dat``): a stream in which every tensor is led by its version and four sizes."""

from __future__ import annotations

from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from ...errors import WeightsError
from ..dlib_resnet import DlibResNetConfig
from .state import fill_public

__all__ = ["read_dlib_resnet"]

_START = b"\x01\x01\x01\x0dloss_metric_"
_MEAN = (122.782, 117.001, 104.298)  # of bytes; what is left is divided by 256
_TENSOR = 2  # the version of dlib's tensors


def read_dlib_resnet(path: Path) -> nn.Module:
    """``dlib_face_recognition_resnet_model_v1.dat``.

    Each affine layer becomes part of the convolution before it, and what dlib does to bytes a part of the first one.
    """
    config = DlibResNetConfig()
    tensors = _Tensors(path.read_bytes())
    stem = tensors.convolution(3, config.widths[0], 7)
    shifts = (127.5 - torch.tensor(_MEAN)).view(3, 1, 1) / 256
    state = {
        "stem.weight": stem["weight"] * (127.5 / 256),
        "stem.bias": stem["bias"] + (stem["weight"] * shifts).sum((1, 2, 3)),
    }
    inputs, index = config.widths[0], 0
    for outputs, count in zip(config.widths, config.units, strict=True):
        for _ in range(count):
            for name, width in (("conv1", inputs), ("conv2", outputs)):
                found = tensors.convolution(width, outputs, 3)
                state |= {f"body.{index}.{name}.{part}": x for part, x in found.items()}
            inputs, index = outputs, index + 1
    state["embed.weight"] = tensors.next(inputs, config.embedding).T.contiguous()
    return fill_public("dlib-resnet", config, state)


class _Tensors:
    """The tensors of a stream in their order, by their sizes; what lies between them is not read."""

    def __init__(self, stream: bytes) -> None:
        if not stream.startswith(_START):
            raise WeightsError(
                "Expected dlib's face recogniser, found another file. Choose the right file or kind."
            )
        self.stream, self.at = stream, 0

    def next(self, *sizes: int) -> Tensor:
        """The next tensor of these sizes (float32)."""
        head = b"".join(map(_integer, (_TENSOR, *sizes, *[1] * (4 - len(sizes)))))
        begin, count = self.stream.find(head, self.at) + len(head), prod(sizes)
        self.at = begin + 4 * count
        if begin < len(head) or self.at > len(self.stream):
            raise WeightsError(
                f"Expected a tensor of {sizes} in dlib's face recogniser, found none. The file is damaged or holds "
                "another network: fetch it again."
            )
        flat = torch.frombuffer(bytearray(self.stream[begin : self.at]), dtype=torch.float32)
        return flat.view(sizes)

    def convolution(self, inputs: int, outputs: int, side: int) -> dict[str, Tensor]:
        """Weight and bias of a convolution and of the affine layer that follows it: scales, then shifts."""
        weights = inputs * outputs * side * side
        own, affine = self.next(weights + outputs), self.next(2 * outputs)
        scale, shift = affine[:outputs], affine[outputs:]
        weight = own[:weights].view(outputs, inputs, side, side)
        return {"weight": weight * scale.view(-1, 1, 1, 1), "bias": own[weights:] * scale + shift}


def _integer(value: int) -> bytes:
    """A positive integer as dlib writes it: how many bytes, then these, the lowest first."""
    count = (value.bit_length() + 7) // 8
    return bytes([count]) + value.to_bytes(count, "little")
