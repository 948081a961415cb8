"""`python -m training.swapper --checkpoints DIR`: train the embedded family's SwapperNet, compare it, and export it.

Needs only the family in `--models`, the shipped one by default. Runs on a CPU and resumes from its checkpoint.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from styleid.swapper import Weights, compare, curve_chart, draw_examples, mask_chart, train_swapper
from styleid.swapper.measure import kept_at

from .export import Entry, edit_manifest, export, rounded, sharing
from .exported import load_exported

__all__ = ["swapper_embedded"]

WEIGHTS = Weights(lambda_w=0.3, lambda_latent=0.3, lambda_id=3.0, lambda_attr=0.6, margin=0.4)
RATE = 2.0
STEPS, EVERY, DECODE_EVERY, EXAMPLES, HELD_OUT = 200, 50, 2, 240, 64


def swapper_embedded(checkpoints: Path, models: Path) -> None:
    """Train, compare and export the SwapperNet of the exported family."""
    family = load_exported(models)
    held_out = draw_examples(family, HELD_OUT, 11)
    examples = draw_examples(family, EXAMPLES, 12)
    trained = train_swapper(
        family, examples, held_out, steps=STEPS, every=EVERY, decode_every=DECODE_EVERY, weights=WEIGHTS, rate=RATE,
        folder=checkpoints,
    )  # fmt: skip
    network = rounded(trained.network)
    rows = compare(family, network, held_out)
    own = next(row for row in rows if row.method == "swapper" and row.strength == 1.0)
    layers = kept_at([row for row in rows if row.method != "swapper"], own.distance)
    record = {
        "curve": [asdict(point) for point in trained.curve],
        "comparison": [asdict(row) for row in rows],
    }
    (checkpoints / "swapper.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for name, chart in (("curve", curve_chart(trained.curve)), ("mask", mask_chart(trained.mask))):
        pixels = np.asarray((chart * 255).round().to(torch.uint8))
        Image.fromarray(pixels).save(checkpoints / f"swapper_{name}.png")
    figures = {
        "judge_distance": own.distance,
        "attributes_kept": own.kept,
        "attributes_kept_by_layer_swap_at_that_distance": layers,
    }
    entry = Entry(
        name="embedded-swapper",
        kind="swapper",
        network=network,
        input="two W+ codes [N, L, 512]",
        figures=figures,
    )
    export(entry, models)
    edit_manifest(models, set_swapper)


def set_swapper(manifest: dict) -> None:
    for one in sharing(manifest, "generator", "embedded-generator"):
        one["swapper"] = "embedded-swapper"


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m training.swapper", description=__doc__)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path(__file__).parents[1] / "models")
    options = parser.parse_args()
    swapper_embedded(options.checkpoints, options.models)


if __name__ == "__main__":
    main()
