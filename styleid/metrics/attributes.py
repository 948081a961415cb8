"""Attribute distance ``d_attr(s, o) = || a(s) - a(o) ||_2`` on confidences in 0..1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError

__all__ = ["AttributeChange", "attribute_changes", "attribute_distance", "attributes_preserved"]


@dataclass(frozen=True)
class AttributeChange:
    """One attribute over many faces.

    Attributes:
        name: of the attribute.
        before, after: share of faces that have it (confidence of 0.5 or more), 0..1.
        preserved: share of faces that kept their side of 0.5.
        moved: mean absolute change of the confidence.
    """

    name: str
    before: float
    after: float
    preserved: float
    moved: float


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


def attribute_changes(names: Sequence[str], a: Tensor, b: Tensor) -> list[AttributeChange]:
    """Preservation and distribution of each attribute over pairs of faces.

    Args:
        names: of the A attributes.
        a, b: confidences ``[N, A]`` before and after.

    Raises:
        InputError: as :func:`attribute_distance`, and names that are not A.
    """
    a, b = _confidences(a, "first"), _confidences(b, "second")
    if a.dim() != 2 or a.shape != b.shape or len(names) != a.shape[1]:
        raise InputError(
            f"{len(names)} names need confidences [N, {len(names)}] twice, found {list(a.shape)} and {list(b.shape)}."
        )
    shares = [side.float().mean(0) for side in (a >= 0.5, b >= 0.5, attributes_preserved(a, b))]
    rows = torch.stack([*shares, (a - b).abs().mean(0)], dim=1)  # [A, 4]
    return [AttributeChange(name, *row) for name, row in zip(names, rows.tolist(), strict=True)]


def _check_pair(a: Tensor, b: Tensor) -> None:
    if a.shape[-1] != b.shape[-1] or (a.dim() == 2 and b.dim() == 2 and 1 != len(a) != len(b) != 1):
        raise InputError(f"Attribute vectors must pair up, found {list(a.shape)} and {list(b.shape)}.")


def _confidences(values: Tensor, which: str) -> Tensor:
    values = torch.as_tensor(values)
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    if values.dim() not in (1, 2) or values.numel() == 0:
        raise InputError(
            f"The {which} attributes must be [N, A] or [A] and not empty, found {list(values.shape)}."
        )
    if not bool(((values >= 0) & (values <= 1)).all()):  # false for NaN too
        raise InputError(
            f"The {which} attributes must be confidences in 0..1 without NaN; apply a sigmoid to logits."
        )
    return values
