"""Ships a ranking of the embedded family: `python -m training.ranking [FILE.safetensors]`.

Without a file it ranks first, as `python -m styleid rank --pairs 40 --seed 97 --alpha 1.2` does; an interrupted run goes on.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from styleid.latent import Ranking, load_ranking, rank_family, save_ranking

from .export import edit_manifest, register, sharing
from .exported import load_exported

__all__ = ["rank_embedded", "ship"]

NAME = "embedded-ranking"
PAIRS, SEED = 40, 97
ALPHA = 1.2  # with equal weights windows that hide nobody score as well as those that do
# Wider windows change more of the face. The narrowest one is shipped whose score is at most this share below the best.
TOLERANCE = 0.1


def rank_embedded(models: Path) -> None:
    """Rank the layers and single channels of the exported family with its own recogniser and attribute net."""
    file = models / f"{NAME}.new.safetensors"
    rank_family(
        load_exported(models),
        pairs=PAIRS,
        block=1,
        seed=SEED,
        alpha=ALPHA,
        estimator="attribution",
        resume=file.with_suffix(".unfinished"),
        save=lambda ranking: save_ranking(ranking, file),
    )
    ship(file, models)
    file.unlink()


def narrowest(ranking: Ranking) -> tuple[int, ...]:
    """The narrowest window of layers that is nearly as good as the best of all widths."""
    scores = ranking.window_scores.nan_to_num(nan=-torch.inf)
    candidates = [ranking.best_window(width) for width in range(1, len(scores) + 1)]
    enough = (1 - TOLERANCE) * scores.max()
    return next(window for window in candidates if scores[len(window) - 1, window[0]] >= enough)


def ship(file: Path, models: Path) -> None:
    """Put a ranking into `models` and into the manifest."""
    ranking = load_ranking(file)
    models.mkdir(parents=True, exist_ok=True)
    ranking = replace(ranking, layers=narrowest(ranking))
    path = models / f"{NAME}.safetensors"
    save_ranking(ranking, path)
    alike = ranking.window_scores[len(ranking.layers) - 1]  # windows of the same width
    figures = {
        "identity_layers": " ".join(map(str, ranking.layers)),
        "score_over_mean_of_windows": round(
            float(alike.nan_to_num(nan=-torch.inf).max() / alike.nanmean()), 2
        ),
        "pairs": int(ranking.provenance["pairs"]),
        "block": ranking.block,
        "estimator": ranking.provenance["estimator"],
    }
    register(NAME, "ranking", path, models, "scores of layer windows and channel blocks", figures)
    edit_manifest(models, set_ranking)


def set_ranking(manifest: dict) -> None:
    for one in sharing(manifest, "generator", "embedded-generator"):
        one["ranking"] = NAME


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="made by `python -m styleid rank`")
    parser.add_argument("--models", type=Path, default=Path(__file__).parents[1] / "models")
    options = parser.parse_args()
    if options.file is None:
        rank_embedded(options.models)
    else:
        ship(options.file, options.models)


if __name__ == "__main__":
    main()
