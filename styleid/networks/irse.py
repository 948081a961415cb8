"""IR residual networks: the bodies of ArcFace and its relatives (Deng et al. 2019), with or without squeeze-and-excitation.

The same body carries the recognisers, the pSp encoders, the attribute net and the landmark net. Parameter names
follow the public IR-SE50 containers. Public code names other variants of it IR-101 (CurricularFace, AdaFace) and iresnet
(insightface).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from .winograd import TiledConv

__all__ = ["IRSE", "IRSEConfig", "irse_body"]


@dataclass(frozen=True, kw_only=True)
class IRSEConfig:
    """`units` residual units in each of the four stages, which are `widths` channels wide.

    `block` is `"ir-se"`, `"ir"` (no squeeze-and-excitation) or `"ir-norm"` (a third normalisation instead). `shortcut`
    says how the first unit of a stage passes its input on where the width stays: `"pool"` takes every second pixel,
    `"conv"` projects. `last_norm` is `"affine"` or `"plain"` (no scale and shift of its own).
    `mirrored` embeds a picture and its mirror image together, except in training mode.
    """

    units: tuple[int, int, int, int] = (3, 4, 14, 3)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    input_size: int = 112
    embedding: int = 512
    block: str = "ir-se"
    shortcut: str = "pool"
    last_norm: str = "affine"
    mirrored: bool = False


_CHOICES = {
    "block": ("ir-se", "ir", "ir-norm"),
    "shortcut": ("pool", "conv"),
    "last_norm": ("affine", "plain"),
}


def _check(config: IRSEConfig) -> None:
    for field, known in _CHOICES.items():
        if getattr(config, field) not in known:
            raise ValueError(f"{field} is one of {', '.join(known)}, found {getattr(config, field)!r}")


class SEModule(nn.Module):
    """Squeeze and excitation: channels weighted by what the whole map holds."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * gate.sigmoid()


class BottleneckIR(nn.Module):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        *,
        block: str,
        project: bool,
        conv: type[nn.Conv2d] = nn.Conv2d,
    ) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module
        if project:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        else:
            self.shortcut_layer = nn.Identity() if stride == 1 else nn.MaxPool2d(1, stride)
        layers: list[nn.Module] = [
            nn.BatchNorm2d(inputs),
            conv(inputs, outputs, 3, 1, 1, bias=False),
            nn.PReLU(outputs),
            conv(outputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        if block == "ir-norm":
            layers.insert(2, nn.BatchNorm2d(outputs))
        elif block == "ir-se":
            layers.append(SEModule(outputs))
        self.res_layer = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.res_layer(x) + self.shortcut_layer(x)


def irse_body(
    config: IRSEConfig, input_nc: int = 3, *, tiled: bool = False
) -> tuple[nn.Sequential, nn.Sequential]:
    """The stem and the four stages; the first unit of each stage halves the resolution.

    ``tiled`` makes wide layers faster on a processor, and takes memory for it.
    """
    _check(config)
    conv = TiledConv if tiled else nn.Conv2d
    stem = config.widths[0]
    input_layer = nn.Sequential(
        nn.Conv2d(input_nc, stem, 3, 1, 1, bias=False), nn.BatchNorm2d(stem), nn.PReLU(stem)
    )
    units: list[nn.Module] = []
    inputs = stem
    for count, width in zip(config.units, config.widths, strict=True):
        for index in range(count):
            project = inputs != width or (index == 0 and config.shortcut == "conv")
            stride = 2 if index == 0 else 1
            units.append(BottleneckIR(inputs, width, stride, block=config.block, project=project, conv=conv))
            inputs = width
    return input_layer, nn.Sequential(*units)


class IRSE(nn.Module):
    """Face recogniser: `[N,3,112,112]` RGB in [-1, 1] -> L2-normalised embeddings `[N,512]`."""

    def __init__(self, config: IRSEConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        self.input_layer, self.body = irse_body(config)
        side = config.input_size // 16
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(config.widths[-1]),
            nn.Dropout(0.4),
            nn.Flatten(),
            nn.Linear(config.widths[-1] * side * side, config.embedding),
            nn.BatchNorm1d(config.embedding, affine=config.last_norm == "affine"),
        )

    def forward(self, x: Tensor) -> Tensor:
        embedding = self._embed(x)
        if self.config.mirrored and not self.training:
            embedding = embedding + self._embed(x.flip(3))
        return F.normalize(embedding)

    def _embed(self, x: Tensor) -> Tensor:
        return self.output_layer(self.body(self.input_layer(x))).float()
