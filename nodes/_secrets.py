"""How nodes that draw random identities treat seeds: secret unless a number is wired in."""

from __future__ import annotations

import torch

from ..styleid.randomness import make_generator

__all__ = ["SECRET_INPUTS", "SEED_INPUTS", "UNWIRED", "generator_for", "rerun_key"]

UNWIRED = "unwired"  # the default of `seed` in IS_CHANGED, where ComfyUI hands None for a wired input

SECRET_INPUTS = {
    "new_each_run": (
        "BOOLEAN",
        {
            "default": True,
            "label_on": "yes",
            "label_off": "no, keep",
            "tooltip": "Draw new secret identities each time the graph runs, or keep the drawn ones (in memory only) "
            "until an input changes or ComfyUI restarts. Ignored when a seed is connected.",
        },
    ),
}

SEED_INPUTS = {
    "seed": (
        "INT",
        {
            "forceInput": True,
            "tooltip": "Leave unconnected: the identity is then a secret that nobody can draw again. Connect an Int only "
            "to repeat a result: it is saved with the workflow, and whoever knows it can link or undo the result.",
        },
    ),
}


def generator_for(seed: int | None) -> torch.Generator:
    """A secret generator when the seed socket is unwired (None), else a repeatable one."""
    return make_generator(seed)


def rerun_key(*, new_each_run: bool | None, seed: object) -> float | str:
    """The node's IS_CHANGED value: NaN makes ComfyUI run it again, a constant lets it reuse the last result."""
    return float("nan") if seed == UNWIRED and new_each_run is not False else "kept"
