"""pSp encoders (Richardson et al., "Encoding in Style", 2021) and their relatives: image or label map -> W+ codes.

All share the IR-SE body. They differ in where the codes are read:

- ``last``: all layers from the last feature map through one linear layer (`BackboneEncoderUsingLastLayerIntoWPlus`);
- ``last-w``: one code for all layers, from the pooled last feature map (`BackboneEncoderUsingLastLayerIntoW`);
- ``pyramid``: a small convolutional head per layer on a feature pyramid (`GradualStyleEncoder`);
- ``pyramid-delta``: the same, the first head giving the code and the others their difference to it (e4e's
  `Encoder4Editing`, Tov et al. 2021, all stages in use);
- ``map`` and ``map-delta``: heads on the last feature map only (ReStyle's `BackboneEncoder` and
  `ProgressiveBackboneEncoder`, Alaluf et al. 2021).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from .irse import IRSEConfig, irse_body
from .stylegan2 import EqualLinear

__all__ = [
    "HEADS",
    "Encoder",
    "EncoderConfig",
    "LastLayerEncoder",
    "StyleEncoder",
    "WEncoder",
    "build_encoder",
]

COARSE, MIDDLE = 3, 7  # first layer that reads the middle and the fine level of the pyramid
HEAD_SLOPE = 0.01
FEW = 64  # places of a map, up to which reading a head's weights takes longer than the arithmetic


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """`input_nc` is 3 for pictures, 6 for a picture with its previous reconstruction, 19 for one-hot label maps;
    `layers` is the generator's L; `head` one of :data:`HEADS`. With `fold` the first convolution sees squares of that many
    pixels as channels of one place: finer detail for the cost of a picture of `input_size / fold`."""

    layers: int
    units: tuple[int, int, int, int] = (3, 4, 14, 3)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    input_nc: int = 3
    input_size: int = 256
    fold: int = 1
    pool: int = 7
    hidden: int = 512
    latent_dim: int = 512
    head: str = "last"
    slope: float = (
        0.2  # of the activation before the last linear layer of `last`; 1 is none, as in public encoders
    )


class Encoder(nn.Module, ABC):
    """`[N,C,S,S]` in [-1, 1] (or one-hot label maps) -> W+ `[N,L,512]`, the mean latent code already added.

    Another input size is resized to `input_size` (label maps by nearest neighbour). With `latent` `[N,L,512]` the result
    is relative to that code instead of the mean: ReStyle's second and later iterations. Raises InputError for another
    number of channels.
    """

    latent_avg: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        body = IRSEConfig(units=config.units, widths=config.widths, input_size=config.input_size)
        self.input_layer, self.body = irse_body(body, config.input_nc * config.fold**2, tiled=True)
        self.register_buffer("latent_avg", torch.zeros(config.layers, config.latent_dim))

    @abstractmethod
    def codes(self, x: Tensor) -> Tensor:
        """Codes `[N,L,512]` or `[N,1,512]` relative to the mean latent code."""

    def forward(self, x: Tensor, latent: Tensor | None = None) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.config.input_nc:
            raise InputError(
                f"This encoder needs [N, {self.config.input_nc}, S, S], found {list(x.shape)}: give it 3 "
                "channels of pictures, 6 of pictures beside their reconstructions, or one-hot label maps."
            )
        if x.shape[-2:] != (self.input_size, self.input_size):
            x = self._resize(x)
        if self.config.fold > 1:
            x = _folded(x, self.config.fold)
        return self.codes(x).float() + (self.latent_avg if latent is None else latent)

    def _resize(self, x: Tensor) -> Tensor:
        size = (self.input_size, self.input_size)
        if self.config.input_nc > 6:
            return F.interpolate(x, size=size, mode="nearest-exact")
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)


def _folded(x: Tensor, fold: int) -> Tensor:
    """`pixel_unshuffle`, also for a batch of none."""
    count, channels, height, width = x.shape
    height, width = height // fold, width // fold
    x = x.reshape(count, channels, height, fold, width, fold).permute(0, 1, 3, 5, 2, 4)
    return x.reshape(count, channels * fold**2, height, width)


class LastLayerEncoder(Encoder):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        width = config.widths[-1]
        self.output_layer_2 = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.AdaptiveAvgPool2d((config.pool, config.pool)),
            nn.Flatten(),
            nn.Linear(width * config.pool**2, config.hidden),
        )
        self.linear = EqualLinear(config.hidden, config.latent_dim * config.layers)

    def codes(self, x: Tensor) -> Tensor:
        features = self.output_layer_2(self.body(self.input_layer(x))).float()
        features = F.leaky_relu(features, self.config.slope).to(self.linear.weight.dtype)
        return self.linear(features).view(-1, self.config.layers, self.config.latent_dim)


class WEncoder(Encoder):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        self.linear = EqualLinear(config.widths[-1], config.latent_dim)

    def codes(self, x: Tensor) -> Tensor:
        return self.linear(self.body(self.input_layer(x)).mean((2, 3)))[:, None]


class HalvingConv(nn.Conv2d):
    """3x3 convolution of stride 2, `[N,I,H,W] -> [N,O,H/2,W/2]`, that reads its weight where and as it is stored.

    On a CPU, `nn.Conv2d` writes the weight in another order at each call. Where the map is small that costs more than the
    convolution itself, which then is one product of matrices.
    """

    reads_as_stored = True

    def forward(self, x: Tensor) -> Tensor:
        count, height, width = len(x), (x.shape[2] + 1) // 2, (x.shape[3] + 1) // 2
        if x.device.type != "cpu" or count * height * width > FEW:
            return super().forward(x)
        patches = F.unfold(x, 3, stride=2, padding=1).transpose(0, 1).flatten(1)  # [9I, N*H/2*W/2]
        y = torch.addmm(self.bias[:, None], self.weight.flatten(1), patches)
        return y.view(-1, count, height, width).transpose(0, 1)


class StyleHead(nn.Module):
    """Feature map `[N,C,s,s]` -> one layer's code `[N,D]`: convolutions of stride 2 to one pixel, then linear."""

    def __init__(self, width: int, latent_dim: int, side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(int(math.log2(side))):
            layers += [HalvingConv(width, latent_dim, 3, 2, 1), nn.LeakyReLU(HEAD_SLOPE, inplace=True)]
            width = latent_dim
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(latent_dim, latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).flatten(1))


class StyleEncoder(Encoder):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        first, second, third, _ = config.units
        self.taps = (
            first + second - 1,
            first + second + third - 1,
        )  # last units of the second and the third stage
        self.pyramid = config.head.startswith("pyramid")
        self.deltas = config.head.endswith("delta")
        side, width, dim = config.input_size // 16, config.widths[-1], config.latent_dim
        levels = _levels(config.layers) if self.pyramid else [range(config.layers)]
        self.levels = tuple(levels)
        self.styles = nn.ModuleList(
            StyleHead(width, dim, side * 2**level) for level, layers in enumerate(levels) for _ in layers
        )
        if self.pyramid:
            self.latlayer1 = nn.Conv2d(config.widths[2], width, 1)
            self.latlayer2 = nn.Conv2d(config.widths[1], width, 1)

    def codes(self, x: Tensor) -> Tensor:
        codes = [
            head
            for features, layers in zip(self._features(x), self.levels, strict=True)
            for head in self._heads(features, layers)
        ]
        w_plus = torch.stack(codes, dim=1)  # [N, L, D]
        if self.deltas:
            w_plus = torch.cat([w_plus[:, :1], w_plus[:, 1:] + w_plus[:, :1]], dim=1)
        return w_plus

    def _features(self, x: Tensor) -> list[Tensor]:
        """Feature maps of the coarse, the middle and the fine level, all `widths[-1]` wide."""
        x = self.input_layer(x)
        maps = []
        for index, unit in enumerate(self.body):
            x = unit(x)
            if index in self.taps:
                maps.append(x)
        if not self.pyramid:
            return [x]
        middle = _enlarged(x, self.latlayer1(maps[1]))
        return [x, middle, _enlarged(middle, self.latlayer2(maps[0]))]

    def _heads(self, features: Tensor, layers: Sequence[int]) -> list[Tensor]:
        features = features.contiguous()  # the order of the heads' weights, which stay as they were read
        return [self.styles[layer](features) for layer in layers]


def _levels(layers: int) -> list[range]:
    return [range(min(COARSE, layers)), range(COARSE, min(MIDDLE, layers)), range(MIDDLE, layers)]


def _enlarged(coarse: Tensor, lateral: Tensor) -> Tensor:
    return F.interpolate(coarse, size=lateral.shape[-2:], mode="bilinear", align_corners=True) + lateral


HEADS: dict[str, type[Encoder]] = {
    "last": LastLayerEncoder,
    "last-w": WEncoder,
    "pyramid": StyleEncoder,
    "pyramid-delta": StyleEncoder,
    "map": StyleEncoder,
    "map-delta": StyleEncoder,
}


def build_encoder(config: EncoderConfig) -> Encoder:
    """The encoder of that configuration. Raises ValueError for an unknown head."""
    if config.head not in HEADS:
        raise ValueError(f"an encoder's head is one of {', '.join(HEADS)}, found {config.head!r}")
    return HEADS[config.head](config)
