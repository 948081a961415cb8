"""The large blocks of a StyleGAN2 generator on a CPU, without gradients, computed in strips of rows.

A map of 32 x 1024 x 1024 numbers does not fit into a cache, and its fresh memory has to be mapped page by page: a plain
implementation spends much of its time there. Here a strip of rows passes through upsampling, blur, noise, activation,
the second convolution and the colours while it lies in the cache. Only what the next block needs is kept, and nothing
outlives a call. At these sizes maps are larger than weights, so each sample gets its own modulated weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .stylegan2_layers import SQRT2, StyledConv, ToRGB, upsample

__all__ = ["Block", "decode_in_strips", "strips_help"]

STRIP = 2**20  # numbers in a strip

Noise = Callable[[int, int], Tensor | None]


class Block(NamedTuple):
    """The layers of one resolution; `layer` is the row of W+ that the first of them takes, `size` the output's."""

    up: StyledConv
    conv: StyledConv
    to_rgb: ToRGB
    layer: int
    size: int


def strips_help(block: Block) -> bool:
    """Whether a block is large enough to be cut."""
    return _rows(block) < block.size


def decode_in_strips(blocks: Sequence[Block], x: Tensor, rgb: Tensor, w_plus: Tensor, noise: Noise) -> Tensor:
    """Images `[N,3,S,S]` from the maps `x` `[N,C,h,h]` and colours `rgb` `[N,3,h,h]` before the first of `blocks`.

    `noise(layer, count)` gives the noise of a layer for so many samples.
    """
    size = blocks[-1].size
    images = rgb.new_empty(len(rgb), 3, size, size)
    for number, codes in enumerate(w_plus.split(1)):
        maps = _bordered(x[number], x.shape[2])
        maps[:, :, 1:-1] = x[number]
        colours = rgb[number : number + 1]
        for block in blocks:
            out = None if block is blocks[-1] else _bordered(maps, block.size, _channels(block))
            colours = _decode(block, maps, colours, codes[:, block.layer :], noise, out)
            maps = out
        images[number] = colours[0]
    return images


def _channels(block: Block) -> int:
    return block.conv.conv.weight.shape[1]


def _rows(block: Block) -> int:
    """Rows of a strip: a power of two, at least 8."""
    return max(8, 1 << (STRIP // (_channels(block) * block.size)).bit_length() - 1)


def _decode(block: Block, x: Tensor, rgb: Tensor, codes: Tensor, noise: Noise, out: Tensor | None) -> Tensor:
    """Colours `[1,3,S,S]` of one block for one sample, its maps written to `out` if given; maps have borders."""
    size, rows = block.size, _rows(block)
    up = _Layer(block.up, codes[:, 0], noise(block.layer, 1))
    conv = _Layer(block.conv, codes[:, 1], noise(block.layer + 1, 1))
    style, weight, gain = block.to_rgb.conv.factors(codes[:, 2])
    tint = weight * style[0, :, None, None].to(weight.dtype)  # [3, C, 1, 1]
    rgb = upsample(rgb)
    window = x.new_zeros(1, _channels(block), rows + 2, size).contiguous(memory_format=torch.channels_last)
    done = 0
    for top in range(0, size, rows):
        bottom = top + rows
        # The window holds rows top - 1 .. bottom of what the second convolution looks at.
        if top:
            window[:, :, :2].copy_(window[:, :, rows:])
        ready = min(bottom + 1, size)
        fresh = window[:, :, done - top + 1 : ready - top + 1]
        up.finish(_upsampled(up, x, done, ready), done, fresh)
        window[:, :, ready - top + 1 :].zero_()
        y = F.conv2d(window, conv.weight, conv.bias, padding=(0, 1))  # [1, C, rows, S]
        y = conv.finish(y, top, y if out is None else out[:, :, top + 1 : bottom + 1])
        rgb[:, :, top:bottom] += block.to_rgb.finish(F.conv2d(y, tint), gain[:, :, None, None])
        done = ready
    return rgb


class _Layer:
    """A StyledConv for one code: modulation and gains are in its weight `[O,I,3,3]`, its bias and its noise."""

    def __init__(self, layer: StyledConv, w: Tensor, noise: Tensor | None) -> None:
        style, weight, gain = layer.conv.factors(w)
        scale = style[0, :, None, None] * gain[0, :, None, None, None] * SQRT2
        self.weight = (weight * scale).to(weight.dtype)
        self.bias = layer.activate.bias * SQRT2
        self.noise = None if noise is None else noise * (layer.noise.weight * SQRT2)  # [1, 1, S, S]
        self.limit = layer.activate.limit_in(weight.dtype)
        self.blur = layer.conv.blur_kernel(weight.dtype) if layer.conv.up else None

    def finish(self, x: Tensor, top: int, out: Tensor) -> Tensor:
        """Noise and activation of the rows from `top`, written to `out`."""
        if self.noise is None:
            out.copy_(x)
        else:
            torch.add(x, self.noise[:, :, top : top + x.shape[2]], out=out)
        F.leaky_relu_(out, 0.2)
        return out if self.limit is None else out.clamp_(-self.limit, self.limit)


def _upsampled(layer: _Layer, x: Tensor, top: int, bottom: int) -> Tensor:
    """Rows `top` to `bottom` of the blurred transposed convolution of `x`, which has a border: `[1,O,rows,S]`.

    Row r of the blur takes rows r - 1 .. r + 2 of the transposed convolution, whose row r takes input rows
    (r - 2) / 2 .. r / 2.
    """
    low, high = (top - 2) // 2, (bottom + 1) // 2
    y = F.conv_transpose2d(x[:, :, low + 1 : high + 2], layer.weight.transpose(0, 1), stride=2)
    y = y[:, :, top - 1 - 2 * low : bottom + 2 - 2 * low]
    return F.conv2d(y, layer.blur, layer.bias, padding=(0, 1), groups=y.shape[1])


def _bordered(like: Tensor, size: int, channels: int | None = None) -> Tensor:
    """Maps `[1,C,size+2,size]`, unwritten but for a row of zeros above and below."""
    channels = len(like) if channels is None else channels
    shape = (1, channels, size + 2, size)
    maps = torch.empty(shape, dtype=like.dtype, memory_format=torch.channels_last)
    maps[:, :, :: size + 1].zero_()
    return maps
