"""How far identity moves with the number of channels swapped, by block size (the paper's figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError
from ..randomness import derive_seed
from ._memo import Memo, Progress, Steps
from ._population import BATCH, Population, windows
from ._provenance import provenance_of
from .attribution import attributed_distances
from .channels import top_channels

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["Curves", "channel_curves"]

_SIZES = (1, 4, 8, 16, 32, 64, 128, 256)
_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.55, 0.75, 1.0)


@dataclass(frozen=True, eq=False, repr=False)
class Curves:
    """Means over pairs that the rankings have not seen, after swapping the best-ranked channels.

    Attributes:
        sizes: ``B`` block sizes.
        counts: ``K`` numbers of channels swapped.
        distances: ``[B, K, 2]``, identity and attribute distance.
        scores: ``[B, K]``, disentanglement scores.
    """

    sizes: tuple[int, ...]
    counts: tuple[int, ...]
    distances: Tensor
    scores: Tensor


def channel_curves(
    family: Family,
    *,
    pairs: int = 32,
    seed: int = 0,
    sizes: Sequence[int] = _SIZES,
    shares: Sequence[float] = _SHARES,
    resume: Path | None = None,
    progress: Progress | None = None,
) -> Curves:
    """Rank the channels in blocks of each size by attribution, and swap the best ones on held-out pairs.

    Args:
        family: as in :func:`styleid.latent.rank_family`.
        pairs: to rank on, and as many others to measure on.
        seed: of the random identities.
        sizes: block sizes, divisors of the code's channels.
        shares: of all channels to swap, in 0..1.
        resume, progress: as in :func:`styleid.latent.rank_family`.

    Raises:
        InputError, WeightsError: as :func:`styleid.latent.rank_family`.
    """
    layers, channels = family.generator.num_layers, len(family.generator.w_mean)
    if pairs < 1 or not sizes or any(size < 1 or channels % size for size in sizes):
        raise InputError(f"Curves need a pair or more, and blocks that divide {channels} channels.")
    if not shares or not all(0 <= share <= 1 for share in shares):
        raise InputError("Shares of the channels to swap lie in 0..1.")
    seen = Population.draw(family, pairs, seed)
    held_out = Population.draw(family, pairs, derive_seed(seed, b"held-out pairs"))
    counts = tuple(round(share * layers * channels) for share in shares)
    step = Steps(layers + -(-2 * pairs // BATCH) + len(sizes) * len(counts), progress)
    with Memo(resume, provenance_of(seen, curves="attribution", pairs=pairs, seed=seed)) as memo:
        singles = seen.exact(list(windows(layers, channels, 1)), memo, step)
        ranked = attributed_distances(seen, singles, sizes, seed=seed, memo=memo, step=step)
        rows = []
        for size in sizes:
            scores = seen.scores(ranked[size])  # [L, C / size]
            for count in counts:
                mask = top_channels(scores, count, block=size)
                rows.append(memo.get(f"swap {size} {count}", lambda m=mask: held_out.distances(m)))
                step()
    memo.forget()
    distances = torch.stack(rows).view(len(sizes), len(counts), 2)
    return Curves(tuple(sizes), counts, distances, held_out.scores(distances))
