"""MobileFaceNet (Chen et al. 2018): the second recogniser, of another design than IR-SE, that judges the first."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["MobileFaceNet", "MobileFaceNetConfig"]


@dataclass(frozen=True, kw_only=True)
class MobileFaceNetConfig:
    """`width` scales every channel count; `blocks` are the residual blocks of the three stages; `mirrored` embeds a
    picture and its mirror image together, except in training mode."""

    width: float = 1.0
    blocks: tuple[int, int, int] = (4, 6, 2)
    input_size: int = 112
    embedding: int = 512
    mirrored: bool = False


class ConvBlock(nn.Sequential):
    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, *, groups: int = 1,
        activate: bool = True,
    ) -> None:  # fmt: skip
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        if activate:
            layers.append(nn.PReLU(outputs))
        super().__init__(*layers)


class DepthWise(nn.Module):
    """Inverted bottleneck: expand, depthwise 3x3, project; residual where the shape allows."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvBlock(inputs, expansion, 1),
            ConvBlock(expansion, expansion, 3, stride, 1, groups=expansion),
            ConvBlock(expansion, outputs, 1, activate=False),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return x + y if self.residual else y


class MobileFaceNet(nn.Module):
    """Face recogniser: `[N,3,112,112]` RGB in [-1, 1] -> L2-normalised embeddings `[N,512]`."""

    def __init__(self, config: MobileFaceNetConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        c1, c2 = int(64 * config.width), int(128 * config.width)
        first, second, third = config.blocks
        self.features = nn.Sequential(
            ConvBlock(3, c1, 3, 2, 1),
            ConvBlock(c1, c1, 3, 1, 1, groups=c1),
            DepthWise(c1, c1, c2, 2),
            *(DepthWise(c1, c1, c2) for _ in range(first)),
            DepthWise(c1, c2, 2 * c2, 2),
            *(DepthWise(c2, c2, 2 * c2) for _ in range(second)),
            DepthWise(c2, c2, 4 * c2, 2),
            *(DepthWise(c2, c2, 2 * c2) for _ in range(third)),
            ConvBlock(c2, 4 * c2, 1),
        )
        side = config.input_size // 16
        self.output = nn.Sequential(
            ConvBlock(4 * c2, 4 * c2, side, groups=4 * c2, activate=False),
            nn.Flatten(),
            nn.Linear(4 * c2, config.embedding, bias=False),
            nn.BatchNorm1d(config.embedding),
        )

    def forward(self, x: Tensor) -> Tensor:
        embedding = self._embed(x)
        if self.config.mirrored and not self.training:
            embedding = embedding + self._embed(x.flip(3))
        return F.normalize(embedding)

    def _embed(self, x: Tensor) -> Tensor:
        return self.output(self.features(x)).float()
