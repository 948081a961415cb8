"""3x3 convolutions in fewer multiplications (Winograd; Lavin and Gray 2016), as products of matrices.

A tile of `m x m` outputs takes `(m + 2)^2` multiplications for a pair of channels instead of `9 m^2`: 2.25 for an output at
m = 4, 4 at m = 2. Wide layers on a processor gain by it, where the arithmetic takes longer than the transforms.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["TiledConv"]

WIDE = 128  # input channels from which it is faster
LARGE = 32  # side of a map from which tiles of 4 x 4 are faster than of 2 x 2
_POINTS = {2: (0.0, 1.0, -1.0), 4: (0.0, 1.0, -1.0, 0.5, -2.0)}  # beside infinity; these keep rounding small


class TiledConv(nn.Conv2d):
    """A 3x3 convolution with one pixel of zeros around, `[N,I,H,W] -> [N,O,H,W]`.

    Frozen, wide, in float32 on a CPU, it multiplies in tiles, with a copy of its weight made at the first call. It is
    an ordinary convolution elsewhere.
    """

    _tiles: dict[int, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        tile = self._tile(x)
        if tile is None:
            return super().forward(x)
        return _convolved(x, self._transformed(tile), self.bias, tile)

    def _tile(self, x: Tensor) -> int | None:
        plain = (
            self.stride == (1, 1) and x.device.type == "cpu" and x.dtype == self.weight.dtype == torch.float32
        )
        if not plain or not len(x) or self.weight.requires_grad or self.in_channels < WIDE:
            return None
        tile = 4 if min(x.shape[-2:]) >= LARGE else 2
        return None if x.shape[-2] % tile or x.shape[-1] % tile else tile

    def _transformed(self, tile: int) -> Tensor:
        self._tiles = self._tiles or {}
        if tile not in self._tiles:
            with torch.inference_mode(False), torch.no_grad():
                self._tiles[tile] = _kernels(self.weight.detach(), tile)
        return self._tiles[tile]

    def _apply(self, *arguments: object, **options: object) -> nn.Module:
        self._tiles = None  # of the weight as it was
        return super()._apply(*arguments, **options)


@cache
def _matrices(tile: int) -> tuple[Tensor, Tensor, Tensor]:
    """A, B, G of `y = A ((G w) * (B x))` in one dimension, by Toom and Cook: polynomials multiplied by their values."""
    with torch.inference_mode(False):
        points = torch.tensor(_POINTS[tile], dtype=torch.float64)

        def values(count: int) -> Tensor:
            infinity = F.one_hot(torch.tensor([count - 1]), count)
            return torch.cat([points[:, None] ** torch.arange(count), infinity])  # [tile + 2, count]

        return values(tile).T, torch.linalg.inv(values(tile + 2)).T, values(3)


@cache
def _planar(tile: int) -> tuple[Tensor, Tensor]:
    """A and B for both dimensions at once, in float32."""
    outputs, inputs, _ = _matrices(tile)
    with torch.inference_mode(False):
        return torch.kron(outputs, outputs).float(), torch.kron(inputs, inputs).float()


def _kernels(weight: Tensor, tile: int) -> Tensor:
    _, _, g = _matrices(tile)
    parts = [
        torch.einsum("ay,oiyx,bx->abio", g, part.double(), g).flatten(0, 1).float()
        for part in weight.split(64)
    ]
    return torch.cat(parts, dim=2)  # [(tile + 2)^2, I, O]


def _convolved(x: Tensor, kernels: Tensor, bias: Tensor | None, tile: int) -> Tensor:
    outputs, inputs = _planar(tile)
    side = tile + 2
    n, c, height, width = x.shape
    rows, columns = height // tile, width // tile
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    sn, sy, sx, _ = padded.stride()
    windows = padded.as_strided(
        (side, side, n, rows, columns, c), (sy, sx, sn, tile * sy, tile * sx, 1)
    ).flatten(2)
    spread = inputs @ windows.reshape(side * side, -1)  # [(tile + 2)^2, N * rows * columns * I]
    products = torch.bmm(spread.view(side * side, -1, c), kernels)
    y = outputs @ products.flatten(1)  # [tile^2, N * rows * columns * O]
    y = y.view(tile, tile, n, rows, columns, -1).permute(2, 3, 0, 4, 1, 5).reshape(n, height, width, -1)
    return (y if bias is None else y + bias).permute(0, 3, 1, 2)
