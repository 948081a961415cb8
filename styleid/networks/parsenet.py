"""ParseNet face parser (Chen et al. 2021, PSFR-GAN), the network that facexlib publishes.

Written here for the reason that ``bisenet.py`` gives. Parameter names follow facexlib but for its `norm.norm`, here `norm`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ParseNet", "ParseNetConfig"]


@dataclass(frozen=True, kw_only=True)
class ParseNetConfig:
    """`widths` channels from full resolution down, each half the one before; `blocks` residual blocks at the lowest."""

    widths: tuple[int, ...] = (64, 128, 256, 256, 256)
    blocks: int = 10
    classes: int = 19
    input_size: int = 512


class ReflectedConv(nn.Conv2d):
    """A 3x3 convolution with one reflected pixel around.

    In the order of memory that is faster, a CPU sums in another order: through 40 layers the logits then differ by
    3e-4 from those of the public code, instead of 1e-4.
    """

    reads_as_stored = True

    def __init__(self, inputs: int, outputs: int, stride: int, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 3, stride, 1, padding_mode="reflect", bias=bias)


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(OrderedDict(conv2d=ReflectedConv(inputs, outputs, stride)))


def conv_norm(inputs: int, outputs: int, stride: int = 1, *, activated: bool) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv2d=ReflectedConv(inputs, outputs, stride, bias=False),
        norm=nn.BatchNorm2d(outputs),
    )
    if activated:
        layers["relu"] = nn.LeakyReLU(0.2)
    return nn.Sequential(layers)


class ResidualBlock(nn.Module):
    """``scale`` is ``"same"``, ``"down"`` (half the resolution) or ``"up"`` (twice)."""

    def __init__(self, inputs: int, outputs: int, scale: str = "same") -> None:
        super().__init__()
        stride = 2 if scale == "down" else 1
        self.up = scale == "up"
        changed = scale != "same" or inputs != outputs
        self.shortcut_func: nn.Module = conv(inputs, outputs, stride) if changed else nn.Identity()
        self.conv1 = conv_norm(inputs, outputs, activated=True)
        self.conv2 = conv_norm(outputs, outputs, stride, activated=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.up:
            x = F.interpolate(x, scale_factor=2)
        return self.shortcut_func(x) + self.conv2(self.conv1(x))


class ParseNet(nn.Module):
    """`[N,3,512,512]` RGB in [0, 1] -> logits `[N,19,512,512]` in CelebAMask-HQ order.

    `out_img_conv` is the restored picture of the public training; kept so that a file is checked whole, and never run.
    """

    def __init__(self, config: ParseNetConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        widths = config.widths
        steps = list(zip(widths[:-1], widths[1:], strict=True))
        self.encoder = nn.Sequential(conv(3, widths[0]), *(ResidualBlock(a, b, "down") for a, b in steps))
        self.body = nn.Sequential(*(ResidualBlock(widths[-1], widths[-1]) for _ in range(config.blocks)))
        self.decoder = nn.Sequential(*(ResidualBlock(b, a, "up") for a, b in reversed(steps)))
        self.out_img_conv = conv(widths[0], 3)
        self.out_mask_conv = conv(widths[0], config.classes)

    def forward(self, x: Tensor) -> Tensor:
        y = self.encoder(x * 2.0 - 1.0)
        return self.out_mask_conv(self.decoder(y + self.body(y))).float()
