"""How well attribution ranks channels, what it costs, how stable rankings are, and what block sizes and StyleSpace buy.

    python benchmarks/ranking.py [--pairs 48] [--models embedded] [--stylespace]

Every figure compares rankings of different random identities. Tables are printed as they are done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scipy.stats import spearmanr
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _stylespace import StyleSpace

from styleid.family import Family, load_family
from styleid.latent import channel_curves, swap_channels, top_channels
from styleid.latent._memo import Memo
from styleid.latent._population import Population, blocks, windows
from styleid.latent.attribution import attributed_distances, generator_passes

Swap = Callable[[Tensor, Tensor], Tensor]  # source and target codes to crops

BLOCK = 256
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.55, 0.75)


def nothing() -> None:
    pass


def exact_scores(population: Population) -> Tensor:
    """Scores of all blocks of 256 channels."""
    shape = population.w_s.shape[1:]
    return population.scores(population.exact(list(blocks(*shape, BLOCK)), Memo(None, {}), nothing))


def attributed_scores(population: Population, seed: int, sizes: Sequence[int]) -> list[Tensor]:
    """Scores of all blocks of each size, estimated."""
    memo, shape = Memo(None, {}), population.w_s.shape[1:]
    singles = population.exact(list(windows(*shape, 1)), memo, nothing)
    found = attributed_distances(population, singles, sizes, seed=seed, memo=memo, step=nothing)
    return [population.scores(found[size]).flatten() for size in sizes]


def rank_correlation(a: Tensor, b: Tensor) -> float:
    return float(spearmanr(a, b).statistic)


def compare_estimators(family: Family, pairs: int) -> None:
    populations = [Population.draw(family, pairs, seed) for seed in (1, 2)]
    exact = [exact_scores(population) for population in populations]
    estimated = [
        attributed_scores(population, seed, (BLOCK, 1))
        for seed, population in enumerate(populations, start=1)
    ]
    held_out = [rank_correlation(estimated[i][0], exact[1 - i]) for i in (0, 1)]
    print(f"\nSpearman's rank correlation, {pairs} pairs, rankings of different random identities")
    print(f"  attribution and exact, blocks of {BLOCK}:   {held_out[0]:.3f}  {held_out[1]:.3f}")
    print(f"  exact and exact, blocks of {BLOCK}:         {rank_correlation(*exact):.3f}")
    print(
        f"  attribution and attribution, blocks of {BLOCK}: {rank_correlation(estimated[0][0], estimated[1][0]):.3f}"
    )
    print(
        f"  attribution and attribution, single channels: {rank_correlation(estimated[0][1], estimated[1][1]):.3f}"
    )
    identities, layers, channels = populations[0].w_s.shape
    full = identities * layers * channels
    needed = generator_passes(identities) + identities * layers
    print("generator passes for single channels, one face each")
    print(f"  exact {full}, attribution with its whole layers {needed}: 1/{full / needed:.0f}")


def compare_blocks(family: Family, pairs: int) -> None:
    curves = channel_curves(family, pairs=pairs, seed=3, shares=SHARES)
    print("\nbest channels swapped on held-out pairs: identity distance / attribute distance / score")
    head("block")
    for size, distances, scores in zip(curves.sizes, curves.distances, curves.scores, strict=True):
        row(str(size), [(*map(float, d), float(s)) for d, s in zip(distances, scores, strict=True)])


def compare_spaces(family: Family, pairs: int) -> None:
    """Single channels ranked alike in W+ and in StyleSpace, swapped on held-out pairs."""
    seen, held_out = (Population.draw(family, pairs, seed) for seed in (4, 5))
    space = StyleSpace(family)
    print("\nsingle channels by attribution, swapped: identity distance / attribute distance / score")
    head("space")
    in_w = attributed_scores(seen, 4, (1,))[0].view(seen.w_s.shape[1:])  # [L, C]
    in_s = space.scores(seen, seed=4)  # [1, S]

    def swap_w(mask: Tensor) -> Swap:
        return lambda w_s, w_t: family.decode(swap_channels(w_s, w_t, mask))

    def swap_s(mask: Tensor) -> Swap:
        return lambda w_s, w_t: space.swap(w_s, w_t, mask[0])

    for name, scores, swap in (("W+", in_w, swap_w), ("S", in_s, swap_s)):
        masks = [top_channels(scores, round(share * scores.numel())) for share in SHARES]
        row(name, [result(held_out, swap(mask)) for mask in masks])


def result(population: Population, decode: Callable[[Tensor, Tensor], Tensor]) -> tuple[float, float, float]:
    distances = population.distances_of(decode)
    return (*map(float, distances), float(population.scores(distances)))


def head(what: str) -> None:
    print(f"{what:>6}", *(f"{share:>17.0%}" for share in SHARES))


def row(name: str, cells: Sequence[tuple[float, float, float]]) -> None:
    print(f"{name:>6}", *(f"{a:5.2f}/{b:.2f}/{c:6.3f}" for a, b, c in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="embedded", metavar="FAMILY")
    parser.add_argument("--pairs", type=int, default=48)
    parser.add_argument("--stylespace", action="store_true", help="also compare W+ with StyleSpace")
    options = parser.parse_args()
    family = load_family(options.models)
    compare_estimators(family, options.pairs)
    compare_blocks(family, max(1, options.pairs // 2))
    if options.stylespace:
        compare_spaces(family, max(1, options.pairs // 2))


if __name__ == "__main__":
    main()
