"""A small U-Net that parses an aligned face into the 19 CelebAMask-HQ classes (Ronneberger et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ParserConfig", "UNetParser"]


@dataclass(frozen=True, kw_only=True)
class ParserConfig:
    """`widths` channels at full, half, quarter, eighth and sixteenth resolution; `feature_size` is the size at which the
    features of pictures are compared: that of the pictures that generators were trained on."""

    widths: tuple[int, ...] = (24, 48, 96, 128, 160)
    classes: int = 19
    input_size: int = 192
    feature_size: int = 128


def conv_block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1)
    )


class UNetParser(nn.Module):
    """`[N,3,S,S]` RGB in [0, 1] -> logits `[N,19,S,S]` in CelebAMask-HQ order; `S` a multiple of 16."""

    def __init__(self, config: ParserConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size, self.feature_size = config.input_size, config.feature_size
        widths = config.widths
        self.down = nn.ModuleList([conv_block(3, widths[0])])
        self.up = nn.ModuleList()
        for fine, coarse in zip(widths[:-1], widths[1:], strict=True):
            self.down.append(nn.Sequential(conv_block(fine, coarse, 2), conv_block(coarse, coarse)))
            self.up.append(conv_block(fine + coarse, fine))
        self.head = nn.Conv2d(widths[0], config.classes, 1)

    def features(self, x: Tensor) -> list[Tensor]:
        """Encoder feature maps of RGB in [0, 1], finest first."""
        maps = []
        y = x * 2.0 - 1.0
        for block in self.down:
            y = block(y)
            maps.append(y)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        maps = self.features(x)
        y = maps[-1]
        for skip, block in zip(maps[-2::-1], list(self.up)[::-1], strict=True):
            y = F.interpolate(y, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            y = block(torch.cat([y, skip], dim=1))
        return self.head(y).float()
