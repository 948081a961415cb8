"""The losses of SwapperNet (StyleID, section 4.3): follow the ground truth's code, look like it, be somebody else.

A fourth one keeps the source's attributes. The ground truth alone does not: its face is a random one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

__all__ = ["Losses", "Weights", "swapper_losses"]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weights of the losses, and the cosine similarity to the source below which identity costs nothing."""

    lambda_w: float = 1.0
    lambda_latent: float = 1.0
    lambda_id: float = 1.0
    lambda_attr: float = 0.0
    margin: float = 0.4

    def __post_init__(self) -> None:
        for name in ("lambda_w", "lambda_latent", "lambda_id", "lambda_attr"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} must be 0 or more, found {value}.")
        if not -1 <= self.margin <= 1:
            raise InputError(f"margin is a cosine similarity between -1 and 1, found {self.margin}.")


class Losses(NamedTuple):
    """Unweighted: mean squared difference of the codes, distance to the truth's face, similarity to the
    source above the margin, squared attribute distance to the source."""

    w: Tensor
    latent: Tensor
    identity: Tensor
    attributes: Tensor

    def total(self, weights: Weights) -> Tensor:
        """The weighted sum."""
        return (
            weights.lambda_w * self.w
            + weights.lambda_latent * self.latent
            + weights.lambda_id * self.identity
            + weights.lambda_attr * self.attributes
        )


def swapper_losses(
    w_o: Tensor,
    w_truth: Tensor,
    e_o: Tensor,
    e_truth: Tensor,
    e_s: Tensor,
    margin: float = 0.0,
    *,
    a_o: Tensor | None = None,
    a_s: Tensor | None = None,
) -> Losses:
    """``||w_o - w_truth||^2 / (L C)``, ``1 - cos(e_o, e_truth)``, ``max(0, cos(e_o, e_s) - margin)``,
    ``||a_o - a_s||^2``, batch means.

    Args:
        w_o, w_truth: new codes and the codes of the ground truth ``[N, L, C]``.
        e_o, e_truth, e_s: embeddings ``[N, D]`` of the new face, of the ground truth, of the source.
        margin: cosine similarity to the source that is far enough.
        a_o, a_s: attribute confidences ``[N, A]``; without them that loss is 0.
    """
    moved = w_o.new_zeros(()) if a_o is None or a_s is None else (a_o - a_s).square().sum(1).mean()
    return Losses(
        (w_o - w_truth).square().mean(),
        (1 - F.cosine_similarity(e_o, e_truth)).mean(),
        F.relu(F.cosine_similarity(e_o, e_s) - margin).mean(),
        moved,
    )
