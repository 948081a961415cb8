"""From channel scores to a channel mask."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError

__all__ = ["ramp_channels", "top_channels"]


def top_channels(scores: Tensor, k: int, block: int = 1) -> Tensor:
    """Return the mask of the ``k`` best-scored channels.

    Args:
        scores: ``[L, C / block]``, one score per block of ``block`` neighbouring channels; high is good.
        k: number of channels (not of blocks), 0 .. L * C; the paper swaps 2,500 of 9,216.
        block: channels per score; when ``k`` is not a multiple, the last block is taken in part.

    Returns:
        Bool ``[L, C]`` with exactly ``k`` true. Equal scores keep the order of layer, then channel, so masks
        are nested: the mask of a smaller ``k`` lies within that of a larger one.

    Raises:
        InputError: scores that are not a finite ``[L, C / block]``, or ``k`` or ``block`` out of range.
    """
    if not isinstance(scores, Tensor) or scores.dim() != 2 or scores.numel() == 0:
        found = list(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise InputError(f"Channel scores must be a tensor [L, C / block], found {found}.")
    if not bool(torch.isfinite(scores).all()):
        raise InputError("Channel scores hold NaN or infinite values; rank again.")
    for name, value in (("k", k), ("block", block)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(f"{name} must be an integer, found {type(value).__name__}.")
    if block < 1:
        raise InputError(f"block must be 1 or more, found {block}.")
    total = scores.numel() * block
    if not 0 <= k <= total:
        raise InputError(f"k counts channels, 0 .. {total} here, found {k}.")
    return _places(scores, block) < k


def ramp_channels(scores: Tensor, k: int, block: int = 1, ramp: float = 0.0) -> Tensor:
    """Return a soft mask: 1 for the best-scored channels, falling to 0 around the ``k``-th.

    Args:
        scores, k, block: as in :func:`top_channels`.
        ramp: how many places of the ranking the fall takes, as a share of all channels, 0 .. 1. The weight falls
            linearly with the place and is one half at the ``k``-th.

    Returns:
        Float ``[L, C]`` in 0..1; at ramp 0 that of :func:`top_channels`. A larger ``k`` lowers no weight.

    Raises:
        InputError: as :func:`top_channels`, or a ramp out of range.
    """
    hard = top_channels(scores, k, block)
    if isinstance(ramp, bool) or not isinstance(ramp, int | float) or not 0 <= ramp <= 1:
        raise InputError("A ramp is a share of all channels, a number in 0..1.")
    width = ramp * hard.numel()
    if width < 1:
        return hard.to(scores.dtype)
    middle = _places(scores, block).to(scores.dtype) + 0.5
    return ((k - middle) / width + 0.5).clamp(0, 1)


def _places(scores: Tensor, block: int) -> Tensor:
    """Place ``[L, C]`` of each channel in the ranking, 0 the best; equal scores keep the order of the code."""
    per_channel = scores.repeat_interleave(block, dim=1)  # [L, C]
    order = per_channel.flatten().argsort(descending=True, stable=True)
    places = torch.empty_like(order)
    places[order] = torch.arange(order.numel(), device=scores.device)
    return places.view_as(per_channel)
