"""StyleGAN2 generator (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020).

Parameter names follow the common public PyTorch container (rosinality), so its `g_ema` state dict loads directly.
On a CPU, where no gradient is wanted, the large blocks are computed strip by strip (`_strips.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from ..errors import InputError
from ._strips import Block, decode_in_strips, strips_help
from .stylegan2_layers import SQRT2, ConstantInput, EqualLinear, PixelNorm, StyledConv, ToRGB

__all__ = ["SQRT2", "EqualLinear", "Generator", "GeneratorConfig", "layer_count"]


def layer_count(size: int) -> int:
    """Number of W+ layers of a generator of `size` pixels: `2*log2(size) - 2`, 18 at 1024."""
    return 2 * int(math.log2(size)) - 2


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Shape of a generator. `channels` lists the feature maps at 4, 8, 16, ... `size` pixels; `clamp` is what the
    activations and each block's colours are limited to, where a generator was trained with a limit."""

    size: int
    channels: tuple[int, ...]
    latent_dim: int = 512
    mapping_layers: int = 8
    clamp: float | None = None


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
        dim, channels, limit = config.latent_dim, config.channels, config.clamp
        self.style = nn.Sequential(
            PixelNorm(),
            *(EqualLinear(dim, dim, lr_mul=0.01, activate=True) for _ in range(config.mapping_layers)),
        )
        self.input = ConstantInput(channels[0])
        self.conv1 = StyledConv(channels[0], channels[0], dim, limit=limit)
        self.to_rgb1 = ToRGB(channels[0], dim, up=False, limit=limit)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        for inputs, outputs in zip(channels[:-1], channels[1:], strict=True):
            self.convs.append(StyledConv(inputs, outputs, dim, up=True, limit=limit))
            self.convs.append(StyledConv(outputs, outputs, dim, limit=limit))
            self.to_rgbs.append(ToRGB(outputs, dim, limit=limit))
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
        draw = partial(self._noise, noise)
        x = self.input(len(w_plus)).contiguous(memory_format=torch.channels_last)
        x = self.conv1(x, w_plus[:, 0], draw(0, len(w_plus)))
        rgb = self.to_rgb1(x, w_plus[:, 1], None)
        blocks = self.blocks(size)
        plain = not self._may_use_strips(w_plus)
        for index, block in enumerate(blocks):
            if not plain and strips_help(block):
                return decode_in_strips(blocks[index:], x, rgb, w_plus, draw)
            first, second, colour = w_plus[:, block.layer : block.layer + 3].unbind(1)
            x = block.up(x, first, draw(block.layer, len(x)))
            x = block.conv(x, second, draw(block.layer + 1, len(x)))
            rgb = block.to_rgb(x, colour, rgb)
        return rgb

    def blocks(self, size: int | None = None) -> list[Block]:
        """The blocks after the first, up to `size` pixels (by default all)."""
        size = self.size if size is None else size
        parts = zip(self.convs[::2], self.convs[1::2], self.to_rgbs, strict=True)
        return [
            Block(*block, layer=2 * index + 1, size=8 * 2**index)
            for index, block in enumerate(parts)
            if 8 * 2**index < 2 * size
        ]

    def _may_use_strips(self, w_plus: Tensor) -> bool:
        """Strips are for a CPU and no gradient of either mode: they overwrite their own intermediate results."""
        wanted = torch.is_grad_enabled() and (
            w_plus.requires_grad or any(p.requires_grad for p in self.parameters())
        )
        forward_mode = forward_ad.unpack_dual(w_plus).tangent is not None
        cast = torch.is_autocast_enabled("cpu")
        return w_plus.device.type == "cpu" and not (wanted or forward_mode or cast)

    def forward(self, z: Tensor) -> Tensor:
        """Random images from `z` `[N,512]`."""
        return self.synthesis(self.mapping(z)[:, None].expand(-1, self.num_layers, -1))

    def _noise(self, mode: str, layer: int, count: int) -> Tensor | None:
        if mode == "none":
            return None
        stored: Tensor = getattr(self.noises, f"noise_{layer}")
        return stored if mode == "const" else torch.randn_like(stored.expand(count, -1, -1, -1))
