"""A face detector in one pass: where face centres are, and the size and five points of each (Zhou et al. 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .unet import conv_block

__all__ = ["STRIDE", "DetectorConfig", "FaceDetector"]

STRIDE = 8  # pixels of the picture per cell of the maps
# Faces before training are rare (the focal loss's prior), and of this size from brow to chin in pixels.
PRIOR, USUAL_SIZE = 0.01, 32.0


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """`widths` channels at half, quarter, eighth and sixteenth resolution; `units` residual units in the last three."""

    widths: tuple[int, int, int, int] = (16, 32, 64, 80)
    units: tuple[int, int, int] = (1, 1, 1)


class ResidualUnit(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(conv_block(width, width), conv_block(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class FaceDetector(nn.Module):
    """`[N,3,H,W]` RGB in [-1, 1], sides multiples of 16 -> belief `[N,h,w]` in 0..1 that a face's centre lies in the
    cell, and the points `[N,h,w,5,2]` (x, y) of that face in pixels from the picture's corner; h, w = H/8, W/8.

    It finds faces of about 14 to 56 pixels from brow to chin, slanted by up to 55 degrees. Order of the points: left and
    right eye, nose tip, left and right mouth corner of the upright face in the picture.
    """

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        half, quarter, fine, coarse = config.widths
        units = [
            [ResidualUnit(width) for _ in range(n)]
            for width, n in zip(config.widths[1:], config.units, strict=True)
        ]
        self.stem = nn.Sequential(conv_block(3, half, 2), conv_block(half, quarter, 2), *units[0])
        self.fine = nn.Sequential(conv_block(quarter, fine, 2), *units[1])
        self.coarse = nn.Sequential(conv_block(fine, coarse, 2), *units[2])
        self.lateral = nn.Conv2d(coarse, fine, 1)
        self.neck = conv_block(fine, fine)
        self.head = nn.Conv2d(fine, 12, 1)
        with torch.no_grad():
            self.head.bias.zero_()
            self.head.bias[0] = -math.log((1 - PRIOR) / PRIOR)

    def raw(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the belief `[N,h,w]`, log sizes `[N,h,w]` relative to 32 pixels, and the points `[N,h,w,5,2]` from
        the cell's middle in units of the size."""
        fine = self.fine(self.stem(x))  # [N, C, H/8, W/8]
        wide = F.interpolate(self.lateral(self.coarse(fine)), size=fine.shape[-2:], mode="bilinear")
        maps = self.head(self.neck(fine + wide)).float().movedim(1, -1)  # [N, h, w, 12]
        return maps[..., 0], maps[..., 1], maps[..., 2:].unflatten(-1, (5, 2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logit, size, offset = self.raw(x)
        pixels = USUAL_SIZE * size.clamp(-3, 3).exp()
        return logit.sigmoid(), cell_middles(*logit.shape[1:], x.device)[:, :, None] + offset * pixels[
            ..., None, None
        ]


def cell_middles(rows: int, columns: int, device: torch.device | str = "cpu") -> Tensor:
    """`[h,w,2]` (x, y) in pixels from the picture's corner."""
    y, x = torch.meshgrid(
        *(STRIDE * (torch.arange(n, device=device) + 0.5) for n in (rows, columns)), indexing="ij"
    )
    return torch.stack([x, y], -1)
