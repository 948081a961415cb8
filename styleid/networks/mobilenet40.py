"""The attribute classifier of StyleID's release: MobileNet v1 (Howard et al. 2017) with Mish, 40 CelebA attributes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CELEBA_NAMES", "MobileNet40", "MobileNet40Config"]

CELEBA_NAMES = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
)
_STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


@dataclass(frozen=True, kw_only=True)
class MobileNet40Config:
    """`widths` channels after the first convolution and after each of the 13 separable ones."""

    names: tuple[str, ...] = CELEBA_NAMES
    widths: tuple[int, ...] = (32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024)
    input_size: int = 256


class Mish(nn.Module):
    """`x * tanh(softplus(x))` (Misra 2019) as `x - 2 x / ((e^x + 1)^2 + 1)`, which is the same in half the time.

    Above 10 the fraction is below the rounding of fp32, and `e^x` is cut there, before it overflows.
    """

    def forward(self, x: Tensor) -> Tensor:
        y = x.clamp(max=10.0).exp_() + 1.0
        return torch.addcdiv(x, x, torch.addcmul(y.new_ones(()), y, y), value=-2.0)


def layer(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        Mish(),
    ]


class MobileNet40(nn.Module):
    """`[N,3,256,256]` RGB in [-1, 1] -> attribute confidences `[N,A]` in [0, 1]; `names` gives the A names.

    The public network averages the first 7 x 7 of the last 8 x 8 positions: what it sees ends 32 pixels before the
    right and the lower border.
    """

    def __init__(self, config: MobileNet40Config) -> None:
        super().__init__()
        self.config = config
        self.names = tuple(config.names)
        self.input_size = config.input_size
        widths = config.widths
        layers = [nn.Sequential(*layer(3, widths[0], 3, _STRIDES[0]))]
        for inputs, outputs, stride in zip(widths[:-1], widths[1:], _STRIDES[1:], strict=True):
            layers.append(
                nn.Sequential(*layer(inputs, inputs, 3, stride, inputs), *layer(inputs, outputs, 1))
            )
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(widths[-1], len(self.names))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2:] != (self.input_size, self.input_size):
            size = (self.input_size, self.input_size)
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
        y = self.features(x)[:, :, :7, :7].mean((2, 3))
        return self.fc(y).float().sigmoid()
