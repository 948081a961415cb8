"""``python -m styleid rank OUT.safetensors``."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._terminal import Bar, table

if TYPE_CHECKING:
    from .family import Family
    from .latent import Ranking

__all__ = ["add_rank"]

_CURVE_PAIRS = 16  # the curves take 64 swaps of every pair
_EPILOG = """An interrupted run goes on when the same command is given again: what is done lies in OUT.unfinished.
Of a ranking that is there already, --charts draws the charts.
"""


def add_rank(commands: Any, add_models: Any, add_engine: Any) -> None:
    """Register the command; `add_models` adds --models and --device, `add_engine` --engine."""
    parser = commands.add_parser(
        "rank",
        help="rank the layers and channels of a family by what carries identity",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", metavar="OUT.safetensors", type=Path, help="the new ranking")
    parser.add_argument("--pairs", type=int, default=64, help="random identity pairs (%(default)s)")
    parser.add_argument("--block", type=int, default=1, help="channels per score (%(default)s)")
    parser.add_argument(
        "--estimator",
        default="attribution",
        help="of the channel scores: attribution from gradients, or exact by swapping every block (%(default)s)",
    )
    parser.add_argument("--max-window", type=int, default=8, help="widest window of layers (%(default)s)")
    parser.add_argument("--alpha", type=float, default=1.0, help="weight of identity moved (%(default)s)")
    parser.add_argument("--beta", type=float, default=1.0, help="weight of attributes moved (%(default)s)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the random identities; no secret (%(default)s)"
    )
    parser.add_argument(
        "--charts",
        type=Path,
        metavar="DIR",
        help="folder for charts: scores of windows, of channels, and what block sizes buy on held-out pairs",
    )
    add_models(parser)
    add_engine(parser)
    parser.set_defaults(run=_rank)


def _rank(args: argparse.Namespace) -> int:
    from .cli import _device
    from .errors import InputError
    from .family import load_family
    from .latent import load_ranking

    if args.target.suffix != ".safetensors" or (args.target.exists() and args.charts is None):
        raise InputError(f"The ranking is a new .safetensors file, found {str(args.target)!r}.")
    if hasattr(signal, "SIGTERM"):  # ended from outside, keep what is done
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    family = load_family(args.models, device=_device(args.device), engine=args.engine)
    ranking = load_ranking(args.target) if args.target.exists() else _ranked(family, args)
    print(_best_windows(ranking))
    print(f"identity layers: {' '.join(map(str, ranking.layers))}")
    if args.charts is not None:
        for path in _draw(ranking, family, args.charts):
            print(path)
    return 0


def _ranked(family: Family, args: argparse.Namespace) -> Ranking:
    from .latent import rank_family, save_ranking

    names = ("pairs", "seed", "block", "estimator", "max_window", "alpha", "beta")
    options = {name: getattr(args, name) for name in names}
    args.target.parent.mkdir(parents=True, exist_ok=True)
    with Bar() as bar:
        return rank_family(
            family,
            **options,
            resume=args.target.with_suffix(".unfinished"),
            save=lambda ranking: save_ranking(ranking, args.target),
            progress=bar.show,
        )


def _best_windows(ranking: Ranking) -> str:
    rows = [("layers", "score")]
    for width in range(1, len(ranking.window_scores) + 1):
        window = ranking.best_window(width)
        score = float(ranking.window_scores[width - 1, window[0]])
        rows.append((" ".join(map(str, window)), f"{score:.3f}"))
    return table(rows)


def _draw(ranking: Ranking, family: Family, folder: Path) -> list[Path]:
    from PIL import Image

    from .evaluate.ranking_charts import channel_chart, curve_chart, window_chart
    from .latent import channel_curves

    folder.mkdir(parents=True, exist_ok=True)
    pairs, seed = (int(ranking.provenance[name]) for name in ("pairs", "seed"))
    with Bar() as bar:
        curves = channel_curves(
            family,
            pairs=min(pairs, _CURVE_PAIRS),
            seed=seed,
            resume=folder / "curves.unfinished",
            progress=bar.show,
        )
    charts = {
        "windows": window_chart(ranking),
        "channels": channel_chart(ranking),
        "curves": curve_chart(curves, family.recogniser.threshold),
    }
    paths = []
    for name, chart in charts.items():
        paths.append(folder / f"{name}.png")
        Image.fromarray((chart * 255).round().byte().numpy()).save(paths[-1])
    return paths
