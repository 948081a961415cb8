"""Rank layer windows and channel blocks by identity disentanglement (StyleID, section 4.2).

Two estimators: `exact` swaps, decodes and measures every candidate; `attribution` estimates the channels of all layers
from gradients (see :mod:`styleid.latent.attribution`). Windows of layers are few, and always measured exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError
from ._memo import Memo, Progress, Steps
from ._population import BATCH, Candidate, Population, blocks, windows
from ._provenance import provenance_of
from .attribution import DIRECTIONS, attributed_distances
from .ranking import Ranking

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["ESTIMATORS", "rank_family"]

ESTIMATORS = ("exact", "attribution")


def rank_family(
    family: Family,
    *,
    pairs: int = 64,
    seed: int = 0,
    block: int = 256,
    max_window: int = 8,
    estimator: str = "exact",
    alpha: float = 1.0,
    beta: float = 1.0,
    resume: Path | None = None,
    save: Callable[[Ranking], None] | None = None,
    progress: Progress | None = None,
) -> Ranking:
    """Rank with the recogniser and the attribute net of ``family`` (never with its judge).

    Args:
        family: its generator, recogniser and attribute net are used, at most 8 faces at a time.
        pairs: random identity pairs; each is swapped in both directions.
        seed: of the random identities; part of the provenance and no secret.
        block: channels per score, a divisor of the code's channels.
        max_window: widest window of layers.
        estimator: of the channel scores, ``exact`` or ``attribution``. Exact scores of single channels take a decoding
            per channel and identity; attribution gives any block size at the same small cost.
        alpha, beta: weights of the score, see :func:`styleid.metrics.disentanglement_score`.
        resume: file that keeps what is done, so that an interrupted call goes on; removed at the end.
        save: called with the ranking before that file is removed.
        progress: called with (steps done, steps in all).

    Raises:
        InputError: numbers out of range, networks that do not tell the random identities apart, or a file to resume
            from of another run.
        WeightsError: a damaged file to resume from, or a family without attribute net.
    """
    channels = len(family.generator.w_mean)
    _check(pairs, max_window, block, channels, estimator)
    population = Population.draw(family, pairs, seed)
    how = {} if estimator == "exact" else {"directions": DIRECTIONS}
    provenance = provenance_of(
        population, estimator=estimator, pairs=pairs, seed=seed, alpha=float(alpha), beta=float(beta), **how
    )
    layers = family.generator.num_layers
    groups = list(windows(layers, channels, max_window))
    parts = list(blocks(layers, channels, block))
    step = Steps(len(groups) + (len(parts) if estimator == "exact" else -(-2 * pairs // BATCH)), progress)
    # block and window choose what is measured and do not change a measurement: a run with others may go on from here
    with Memo(resume, provenance) as memo:
        window_distances = population.exact(groups, memo, step)  # [W, 2]
        if estimator == "exact":
            channel_distances = population.exact(parts, memo, step).view(layers, -1, 2)
        else:
            singles = window_distances[:layers]  # windows of one layer come first
            channel_distances = attributed_distances(
                population, singles, (block,), seed=seed, memo=memo, step=step
            )[block]
    window_scores = population.scores(window_distances, alpha, beta)
    channel_scores = population.scores(channel_distances, alpha, beta)
    best = groups[int(window_scores.argmax())]
    ranking = Ranking(
        tuple(range(best.first_layer, best.end_layer)),
        _window_table(groups, window_scores),
        channel_scores,
        block,
        provenance,
    )
    if save is not None:
        save(ranking)
    memo.forget()
    return ranking


def _check(pairs: int, max_window: int, block: int, channels: int, estimator: str) -> None:
    if pairs < 1 or max_window < 1:
        raise InputError(
            f"Ranking needs at least one pair and windows of one layer, found {pairs} and {max_window}."
        )
    if block < 1 or channels % block:
        raise InputError(f"The block must divide {channels} channels, found {block}.")
    if estimator not in ESTIMATORS:
        raise InputError(f"There is no estimator {estimator!r}. Choose one of: {', '.join(ESTIMATORS)}.")


def _window_table(groups: Sequence[Candidate], scores: Tensor) -> Tensor:
    """``[M, L]``; row ``m - 1``, column ``i`` is the window of m layers from i on, NaN where none fits."""
    widest = max(group.end_layer - group.first_layer for group in groups)
    layers = max(group.end_layer for group in groups)
    table = torch.full((widest, layers), torch.nan)
    for group, score in zip(groups, scores, strict=True):
        table[group.end_layer - group.first_layer - 1, group.first_layer] = score
    return table
