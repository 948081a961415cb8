"""``python -m styleid train-swapper``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ._terminal import Bar, table
from .errors import InputError

__all__ = ["add_train_swapper"]


def add_train_swapper(
    commands: Any, add_models: Callable[[argparse.ArgumentParser], None], device: Callable[[str], str]
) -> None:
    parser = commands.add_parser(
        "train-swapper", help="train a SwapperNet for a family, on random faces; needs no pictures"
    )
    parser.add_argument("target", metavar="OUT.safetensors", type=Path, help="the network; must not exist")
    parser.add_argument("--steps", type=int, default=640, help="of eight faces each (%(default)s)")
    parser.add_argument("--examples", type=int, default=240, help="random faces to learn from (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random faces; no secret (%(default)s)")
    for name, default, text in (
        ("w", 0.3, "follow the code of the pixel-space result"),
        ("latent", 0.3, "look like it"),
        ("id", 3.0, "do not look like the source"),
        ("attr", 0.6, "keep the attributes of the source"),
    ):
        parser.add_argument(
            f"--lambda-{name}", type=float, default=default, help=f"weight: {text} (%(default)s)"
        )
    parser.add_argument(
        "--margin", type=float, default=0.4, help="likeness to the source that is far enough (%(default)s)"
    )
    parser.add_argument("--checkpoints", type=Path, help="folder; an interrupted run goes on from there")
    add_models(parser)
    parser.set_defaults(run=lambda args: _train(args, device(args.device)))


def _train(args: argparse.Namespace, device: str) -> int:
    from .family import load_family
    from .networks.files import write_network
    from .swapper import Weights, draw_examples, train_swapper

    curve = args.target.with_suffix(".json")
    if args.target.suffix != ".safetensors" or args.target.exists():
        raise InputError(f"The network is a new .safetensors file, found {str(args.target)!r}.")
    if curve.exists():
        raise InputError(
            f"What was learned is written beside the network, into a new file, found {str(curve)!r}."
        )
    weights = Weights(
        lambda_w=args.lambda_w,
        lambda_latent=args.lambda_latent,
        lambda_id=args.lambda_id,
        lambda_attr=args.lambda_attr,
        margin=args.margin,
    )
    family = load_family(args.models, device=device)
    with Bar() as bar:
        held_out = draw_examples(family, max(8, args.examples // 8), args.seed + 1, progress=bar.show)
        examples = draw_examples(family, args.examples, args.seed, progress=bar.show)
        trained = train_swapper(
            family,
            examples,
            held_out,
            steps=args.steps,
            decode_every=4,
            every=max(1, args.steps // 8),
            weights=weights,
            seed=args.seed,
            folder=args.checkpoints,
            progress=bar.show,
        )
    write_network(trained.network, args.target, "swapper")
    rows = [asdict(point) for point in trained.curve]
    curve.write_text(json.dumps({"curve": rows}, indent=2) + "\n", encoding="utf-8")
    shown = ("step", "total", "distance", "kept", "opened")
    print(table([shown, *([f"{row[name]:.4g}" for name in shown] for row in rows)]))
    return 0
