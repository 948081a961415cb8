"""StyleGAN2 generator (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020).

Parameter names follow the common public PyTorch container (rosinality), so its `g_ema` state dict loads directly.
The modulation is applied to the activations instead of the weights: `conv(x * s, W) * d` equals convolving with the
per-sample weights `d * W * s`, and one shared weight serves the whole batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError

__all__ = ["Generator", "GeneratorConfig", "layer_count"]

SQRT2 = math.sqrt(2.0)


def layer_count(size: int) -> int:
    """Number of W+ layers of a generator of `size` pixels: `2*log2(size) - 2`, 18 at 1024."""
    return 2 * int(math.log2(size)) - 2


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Shape of a generator. `channels` lists the feature maps at 4, 8, 16, ... `size` pixels."""

    size: int
    channels: tuple[int, ...]
    latent_dim: int = 512
    mapping_layers: int = 8


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
        y = F.linear(x, self.weight * self.scale, self.bias * self.lr_mul)
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

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.modulation(w)  # [N, I]
        weight = self.weight[0] * self.scale  # [O, I, k, k]
        x = x * style[:, :, None, None].to(x.dtype)
        if self.up:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)  # [N, O, 2H+1, 2W+1]
            x = self._blur(x)
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            norm = torch.rsqrt(style.square() @ weight.square().sum((2, 3)).t() + 1e-8)  # [N, O]
            x = x * norm[:, :, None, None].to(x.dtype)
        return x

    def _blur(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = (self.blur.kernel * (4.0 / self.blur.kernel.sum())).to(x.dtype)
        return F.conv2d(x, kernel.expand(channels, 1, 4, 4), padding=1, groups=channels)


class NoiseInjection(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        return x if noise is None else x + (self.weight * noise).to(x.dtype)


class Activation(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.bias[None, :, None, None].to(x.dtype), 0.2) * SQRT2


class StyledConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, latent_dim: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, latent_dim, up=up)
        self.noise = NoiseInjection()
        self.activate = Activation(outputs)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        return self.activate(self.noise(self.conv(x, w), noise))


class ToRGB(nn.Module):
    def __init__(self, inputs: int, latent_dim: int, *, up: bool = True) -> None:
        super().__init__()
        if up:
            self.upsample = Kernel()
        self.conv = ModulatedConv(inputs, 3, 1, latent_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, w: Tensor, skip: Tensor | None) -> Tensor:
        rgb = self.conv(x, w).float() + self.bias
        return rgb if skip is None else rgb + upsample(skip)


class ConstantInput(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))

    def forward(self, count: int) -> Tensor:
        return self.input.expand(count, -1, -1, -1)


class Generator(nn.Module):
    """StyleGAN2 generator: `mapping` z -> W and `synthesis` W+ -> image.

    Attributes: `size` in pixels, `num_layers` = L, `w_mean` `[512]` the mean latent code.
    """

    w_mean: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.size = config.size
        self.num_layers = layer_count(config.size)
        dim, channels = config.latent_dim, config.channels
        self.style = nn.Sequential(
            PixelNorm(),
            *(EqualLinear(dim, dim, lr_mul=0.01, activate=True) for _ in range(config.mapping_layers)),
        )
        self.input = ConstantInput(channels[0])
        self.conv1 = StyledConv(channels[0], channels[0], dim)
        self.to_rgb1 = ToRGB(channels[0], dim, up=False)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        for inputs, outputs in zip(channels[:-1], channels[1:], strict=True):
            self.convs.append(StyledConv(inputs, outputs, dim, up=True))
            self.convs.append(StyledConv(outputs, outputs, dim))
            self.to_rgbs.append(ToRGB(outputs, dim))
        for index in range(self.num_layers - 1):
            side = 2 ** ((index + 5) // 2)
            self.noises.register_buffer(f"noise_{index}", torch.randn(1, 1, side, side))
        self.register_buffer("w_mean", torch.zeros(dim))

    def mapping(self, z: Tensor) -> Tensor:
        """Map normal codes `z` `[N,512]` to W `[N,512]`."""
        return self.style(z)

    def synthesis(self, w_plus: Tensor, noise: str = "const", size: int | None = None) -> Tensor:
        """Decode W+ `[N,L,512]` to images `[N,3,S,S]` in about [-1, 1].

        `noise` is `const` (the stored maps), `random` or `none`. `size` stops early, at a lower resolution
        (progressive training). Raises `InputError` for another shape or noise mode.
        """
        if (
            w_plus.ndim != 3
            or w_plus.shape[1] != self.num_layers
            or w_plus.shape[2] != self.config.latent_dim
        ):
            raise InputError(
                f"synthesis needs W+ codes of shape [N, {self.num_layers}, {self.config.latent_dim}], "
                f"found {list(w_plus.shape)}; encode with the encoder of the same family"
            )
        if noise not in ("const", "random", "none"):
            raise InputError(f"noise is 'const', 'random' or 'none', found {noise!r}")
        x = self.input(len(w_plus)).contiguous(memory_format=torch.channels_last)
        x = self.conv1(x, w_plus[:, 0], self._noise(noise, 0, len(w_plus)))
        rgb = self.to_rgb1(x, w_plus[:, 1], None)
        for block, to_rgb in enumerate(self.to_rgbs):
            if size is not None and rgb.shape[-1] >= size:
                break
            layer = 2 * block + 1
            x = self.convs[layer - 1](x, w_plus[:, layer], self._noise(noise, layer, len(w_plus)))
            x = self.convs[layer](x, w_plus[:, layer + 1], self._noise(noise, layer + 1, len(w_plus)))
            rgb = to_rgb(x, w_plus[:, layer + 2], rgb)
        return rgb

    def forward(self, z: Tensor) -> Tensor:
        """Random images from `z` `[N,512]`."""
        return self.synthesis(self.mapping(z)[:, None].expand(-1, self.num_layers, -1))

    def _noise(self, mode: str, layer: int, count: int) -> Tensor | None:
        if mode == "none":
            return None
        stored: Tensor = getattr(self.noises, f"noise_{layer}")
        return stored if mode == "const" else torch.randn_like(stored.expand(count, -1, -1, -1))
