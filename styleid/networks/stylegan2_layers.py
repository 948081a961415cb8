"""Layers of StyleGAN2: modulated convolution, noise, activation, colours.

Parameter names follow the common public PyTorch container (rosinality). The modulation is applied to the activations
instead of the weights: `conv(x * s, W) * d` equals convolving with the per-sample weights `d * W * s`, and one shared
weight serves the whole batch.

In float16 nothing overflows: styles and weights are divided by their largest value before the convolution, which the
demodulation undoes; activations are clamped to 256, as in NVIDIA's code; colours are summed in float32. In other types
activations and colours are clamped where the generator's configuration says so.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "HALF_LIMIT",
    "SQRT2",
    "ConstantInput",
    "EqualLinear",
    "ModulatedConv",
    "PixelNorm",
    "StyledConv",
    "ToRGB",
    "upsample",
]

SQRT2 = math.sqrt(2.0)
HALF_LIMIT = 256.0  # of float16 activations


class EqualLinear(nn.Module):
    """Linear layer with equalised learning rate: stored weights are unit normal, scaled at run time."""

    def __init__(
        self, inputs: int, outputs: int, *, bias: float = 0.0, lr_mul: float = 1.0, activate: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_mul)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))
        self.scale = lr_mul / math.sqrt(inputs)
        self.lr_mul = lr_mul
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight.to(x.dtype) * self.scale, self.bias.to(x.dtype) * self.lr_mul)
        return F.leaky_relu(y, 0.2) * SQRT2 if self.activate else y


class PixelNorm(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)


class Kernel(nn.Module):
    """Holds the [4, 4] low-pass kernel that public containers store beside each resampling layer."""

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("kernel", torch.outer(taps, taps) / 16.0)


def upsample(image: Tensor) -> Tensor:
    """Twice the size with the [1, 3, 3, 1] kernel and zero padding, `[N,C,H,W] -> [N,C,2H,2W]`.

    Bilinear interpolation has exactly these weights inside; the explicit border makes the edges equal too.
    """
    padded = F.interpolate(F.pad(image, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return padded[:, :, 2:-2, 2:-2]


class ModulatedConv(nn.Module):
    """3x3 or 1x1 convolution whose input channels are scaled by the style `A(w)` (paper, section 2.2)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        latent_dim: int,
        *,
        demodulate: bool = True,
        up: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, kernel, kernel))
        self.modulation = EqualLinear(latent_dim, inputs, bias=1.0)
        self.scale = 1.0 / math.sqrt(inputs * kernel * kernel)
        self.demodulate = demodulate
        self.up = up
        if up:
            self.blur = Kernel()

    def factors(self, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Style `[N,I]`, weight `[O,I,k,k]` and gain `[N,O]` of `gain * conv(x * style, weight)`.

        No style is above 1. Style and gain are of the wider type of code and weight, at least float32.
        """
        wide = torch.promote_types(torch.promote_types(w.dtype, self.weight.dtype), torch.float32)
        style = self.modulation(w.to(wide)).to(wide)  # [N, I]
        # A constant for the gradient: what is divided here is multiplied again in the gain.
        largest = style.detach().abs().amax(1, keepdim=True).clamp_min(1e-8)  # [N, 1]
        style = style / largest
        weight, peak = self._scaled_weight()
        if not self.demodulate:
            return style, weight, (largest * peak).expand(-1, len(weight))
        energy = weight.to(wide).square().flatten(2).sum(2)  # [O, I]
        return style, weight, torch.rsqrt(style.square() @ energy.t() + 1e-8 / (largest * peak).square())

    def _scaled_weight(self) -> tuple[Tensor, Tensor | float]:
        """The weight with equalised learning rate, and by which number per output channel it was divided: float16."""
        weight = self.weight[0]  # [O, I, k, k]
        if weight.dtype != torch.float16:
            return weight * self.scale, 1.0
        peak = weight.detach().abs().amax((1, 2, 3)).clamp_min(torch.finfo(weight.dtype).tiny)  # [O]
        return weight / peak[:, None, None, None] * self.scale, peak.float()

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """The convolution, and the gain `[N,O,1,1]` that its output is to be multiplied with."""
        style, weight, gain = self.factors(w)
        x = x * style[:, :, None, None].to(x.dtype)
        if self.up:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)  # [N, O, 2H+1, 2W+1]
            x = F.conv2d(x, self.blur_kernel(x.dtype), padding=1, groups=x.shape[1])
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        return x, gain[:, :, None, None]

    def blur_kernel(self, dtype: torch.dtype) -> Tensor:
        """The low-pass kernel after upsampling, of gain 4, for each output channel: `[O,1,4,4]`."""
        kernel = self.blur.kernel
        kernel = kernel.to(torch.promote_types(kernel.dtype, torch.float32))
        return (kernel * (4.0 / kernel.sum())).to(dtype).expand(self.weight.shape[1], 1, 4, 4)


class NoiseInjection(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        return x if noise is None else x + (self.weight * noise).to(x.dtype)


class Activation(nn.Module):
    def __init__(self, channels: int, limit: float | None = None) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.limit = limit

    def limit_in(self, dtype: torch.dtype) -> float | None:
        """What activations of that type are clamped to, if anything."""
        if dtype != torch.float16:
            return self.limit
        return HALF_LIMIT if self.limit is None else min(HALF_LIMIT, self.limit)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(x + self.bias[None, :, None, None].to(x.dtype), 0.2) * SQRT2
        limit = self.limit_in(x.dtype)
        return x if limit is None else x.clamp(-limit, limit)


class StyledConv(nn.Module):
    def __init__(
        self, inputs: int, outputs: int, latent_dim: int, *, up: bool = False, limit: float | None = None
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, latent_dim, up=up)
        self.noise = NoiseInjection()
        self.activate = Activation(outputs, limit)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        x, gain = self.conv(x, w)
        gain = gain.clamp_max(torch.finfo(x.dtype).max).to(x.dtype)
        return self.activate(self.noise(x * gain, noise))


class ToRGB(nn.Module):
    def __init__(self, inputs: int, latent_dim: int, *, up: bool = True, limit: float | None = None) -> None:
        super().__init__()
        self.limit = limit
        if up:
            self.upsample = Kernel()
        self.conv = ModulatedConv(inputs, 3, 1, latent_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, w: Tensor, skip: Tensor | None) -> Tensor:
        x, gain = self.conv(x, w)
        rgb = self.finish(x, gain)  # [N, 3, H, W]
        return rgb if skip is None else rgb + upsample(skip)

    def finish(self, x: Tensor, gain: Tensor) -> Tensor:
        """The colours of one block from its convolution `x` `[N,3,H,W]` and the gain `[N,3,1,1]` of that."""
        rgb = x.to(gain.dtype) * gain + self.bias.to(gain.dtype)
        return rgb if self.limit is None else rgb.clamp(-self.limit, self.limit)


class ConstantInput(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))

    def forward(self, count: int) -> Tensor:
        return self.input.expand(count, -1, -1, -1)
