"""Identity distance ``d_id(s, o) = || e(s) - e(o) ||_2`` on L2-normalised embeddings, 0 (same) .. 2
(opposite).

A distance belongs to one recogniser: distances of two recognisers are not comparable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

if TYPE_CHECKING:
    from ..family import Recogniser

__all__ = ["cosine_similarity", "identity_distance", "pairwise_identity_distance", "threshold_at_far", "unit"]


def identity_distance(a: Tensor, b: Tensor, recogniser: Recogniser | None = None) -> Tensor:
    """Distance of each pair ``(a[i], b[i])``.

    Args:
        a, b: embeddings ``[N, D]`` or ``[D]``, normalised here; or, with ``recogniser``, aligned face crops
            ``[N, S, S, 3]`` in 0..1. One of the two may hold a single row, compared with every row of the
            other.
        recogniser: whose embeddings to compare; its name goes with every number you report.

    Returns:
        ``[N]`` in 0..2 (a scalar for two ``[D]``). Gradients flow, and are finite for equal embeddings too.

    Raises:
        InputError: shapes that do not pair, NaN or infinite values, an embedding of length zero.
    """
    if recogniser is not None:
        a, b = recogniser.embed(a), recogniser.embed(b)
    a, b = unit(a, "first"), unit(b, "second")
    if a.shape[-1] != b.shape[-1] or (a.dim() == 2 and b.dim() == 2 and 1 != len(a) != len(b) != 1):
        raise InputError(f"Embeddings must pair up, found {list(a.shape)} and {list(b.shape)}.")
    return torch.linalg.vector_norm(a - b, dim=-1)


def pairwise_identity_distance(a: Tensor, b: Tensor) -> Tensor:
    """Distance of every embedding of ``a`` ``[N, D]`` to every one of ``b`` ``[M, D]``: ``[N, M]``. Errors as
    above.
    """
    a, b = unit(a, "first"), unit(b, "second")
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1]:
        raise InputError(f"Embeddings must be [N, D] and [M, D], found {list(a.shape)} and {list(b.shape)}.")
    dtype = torch.promote_types(a.dtype, b.dtype)
    # Never [N, M, D] in memory; and not by a product, which makes the distance of equal faces a small number, not 0.
    return torch.cdist(a.to(dtype), b.to(dtype), compute_mode="donot_use_mm_for_euclid_dist")


def cosine_similarity(distance: Tensor) -> Tensor:
    """Cosine similarity of two unit vectors from their distance: ``1 - d^2 / 2``, in -1..1."""
    return 1.0 - distance.square() / 2.0


def threshold_at_far(impostor_distances: Tensor | Sequence[float], far: float = 1e-3) -> float:
    """The distance below which a recogniser takes two different people for one person in a share ``far`` of
    cases.

    Args:
        impostor_distances: distances of pairs of *different* people, any shape; at least ``1 / far`` of them.
        far: false-accept rate in (0, 1).

    Returns:
        The threshold ``t`` such that at most ``far`` of the distances are smaller than ``t``.

    Raises:
        InputError: too few distances for this rate, NaN, infinite or negative ones, ``far`` out of range.
    """
    if not 0.0 < far < 1.0:
        raise InputError(f"A false-accept rate lies between 0 and 1, found {far}.")
    distances = torch.as_tensor(impostor_distances, dtype=torch.float64).flatten()
    if not bool((torch.isfinite(distances) & (distances >= 0)).all()):
        raise InputError("Impostor distances must be finite and not negative.")
    allowed = math.floor(far * len(distances) + 1e-9)  # pairs that may fall below the threshold
    if allowed < 1:
        raise InputError(
            f"A false-accept rate of {far:g} needs at least {math.ceil(1 / far)} pairs, found {len(distances)}. "
            "Give more pairs or a higher rate."
        )
    return float(distances.sort().values[allowed])


def unit(embeddings: Tensor, which: str) -> Tensor:
    """Embeddings ``[N, D]`` or ``[D]`` of any length and type as vectors of length 1, float32 at least.

    Raises InputError for what is no direction: NaN or infinite values, a zero vector, none at all.
    """
    embeddings = torch.as_tensor(embeddings)
    embeddings = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
    if embeddings.dim() not in (1, 2) or embeddings.numel() == 0:
        raise InputError(
            f"The {which} embeddings must be [N, D] or [D] and not empty, found {list(embeddings.shape)}."
        )
    if not bool(torch.isfinite(embeddings).all()):
        raise InputError(f"The {which} embeddings hold NaN or infinite values: this face was not measured.")
    largest = embeddings.detach().abs().amax(-1, keepdim=True)  # its square may be infinite, or 0
    if not bool((largest > 0).all()):
        raise InputError(
            f"The {which} embeddings hold a zero vector: it has no direction, this face was not measured."
        )
    return F.normalize(embeddings / largest, dim=-1)
