"""Identity disentanglement score: identity moves, attributes stay.

``D(c) = alpha * N_id(mean d_id(c)) - beta * N_attr(mean d_attr(c))`` where ``N`` is a min-max normalisation
with the constants of one reference population, so scores of layers, windows and channel blocks are
comparable.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError

__all__ = ["Reference", "disentanglement_score"]


@dataclass(frozen=True)
class Reference:
    """Mean distances of the reference population: low with nothing swapped, high with everything swapped."""

    id_low: float
    id_high: float
    attr_low: float
    attr_high: float

    def __post_init__(self) -> None:
        for kind, low, high in (
            ("identity", self.id_low, self.id_high),
            ("attribute", self.attr_low, self.attr_high),
        ):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise InputError(
                    f"The reference {kind} distance must grow from nothing swapped to everything swapped, found "
                    f"{low:g} .. {high:g}. Use more pairs, or check that the networks tell faces apart."
                )


def disentanglement_score(
    d_id: Tensor, d_attr: Tensor, *, alpha: float = 1.0, beta: float = 1.0, reference: Reference
) -> Tensor:
    """Score candidates from the distances of their pairs; high is good.

    Args:
        d_id, d_attr: identity and attribute distances ``[..., P]`` of P pairs (each in both directions); the
            mean is taken over the last dimension. A scalar is taken as a mean already.
        alpha, beta: weights of identity moved and of attributes moved.
        reference: the constants of the normalisation, the same for all scores that are compared.

    Returns:
        ``[...]``, one score per candidate: 0 for nothing swapped, ``alpha - beta`` for everything swapped.

    Raises:
        InputError: shapes that differ, NaN or infinite or negative distances, weights that are not finite.
    """
    if not (math.isfinite(alpha) and math.isfinite(beta)):
        raise InputError(f"The weights of a score are finite numbers, found alpha {alpha} and beta {beta}.")
    d_id, d_attr = (
        x.to(torch.promote_types(x.dtype, torch.float32)) for x in map(torch.as_tensor, (d_id, d_attr))
    )
    if d_id.shape != d_attr.shape or d_id.numel() == 0:
        raise InputError(
            f"Both distances need one shape [..., pairs], found {list(d_id.shape)} and {list(d_attr.shape)}."
        )
    if not bool((torch.isfinite(d_id) & torch.isfinite(d_attr) & (d_id >= 0) & (d_attr >= 0)).all()):
        raise InputError(
            "Distances must be finite and not negative: a face that was not measured has no score."
        )
    mean_id, mean_attr = (d.mean(-1) if d.dim() else d for d in (d_id, d_attr))
    n_id = (mean_id - reference.id_low) / (reference.id_high - reference.id_low)
    n_attr = (mean_attr - reference.attr_low) / (reference.attr_high - reference.attr_low)
    return alpha * n_id - beta * n_attr
