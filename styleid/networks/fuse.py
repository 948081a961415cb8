"""Batch normalisation folded into the convolutions beside it: the same numbers in fewer passes over memory.

A normalisation with fixed statistics is `s * x + t` for each channel, so it is part of the linear layer before it, or of
the convolution after it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["BorderedConv", "fold_after", "fold_before", "fuse"]

Norm = nn.BatchNorm1d | nn.BatchNorm2d


def fuse(network: nn.Module) -> nn.Module:
    """Fold the normalisations of ``network`` in place, for inference only; equal to fp32 rounding.

    Neighbours in an ``nn.Sequential`` are folded, and the place of the normalisation becomes an identity. A module
    whose layers are no sequence folds them itself in a method ``fuse_layers()``. A network without batch
    normalisation is left as it is. The state dict changes: write a network before it is fused.
    Convolutions get the order of memory that they are fastest in; one with ``reads_as_stored`` keeps its weight as it is,
    as in a memory-mapped file. Weights are rewritten where they lie, so a network takes its memory once (a mapped file
    is not changed: its pages become the process's own).
    """
    if not any(isinstance(module, Norm) for module in network.modules()):
        return network
    network.eval().requires_grad_(False)
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            _fuse_sequence(module)
        elif hasattr(module, "fuse_layers"):
            module.fuse_layers()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and not getattr(
            module, "reads_as_stored", False
        ):
            module.weight = _ordered(module.weight)
    return network


def fold_after(layer: nn.Conv2d | nn.Linear, norm: Norm) -> nn.Conv2d | nn.Linear:
    """`norm(layer(x))` as one layer of the same type."""
    scale, shift = _affine(norm)
    layer.weight = _scaled(layer.weight, scale.view(-1, *[1] * (layer.weight.ndim - 1)))
    layer.bias = _fixed(shift if layer.bias is None else layer.bias.double() * scale + shift)
    return layer


def fold_before(norm: Norm, conv: nn.Conv2d) -> BorderedConv:
    """`conv(norm(x))` as one convolution, where ``foldable_before`` holds."""
    return BorderedConv(norm, conv)


class BorderedConv(nn.Module):
    """`conv(norm(x))` of a 3x3 convolution with one pixel of zeros around: `[N,I,H,W]` -> `[N,O,H,W]`.

    The zeros are added after the normalisation, so its shift is missing outside the picture. Inside, the shift is a bias
    of the convolution; at the edges the taps that lie outside are taken off again.
    """

    edges: Tensor
    corners: Tensor

    def __init__(self, norm: Norm, conv: nn.Conv2d) -> None:
        super().__init__()
        scale, shift = _affine(norm)
        parts = conv.weight.split(_ROWS)
        taps = torch.cat([torch.einsum("oiyx,i->oyx", part.double(), shift) for part in parts])  # [O, 3, 3]
        bias = taps.sum((1, 2)) + (0.0 if conv.bias is None else conv.bias.double())
        conv.weight = _scaled(conv.weight, scale[None, :, None, None])
        conv.bias = _fixed(bias)
        self.conv = conv
        edges = [taps[:, 0].sum(1), taps[:, 2].sum(1), taps[:, :, 0].sum(1), taps[:, :, 2].sum(1)]
        self.register_buffer("edges", torch.stack(edges).float()[:, None, :, None])  # [4, 1, O, 1]
        corners = [taps[:, y, x] for y in (0, 2) for x in (0, 2)]
        self.register_buffer("corners", torch.stack(corners).float()[:, None])  # [4, 1, O]

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        top, bottom, left, right = self.edges
        y[:, :, 0] -= top
        y[:, :, -1] -= bottom
        y[:, :, :, 0] -= left
        y[:, :, :, -1] -= right
        for (row, column), corner in zip(_CORNERS, self.corners, strict=True):
            y[:, :, row, column] += corner
        return y


_CORNERS = ((0, 0), (0, -1), (-1, 0), (-1, -1))
_ROWS = 64  # of a weight that are in float64 at once: what a process has once taken, it seldom gives back


def _scaled(weight: Tensor, scale: Tensor) -> nn.Parameter:
    """`weight * scale` of float64, in the memory of `weight`."""
    result = weight.detach().float()
    scale = scale.expand(len(weight), *scale.shape[1:])
    for rows, by in zip(result.split(_ROWS), scale.split(_ROWS), strict=True):
        rows.copy_(rows.double() * by)
    return nn.Parameter(result, requires_grad=False)


def _ordered(weight: Tensor) -> nn.Parameter:
    """Kernels in the order of memory that convolutions are fastest in; a contiguous weight keeps its memory."""
    weight = weight.detach()
    if weight.ndim == 4 and weight.is_contiguous():
        kernels = weight.permute(0, 2, 3, 1)  # [O, y, x, I]
        into = weight.view(kernels.shape)
        for rows, kernel in zip(into.split(_ROWS), kernels.split(_ROWS), strict=True):
            rows.copy_(kernel.clone())
        weight = into.permute(0, 3, 1, 2)
    return nn.Parameter(weight, requires_grad=False)


def _fuse_sequence(layers: nn.Sequential) -> None:
    for here in range(len(layers) - 1):
        if _folds_after(layers[here], layers[here + 1]):
            layers[here], layers[here + 1] = fold_after(layers[here], layers[here + 1]), nn.Identity()
    for here in range(len(layers) - 1):
        if _folds_before(layers[here], layers[here + 1]):
            layers[here], layers[here + 1] = nn.Identity(), fold_before(layers[here], layers[here + 1])


def _folds_after(layer: nn.Module, norm: nn.Module) -> bool:
    return (isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)) or (
        type(layer) is nn.Linear and isinstance(norm, nn.BatchNorm1d)
    )


def _folds_before(norm: nn.Module, conv: nn.Module) -> bool:
    return (
        isinstance(norm, nn.BatchNorm2d)
        and isinstance(conv, nn.Conv2d)
        and conv.kernel_size == (3, 3)
        and conv.padding == (1, 1)
        and conv.stride == conv.dilation == (1, 1)
        and conv.groups == 1
        and conv.padding_mode == "zeros"
    )


def _affine(norm: Norm) -> tuple[Tensor, Tensor]:
    """Scale and shift in float64, `[C]` each."""
    scale = torch.rsqrt(norm.running_var.double() + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    shift = -norm.running_mean.double() * scale
    return scale, shift if norm.bias is None else shift + norm.bias.double()


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.float(), requires_grad=False)
