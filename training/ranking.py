"""Ships a ranking of the embedded family: `python -m training.ranking [FILE.safetensors]`.

Without a file it ranks first, as `python -m styleid rank --pairs 40 --seed 97 --alpha 1.2` does; an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from styleid.family import load_family
from styleid.latent import load_ranking, rank_family, save_ranking

from .export import edit_manifest, register

__all__ = ["rank_embedded", "ship"]

NAME = "embedded-ranking"
PAIRS, SEED = 40, 97
ALPHA = 1.2  # with equal weights windows that hide nobody score as well as those that do


def rank_embedded(models: Path) -> None:
    """Rank the layers and single channels of the exported family with its own recogniser and attribute net."""
    file = models / f"{NAME}.new.safetensors"
    ranking = rank_family(
        load_family("embedded"),
        pairs=PAIRS,
        block=1,
        seed=SEED,
        alpha=ALPHA,
        estimator="attribution",
        resume=file.with_suffix(".unfinished"),
    )
    save_ranking(ranking, file)
    ship(file, models)
    file.unlink()


def ship(file: Path, models: Path) -> None:
    """Put a ranking into `models` and into the manifest."""
    ranking = load_ranking(file)
    path = models / f"{NAME}.safetensors"
    shutil.copyfile(file, path)
    figures = {
        "identity_layers": " ".join(map(str, ranking.layers)),
        "pairs": int(ranking.provenance["pairs"]),
        "block": ranking.block,
        "estimator": ranking.provenance["estimator"],
    }
    register(NAME, "ranking", path, models, "scores of layer windows and channel blocks", figures)
    edit_manifest(models, lambda m: m["families"].setdefault("embedded", {}).update({"ranking": NAME}))


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
