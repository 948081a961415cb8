"""pSp encoders (Richardson et al., "Encoding in Style", 2021): image or label map -> W+ codes.

This is the variant that reads all codes from the last feature map (`BackboneEncoderUsingLastLayerIntoWPlus`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .irse import IRSEConfig, irse_body
from .stylegan2 import EqualLinear

__all__ = ["Encoder", "EncoderConfig"]


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """`input_nc` is 3 for pictures and 19 for one-hot label maps; `layers` is the generator's L."""

    layers: int
    units: tuple[int, int, int, int] = (3, 4, 14, 3)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    input_nc: int = 3
    input_size: int = 256
    pool: int = 7
    hidden: int = 512
    latent_dim: int = 512


class Encoder(nn.Module):
    """`[N,3,S,S]` in [-1, 1] (or one-hot `[N,19,S,S]`) -> W+ `[N,L,512]`, the mean latent code already added.

    Another input size is resized to `input_size` (label maps by nearest neighbour).
    """

    latent_avg: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        body = IRSEConfig(units=config.units, widths=config.widths, input_size=config.input_size)
        self.input_layer, self.body = irse_body(body, config.input_nc)
        width = config.widths[-1]
        self.output_layer_2 = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.AdaptiveAvgPool2d((config.pool, config.pool)),
            nn.Flatten(),
            nn.Linear(width * config.pool**2, config.hidden),
        )
        self.linear = EqualLinear(config.hidden, config.latent_dim * config.layers)
        self.register_buffer("latent_avg", torch.zeros(config.layers, config.latent_dim))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.input_size:
            x = self._resize(x)
        features = self.output_layer_2(self.body(self.input_layer(x))).float()
        codes = self.linear(F.leaky_relu(features, 0.2).to(self.linear.weight.dtype)).float()
        return codes.view(-1, self.config.layers, self.config.latent_dim) + self.latent_avg

    def _resize(self, x: Tensor) -> Tensor:
        size = (self.input_size, self.input_size)
        if self.config.input_nc != 3:
            return F.interpolate(x, size=size, mode="nearest-exact")
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
