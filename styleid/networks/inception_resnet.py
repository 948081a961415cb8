"""FaceNet: Inception-ResNet v1 (Szegedy et al. 2016; Schroff et al. 2015) with the parameter names of facenet-pytorch.

Written here because facenet-pytorch pins an old PyTorch and needs torchvision.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._layers import ConvNorm

__all__ = ["InceptionResnet", "InceptionResnetConfig"]

_EPS = 1e-3  # of the TensorFlow original


@dataclass(frozen=True, kw_only=True)
class InceptionResnetConfig:
    """`blocks` inception blocks at 1/8, 1/16 and 1/32 of the resolution (the last stage has one more, without ReLU)."""

    blocks: tuple[int, int, int] = (5, 10, 5)
    embedding: int = 512
    input_size: int = 160


def conv(inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int = 1) -> ConvNorm:
    """Keeps the resolution; with stride 2 no border is added, as in the reductions."""
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (sides[0] // 2, sides[1] // 2) if stride == 1 else (0, 0)
    return ConvNorm(inputs, outputs, kernel, stride, padding, eps=_EPS)


class Inception(nn.Module):
    """Parallel branches, projected back to the input's width, scaled and added to the input."""

    def __init__(
        self, width: int, branches: list[nn.Module], joined: int, scale: float, last: bool = False
    ) -> None:
        super().__init__()
        self.scale, self.last, self.count = scale, last, len(branches)
        for index, branch in enumerate(branches):
            self.add_module(f"branch{index}", branch)
        self.conv2d = nn.Conv2d(joined, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([self.get_submodule(f"branch{index}")(x) for index in range(self.count)], 1)
        y = torch.add(x, self.conv2d(y), alpha=self.scale)
        return y if self.last else F.relu(y)


class Reduction(nn.Module):
    """Parallel branches of stride 2 and a max pooling, side by side."""

    def __init__(self, branches: list[nn.Module]) -> None:
        super().__init__()
        self.count = len(branches)
        for index, branch in enumerate(branches):
            self.add_module(f"branch{index}", branch)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.get_submodule(f"branch{index}")(x) for index in range(self.count)]
        return torch.cat([*parts, F.max_pool2d(x, 3, 2)], 1)


def block35() -> Inception:
    branches = [
        conv(256, 32, 1),
        nn.Sequential(conv(256, 32, 1), conv(32, 32, 3)),
        nn.Sequential(conv(256, 32, 1), conv(32, 32, 3), conv(32, 32, 3)),
    ]
    return Inception(256, branches, 96, 0.17)


def block17() -> Inception:
    long = nn.Sequential(conv(896, 128, 1), conv(128, 128, (1, 7)), conv(128, 128, (7, 1)))
    return Inception(896, [conv(896, 128, 1), long], 256, 0.1)


def block8(scale: float = 0.2, last: bool = False) -> Inception:
    long = nn.Sequential(conv(1792, 192, 1), conv(192, 192, (1, 3)), conv(192, 192, (3, 1)))
    return Inception(1792, [conv(1792, 192, 1), long], 384, scale, last)


class InceptionResnet(nn.Module):
    """Face recogniser: `[N,3,160,160]` RGB, `(x - 127.5) / 128` of bytes -> L2-normalised embeddings `[N,512]`."""

    input_scale = 127.5 / 128  # of pictures in [-1, 1]

    def __init__(self, config: InceptionResnetConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        self.conv2d_1a = conv(3, 32, 3, 2)
        self.conv2d_2a = ConvNorm(32, 32, 3, eps=_EPS)
        self.conv2d_2b = conv(32, 64, 3)
        self.conv2d_3b = conv(64, 80, 1)
        self.conv2d_4a = ConvNorm(80, 192, 3, eps=_EPS)
        self.conv2d_4b = conv(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*(block35() for _ in range(config.blocks[0])))
        self.mixed_6a = Reduction(
            [conv(256, 384, 3, 2), nn.Sequential(conv(256, 192, 1), conv(192, 192, 3), conv(192, 256, 3, 2))]
        )
        self.repeat_2 = nn.Sequential(*(block17() for _ in range(config.blocks[1])))
        self.mixed_7a = Reduction(
            [
                nn.Sequential(conv(896, 256, 1), conv(256, 384, 3, 2)),
                nn.Sequential(conv(896, 256, 1), conv(256, 256, 3, 2)),
                nn.Sequential(conv(896, 256, 1), conv(256, 256, 3), conv(256, 256, 3, 2)),
            ]
        )
        self.repeat_3 = nn.Sequential(*(block8() for _ in range(config.blocks[2])))
        self.block8 = block8(1.0, last=True)
        self.last_linear = nn.Linear(1792, config.embedding, bias=False)
        self.last_bn = nn.BatchNorm1d(config.embedding, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        x = F.max_pool2d(x, 3, 2)
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(x)))
        x = self.mixed_6a(self.repeat_1(x))
        x = self.mixed_7a(self.repeat_2(x))
        x = self.block8(self.repeat_3(x))  # [N, 1792, 3, 3]
        return F.normalize(self.last_bn(self.last_linear(x.mean((2, 3)))).float())
