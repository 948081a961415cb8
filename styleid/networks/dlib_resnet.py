"""dlib's face recogniser (King 2017): a ResNet of 29 convolutions, whose normalisations are part of the convolutions.

Written here so that nothing has to be compiled, and gradients and a GPU reach it. Its borders are dlib's: convolutions of
stride 2 add none, and sums of different sizes and widths are filled up with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DlibResNet", "DlibResNetConfig"]


@dataclass(frozen=True, kw_only=True)
class DlibResNetConfig:
    """Residual units and width of each stage; every stage but the first begins with a unit of stride 2."""

    units: tuple[int, ...] = (3, 4, 3, 3, 1)
    widths: tuple[int, ...] = (32, 64, 128, 256, 256)
    embedding: int = 128
    input_size: int = 150


class Unit(nn.Module):
    """Two 3x3 convolutions beside the input, or beside its means where they halve the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1 if stride == 1 else 0)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x)))
        if self.stride == 1:
            return F.relu(y + x)
        x = F.avg_pool2d(x, self.stride)
        size = [max(a, b) for a, b in zip(x.shape[1:], y.shape[1:], strict=True)]
        return F.relu(_filled(y, size) + _filled(x, size))


class DlibResNet(nn.Module):
    """RGB ``[N,3,150,150]`` in -1..1 -> L2-normalised embeddings ``[N,128]``.

    dlib itself does not normalise: its embeddings of faces have lengths of about 1.47, so that its authors' threshold of
    0.6 is one of 0.41 here. ``window`` is the part of a 256-pixel FFHQ crop, rows and columns, that dlib's own
    alignment cuts out.
    """

    window = ((68, 238), (43, 213))

    def __init__(self, config: DlibResNetConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        self.stem = nn.Conv2d(3, config.widths[0], 7, 2)
        widths = [w for w, count in zip(config.widths, config.units, strict=True) for _ in range(count)]
        first = {sum(config.units[:stage]) for stage in range(1, len(config.units))}
        self.body = nn.Sequential(
            *(
                Unit(inputs, outputs, 2 if index in first else 1)
                for index, (inputs, outputs) in enumerate(pairwise([widths[0], *widths]))
            )
        )
        self.embed = nn.Linear(widths[-1], config.embedding, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        return F.normalize(self.embed(self.body(x).mean((2, 3))))


def _filled(x: Tensor, size: list[int]) -> Tensor:
    """``[N,C,H,W]`` with zeros after the last channel, row and column up to ``size``."""
    channels, rows, columns = (wanted - found for wanted, found in zip(size, x.shape[1:], strict=True))
    return F.pad(x, (0, columns, 0, rows, 0, channels))
