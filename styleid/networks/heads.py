"""Small regressors on the IR-SE body: CelebA attributes of an aligned face, five landmarks of a loose crop."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
    hidden: int = 96


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

    def features(self, x: Tensor) -> Tensor:
        """`[N,hidden]`, of which the last linear layer makes the logits."""
        if x.shape[-2:] != (self.input_size, self.input_size):
            size = (self.input_size, self.input_size)
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
        return self.head[:-1](self.body(self.input_layer(x)))

    def logits(self, x: Tensor) -> Tensor:
        return self.head[-1](self.features(x)).float()

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x).sigmoid()


class LandmarkNet(nn.Module):
    """Five points of a face in a loose crop, each the centre of mass of a heat map (integral regression, Sun 2018).

    `[N,3,96,96]` RGB in [-1, 1] -> points `[N,5,2]` (x, y) in units of the crop, 0..1, and the confidence `[N]` in
    0..1 that the crop shows a face. Order: image-left eye, image-right eye, nose tip, image-left and -right mouth
    corner.
    """

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        body = IRSEConfig(units=config.units, widths=config.widths, input_size=config.input_size)
        self.input_layer, units = irse_body(body)
        last = config.units[-1]
        self.body, self.deep = units[:-last], units[-last:]
        self.heat = nn.Sequential(
            nn.Conv2d(config.widths[2] + config.widths[3], config.hidden, 3, 1, 1, bias=False),
            nn.BatchNorm2d(config.hidden),
            nn.PReLU(config.hidden),
            nn.Conv2d(config.hidden, 5, 1),
        )
        self.face = nn.Linear(config.widths[3], 1)

    def raw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points `[N,5,2]` and the face logit `[N]`."""
        middle = self.body(self.input_layer(x))  # [N, C, S/8, S/8]
        deep = self.deep(middle)
        wide = F.interpolate(deep, size=middle.shape[-2:], mode="bilinear", align_corners=False)
        heat = self.heat(torch.cat([middle, wide], dim=1)).float()  # [N, 5, S/8, S/8]
        mass = heat.flatten(2).softmax(2).view_as(heat)
        side = heat.shape[-1]
        place = (torch.arange(side, device=x.device, dtype=mass.dtype) + 0.5) / side
        points = torch.stack([(mass.sum(2) * place).sum(2), (mass.sum(3) * place).sum(2)], dim=2)
        return points, self.face(deep.mean((2, 3))).float()[:, 0]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        points, logit = self.raw(x)
        return points, logit.sigmoid()
