"""Small regressors on the IR-SE body: CelebA attributes of an aligned face, five landmarks of a loose crop."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from .irse import IRSEConfig, irse_body

__all__ = ["AttributeConfig", "AttributeNet", "LandmarkConfig", "LandmarkNet"]


@dataclass(frozen=True, kw_only=True)
class AttributeConfig:
    """`names` are the CelebA attributes the net answers for, in output order."""

    names: tuple[str, ...]
    units: tuple[int, int, int, int] = (1, 1, 2, 1)
    widths: tuple[int, int, int, int] = (24, 48, 96, 160)
    input_size: int = 128
    pool: int = 4
    hidden: int = 256


@dataclass(frozen=True, kw_only=True)
class LandmarkConfig:
    units: tuple[int, int, int, int] = (1, 1, 2, 1)
    widths: tuple[int, int, int, int] = (24, 48, 96, 128)
    input_size: int = 96
    pool: int = 6
    hidden: int = 256


def regressor(width: int, pool: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(width),
        nn.AdaptiveAvgPool2d((pool, pool)),
        nn.Flatten(),
        nn.Linear(width * pool * pool, hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, outputs),
    )


class AttributeNet(nn.Module):
    """`[N,3,S,S]` RGB in [-1, 1] -> attribute confidences `[N,A]` in [0, 1]; `names` gives the A names."""

    def __init__(self, config: AttributeConfig) -> None:
        super().__init__()
        self.config = config
        self.names = tuple(config.names)
        self.input_size = config.input_size
        body = IRSEConfig(units=config.units, widths=config.widths, input_size=config.input_size)
        self.input_layer, self.body = irse_body(body)
        self.head = regressor(config.widths[-1], config.pool, config.hidden, len(config.names))

    def logits(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.input_size:
            size = (self.input_size, self.input_size)
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
        return self.head(self.body(self.input_layer(x))).float()

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x).sigmoid()


class LandmarkNet(nn.Module):
    """Five points of a face in a loose crop.

    `[N,3,96,96]` RGB in [-1, 1] -> points `[N,5,2]` (x, y) in units of the crop, 0..1, and the confidence `[N]` in
    0..1 that the crop shows a face. Order: image-left eye, image-right eye, nose tip, image-left and -right mouth
    corner.
    """

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        body = IRSEConfig(units=config.units, widths=config.widths, input_size=config.input_size)
        self.input_layer, self.body = irse_body(body)
        self.head = regressor(config.widths[-1], config.pool, config.hidden, 11)

    def raw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points `[N,5,2]` and the face logit `[N]`."""
        y = self.head(self.body(self.input_layer(x))).float()
        return y[:, :10].view(-1, 5, 2) + 0.5, y[:, 10]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        points, logit = self.raw(x)
        return points, logit.sigmoid()
