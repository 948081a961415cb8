"""BiSeNet face parser (Yu et al. 2018) with the parameter names of facexlib and zllrunning's face-parsing.PyTorch.

Written here because importing facexlib needs torchvision, OpenCV and numba, whose builds must all fit the user's PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._layers import ConvNorm
from .fuse import fold_after

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "BiSeNet", "BiSeNetConfig"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class BiSeNetConfig:
    """`widths` channels of the ResNet-18 at 1/4, 1/8, 1/16 and 1/32 of the resolution; `context` of the context path."""

    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    context: int = 128
    auxiliary: int = 64
    classes: int = 19
    input_size: int = 512


def _fold(module: nn.Module, *pairs: tuple[str, str]) -> None:
    for conv, norm in pairs:
        setattr(module, conv, fold_after(getattr(module, conv), getattr(module, norm)))
        setattr(module, norm, nn.Identity())


class BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if inputs != outputs or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def fuse_layers(self) -> None:
        _fold(self, ("conv1", "bn1"), ("conv2", "bn2"))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.downsample(x))


class ResNet18(nn.Module):
    """Feature maps at 1/8, 1/16 and 1/32 of the resolution."""

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        inputs = widths[0]
        for index, width in enumerate(widths):
            first = BasicBlock(inputs, width, 1 if index == 0 else 2)
            self.add_module(f"layer{index + 1}", nn.Sequential(first, BasicBlock(width, width, 1)))
            inputs = width

    def fuse_layers(self) -> None:
        _fold(self, ("conv1", "bn1"))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        eighth = self.layer2(self.layer1(x))
        sixteenth = self.layer3(eighth)
        return eighth, sixteenth, self.layer4(sixteenth)


class AttentionRefinement(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = ConvNorm(inputs, outputs, 3, 1, 1)
        self.conv_atten = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(outputs)

    def fuse_layers(self) -> None:
        _fold(self, ("conv_atten", "bn_atten"))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return y * self.bn_atten(self.conv_atten(y.mean((2, 3), keepdim=True))).sigmoid()


class ContextPath(nn.Module):
    def __init__(self, widths: tuple[int, int, int, int], context: int) -> None:
        super().__init__()
        self.resnet = ResNet18(widths)
        self.arm16 = AttentionRefinement(widths[2], context)
        self.arm32 = AttentionRefinement(widths[3], context)
        self.conv_head32 = ConvNorm(context, context, 3, 1, 1)
        self.conv_head16 = ConvNorm(context, context, 3, 1, 1)
        self.conv_avg = ConvNorm(widths[3], context, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        eighth, sixteenth, deepest = self.resnet(x)
        y = self.arm32(deepest) + self.conv_avg(deepest.mean((2, 3), keepdim=True))
        y = self.conv_head32(F.interpolate(y, size=sixteenth.shape[-2:]))
        y = self.arm16(sixteenth) + y
        return eighth, self.conv_head16(F.interpolate(y, size=eighth.shape[-2:]))


class FeatureFusion(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convblk = ConvNorm(inputs, outputs, 1)
        self.conv1 = nn.Conv2d(outputs, outputs // 4, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs // 4, outputs, 1, bias=False)

    def forward(self, spatial: Tensor, context: Tensor) -> Tensor:
        y = self.convblk(torch.cat([spatial, context], 1))
        gate = self.conv2(F.relu(self.conv1(y.mean((2, 3), keepdim=True)))).sigmoid()
        return y * (gate + 1)


class Head(nn.Module):
    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.conv = ConvNorm(inputs, hidden, 3, 1, 1)
        self.conv_out = nn.Conv2d(hidden, classes, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    """`[N,3,512,512]` RGB in [0, 1] -> logits `[N,19,512,512]` in CelebAMask-HQ order.

    `conv_out16` and `conv_out32` serve training only; they are kept so that a file is checked whole, and never run.
    """

    def __init__(self, config: BiSeNetConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = self.feature_size = config.input_size
        self.cp = ContextPath(config.widths, config.context)
        fused = config.widths[1] + config.context
        self.ffm = FeatureFusion(fused, fused)
        self.conv_out = Head(fused, fused, config.classes)
        self.conv_out16 = Head(config.context, config.auxiliary, config.classes)
        self.conv_out32 = Head(config.context, config.auxiliary, config.classes)

    def features(self, x: Tensor) -> list[Tensor]:
        """Feature maps of RGB in [0, 1] at 1/8, 1/16 and 1/32 of the resolution."""
        return list(self.cp.resnet(self._normalised(x)))

    @staticmethod
    def _normalised(x: Tensor) -> Tensor:
        mean, std = x.new_tensor([IMAGENET_MEAN, IMAGENET_STD])[:, :, None, None]  # [3, 1, 1] each
        return (x - mean) / std

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_out(self.ffm(*self.cp(self._normalised(x))))  # [N, 19, 64, 64]
        return F.interpolate(y.float(), size=x.shape[-2:], mode="bilinear", align_corners=True)
