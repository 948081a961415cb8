"""The face parser of StyleID's release: a U-Net (Ronneberger et al. 2015) trained on CelebAMask-HQ."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["StyleIDUNet", "StyleIDUNetConfig"]


@dataclass(frozen=True, kw_only=True)
class StyleIDUNetConfig:
    """`widths` channels at full, half, quarter, eighth and sixteenth resolution."""

    widths: tuple[int, int, int, int, int] = (16, 32, 64, 128, 256)
    classes: int = 19
    input_size: int = 512


class DoubleConv(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(inputs, outputs, 3, 1, 1), nn.BatchNorm2d(outputs), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1), nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x))


class Up(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = DoubleConv(2 * outputs, outputs)
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, 2)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        return self.conv(torch.cat([skip, self.up(x)], 1))


class StyleIDUNet(nn.Module):
    """`[N,3,512,512]` RGB in [0, 1] -> logits `[N,19,512,512]` in CelebAMask-HQ order; sides multiples of 16."""

    def __init__(self, config: StyleIDUNetConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        inputs = 3
        for index, width in enumerate(config.widths[:-1], 1):
            self.add_module(f"conv{index}", DoubleConv(inputs, width))
            inputs = width
        self.center = DoubleConv(inputs, config.widths[-1])
        for index in range(4, 0, -1):
            self.add_module(f"up_concat{index}", Up(config.widths[index], config.widths[index - 1]))
        self.final = nn.Conv2d(config.widths[0], config.classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        y = x * 2.0 - 1.0
        for index in range(1, 5):
            skips.append(self.get_submodule(f"conv{index}")(y))
            y = F.max_pool2d(skips[-1], 2)
        y = self.center(y)
        for index in range(4, 0, -1):
            y = self.get_submodule(f"up_concat{index}")(skips[index - 1], y)
        return self.final(y).float()
