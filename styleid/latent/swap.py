"""Layer swap and channel swap: ``w_o = w_s + m * (w_t - w_s)`` (StyleID, section 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from ..errors import InputError

__all__ = ["swap_channels", "swap_layers"]


def swap_layers(w_s: Tensor, w_t: Tensor, layers: Iterable[int], strength: float = 1.0) -> Tensor:
    """Replace whole layers of ``w_s`` by those of ``w_t``.

    Args:
        w_s: source codes ``[N, L, C]`` (or one code ``[L, C]``).
        w_t: target codes of the same shape; ``N`` may be 1, one target for every source.
        layers: indices in ``0 .. L-1``; empty means nothing is swapped.
        strength: 0 (nothing) .. 1 (the target itself); above 1 extrapolates past the target.

    Returns:
        New codes of ``w_s``'s shape, dtype and device. Layers that are not named are ``w_s`` bit for bit,
        named ones are ``w_t`` bit for bit at strength 1. Gradients flow to both codes.

    Raises:
        InputError: wrong shapes, layers outside the code, NaN or infinite codes, strength negative or not
            finite.
    """
    check_codes(w_s, w_t)
    chosen = _checked_layers(layers, w_s.shape[-2])
    mask = torch.zeros(w_s.shape[-2], 1, dtype=w_s.dtype, device=w_s.device)  # [L, 1]
    mask[chosen] = 1.0
    return _mix(w_s, w_t, mask, strength)


def swap_channels(w_s: Tensor, w_t: Tensor, mask: Tensor, strength: float = 1.0) -> Tensor:
    """Replace single channels of ``w_s`` by those of ``w_t``.

    Args:
        w_s, w_t: as in :func:`swap_layers`.
        mask: bool, or float in 0..1 for a partial swap; ``[L, C]`` for all codes or ``[N, L, C]``, one per
            code.
        strength: as in :func:`swap_layers`; multiplies the mask.

    Returns:
        New codes of ``w_s``'s shape; bit for bit ``w_s`` where the mask is 0 and ``w_t`` where mask and
        strength are 1. Gradients flow to both codes and to a float mask.

    Raises:
        InputError: as :func:`swap_layers`, or a mask of another shape, kind or range.
    """
    check_codes(w_s, w_t)
    if not isinstance(mask, Tensor) or not (mask.dtype == torch.bool or mask.is_floating_point()):
        found = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise InputError(f"A channel mask must be a bool or float tensor, found {found}.")
    if mask.shape != w_s.shape and mask.shape != w_s.shape[-2:]:
        raise InputError(
            f"A channel mask must be [L, C] = {list(w_s.shape[-2:])} or {list(w_s.shape)}, found {list(mask.shape)}."
        )
    weight = mask.to(device=w_s.device, dtype=w_s.dtype)
    if not bool(((weight >= 0) & (weight <= 1)).all()):
        raise InputError(
            "A channel mask must lie in 0..1 without NaN; divide a ranking by its range or use top_channels."
        )
    return _mix(w_s, w_t, weight, strength)


def _mix(w_s: Tensor, w_t: Tensor, weight: Tensor, strength: float) -> Tensor:
    if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not math.isfinite(strength):
        raise InputError("The strength of a swap must be a finite number.")
    if strength < 0:
        raise InputError(f"The strength of a swap must be 0 or more, found {strength}.")
    w_t = w_t.to(w_s.dtype).expand_as(w_s)
    # lerp is exact at weight 0 and at weight 1, which w_s + 1 * (w_t - w_s) is not
    return torch.lerp(w_s, w_t, (weight * strength).expand_as(w_s))


def check_codes(w_s: Tensor, w_t: Tensor) -> None:
    for name, code in (("source", w_s), ("target", w_t)):
        if not isinstance(code, Tensor) or not code.is_floating_point():
            found = code.dtype if isinstance(code, Tensor) else type(code).__name__
            raise InputError(f"The {name} code must be a floating-point tensor [N, L, C], found {found}.")
        if code.dim() not in (2, 3) or code.numel() == 0:
            raise InputError(
                f"The {name} code must be [N, L, C] or [L, C] and not empty, found {list(code.shape)}."
            )
        if not bool(torch.isfinite(code).all()):
            raise InputError(f"The {name} code holds NaN or infinite values; encode or draw it again.")
    if w_s.device != w_t.device:
        raise InputError(f"Both codes must be on one device, found {w_s.device} and {w_t.device}.")
    one_target = w_t.dim() == 3 and w_s.dim() == 3 and w_t.shape[0] == 1
    same_rank = w_s.dim() == w_t.dim()
    if not same_rank or w_s.shape[-2:] != w_t.shape[-2:] or not (w_s.shape == w_t.shape or one_target):
        raise InputError(
            f"Source and target codes must have one shape (or one target for all), found {list(w_s.shape)} and "
            f"{list(w_t.shape)}. Codes of generators of different size do not fit."
        )


def _checked_layers(layers: Iterable[int], count: int) -> list[int]:
    try:
        values = layers.tolist() if hasattr(layers, "tolist") else list(layers)
    except TypeError:
        raise InputError(f"Layers must be a sequence of integers, found {type(layers).__name__}.") from None
    for value in values if isinstance(values, list) else [values]:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(f"Layers must be integers 0 .. {count - 1}, found a {type(value).__name__}.")
        if not 0 <= value < count:
            raise InputError(f"Layer {value} does not exist: this code has layers 0 .. {count - 1}.")
    return values
