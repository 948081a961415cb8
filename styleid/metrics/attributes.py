"""Attribute distance ``d_attr(s, o) = || a(s) - a(o) ||_2`` on confidences in 0..1."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError

__all__ = ["attribute_distance", "attributes_preserved"]


def attribute_distance(a: Tensor, b: Tensor) -> Tensor:
    """Distance of each pair of attribute vectors.

    Args:
        a, b: confidences ``[N, A]`` or ``[A]`` in 0..1; one of the two may hold a single row.

    Returns:
        ``[N]`` in 0..sqrt(A) (a scalar for two ``[A]``).

    Raises:
        InputError: shapes that do not pair, values outside 0..1, NaN.
    """
    a, b = _confidences(a, "first"), _confidences(b, "second")
    _check_pair(a, b)
    return torch.linalg.vector_norm(a - b, dim=-1)


def attributes_preserved(a: Tensor, b: Tensor) -> Tensor:
    """Whether each attribute kept its side of 0.5: bool ``[N, A]`` (or ``[A]``). Arguments and errors as
    above.
    """
    a, b = _confidences(a, "first"), _confidences(b, "second")
    _check_pair(a, b)
    return (a >= 0.5) == (b >= 0.5)


def _check_pair(a: Tensor, b: Tensor) -> None:
    if a.shape[-1] != b.shape[-1] or (a.dim() == 2 and b.dim() == 2 and 1 != len(a) != len(b) != 1):
        raise InputError(f"Attribute vectors must pair up, found {list(a.shape)} and {list(b.shape)}.")


def _confidences(values: Tensor, which: str) -> Tensor:
    values = torch.as_tensor(values)
    if not values.is_floating_point():
        values = values.float()
    if values.dim() not in (1, 2) or values.numel() == 0:
        raise InputError(
            f"The {which} attributes must be [N, A] or [A] and not empty, found {list(values.shape)}."
        )
    if not bool(((values >= 0) & (values <= 1)).all()):  # false for NaN too
        raise InputError(
            f"The {which} attributes must be confidences in 0..1 without NaN; apply a sigmoid to logits."
        )
    return values
