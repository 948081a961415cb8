"""Rank Layers and Rank Channels: measure which part of the code carries identity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from ..styleid.family import Family
from ..styleid.latent import Ranking, rank_family
from ..styleid.latent.rank import ESTIMATORS
from . import _bridge
from ._sockets import RANKING, check_ranking
from .latent import MODELS_INPUT

_BLOCKS = ("1", "4", "8", "16", "32", "64", "128", "256")
_BEST = 0.27  # the paper swaps 2,500 of 9,216 channels


def _weight(what: str) -> tuple[str, dict[str, Any]]:
    tip = f"How much {what} counts in the score. 1 and 1 is the paper's balance."
    return ("FLOAT", {"default": 1.0, "min": 0.0, "max": 10.0, "step": 0.1, "tooltip": tip})


_PAIRS = (
    "INT",
    {
        "default": 8,
        "min": 1,
        "max": 512,
        "tooltip": "Pairs of random identities to measure on, each in both directions. More pairs take longer and "
        "give a ranking that another sample confirms; 32 or more for keeps.",
    },
)
_WEIGHTS = {"alpha": _weight("moving identity"), "beta": _weight("moving attributes")}
_SAMPLE = (
    "INT",
    {
        "default": 0,
        "min": 0,
        "max": 2**31 - 1,
        "tooltip": "Which random identities to measure on. Another number shows how stable the ranking is. No secret.",
    },
)


class StyleIDRankLayers:
    """Scores every window of layers by swapping it."""

    DISPLAY_NAME = "Rank Layers (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = "Swaps windows of layers between random identities and measures which moves identity and keeps attributes."
    FUNCTION = "execute"
    RETURN_TYPES = (RANKING, "STRING", "IMAGE", "STRING")
    RETURN_NAMES = ("ranking", "layers", "chart", "scores")
    OUTPUT_TOOLTIPS = (
        "For 'Swap Identity Layers' and 'Rank Channels'.",
        "The best window, as 'Swap Identity Layers' takes it: 4-6.",
        "The score of every window.",
        "The best window of each width with its score.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        widest = {
            "default": 8,
            "min": 1,
            "max": 18,
            "tooltip": "Windows of 1 up to this many layers are tried.",
        }
        return {
            "required": {
                "models": MODELS_INPUT,
                "pairs": _PAIRS,
                "widest": ("INT", widest),
                **_WEIGHTS,
                "sample": _SAMPLE,
            }
        }

    def execute(
        self, *, models: Family, pairs: int, widest: int, alpha: float, beta: float, sample: int
    ) -> tuple[Ranking, str, Tensor, str]:
        from ..styleid.evaluate.ranking_charts import window_chart

        ranking = rank_family(
            models,
            pairs=pairs,
            seed=sample,
            block=len(models.generator.w_mean),  # whole layers, which are windows of one
            max_window=widest,
            alpha=alpha,
            beta=beta,
            progress=_bridge.progress_bar(1),
        )
        lines = []
        for width in range(1, len(ranking.window_scores) + 1):
            window = ranking.best_window(width)
            lines.append(f"{_span(window):>7}  {float(ranking.window_scores[width - 1, window[0]]):.3f}")
        return ranking, _span(ranking.layers), window_chart(ranking)[None], "\n".join(lines)


class StyleIDRankChannels:
    """Scores every channel, or blocks of them."""

    DISPLAY_NAME = "Rank Channels (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = (
        "Measures for every channel of the code how much it moves identity and how much it moves attributes."
    )
    FUNCTION = "execute"
    RETURN_TYPES = (RANKING, "IMAGE", "STRING")
    RETURN_NAMES = ("ranking", "chart", "scores")
    OUTPUT_TOOLTIPS = (
        "For 'Channel Mask'.",
        "The score of every channel, and in which layers the best ones lie.",
        "How much of each layer is among the best 27 % of all channels.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        block = {"default": "1", "tooltip": "Channels that are scored together. Single ones rank best."}
        estimator = {
            "default": "attribution",
            "tooltip": "'attribution' estimates all channels at once from gradients. 'exact' swaps every block and "
            "decodes, which takes very long for small blocks.",
        }
        kept = {"tooltip": "From 'Rank Layers': its layers travel on with the new channel scores."}
        return {
            "required": {
                "models": MODELS_INPUT,
                "pairs": _PAIRS,
                "block": (list(_BLOCKS), block),
                "estimator": (list(reversed(ESTIMATORS)), estimator),
                **_WEIGHTS,
                "sample": _SAMPLE,
            },
            "optional": {"ranking": (RANKING, kept)},
        }

    def execute(
        self,
        *,
        models: Family,
        pairs: int,
        block: str,
        estimator: str,
        alpha: float,
        beta: float,
        sample: int,
        ranking: Ranking | None = None,
    ) -> tuple[Ranking, Tensor, str]:
        from ..styleid.evaluate.ranking_charts import channel_chart

        if ranking is not None:
            check_ranking(ranking, models)
        found = rank_family(
            models,
            pairs=pairs,
            seed=sample,
            block=int(block),
            max_window=1,
            estimator=estimator,
            alpha=alpha,
            beta=beta,
            progress=_bridge.progress_bar(1),
        )
        shares = found.channel_mask(round(_BEST * found.num_channels)).float().mean(1)
        lines = [f"layer {layer:>2}  {float(share):4.0%}" for layer, share in enumerate(shares)]
        windows = ranking or models.ranking  # of single layers alone nobody would swap
        if windows is not None:
            found = replace(found, layers=windows.layers, window_scores=windows.window_scores)
        return found, channel_chart(found)[None], "\n".join(lines)


def _span(layers: tuple[int, ...]) -> str:
    return f"{layers[0]}" if len(layers) == 1 else f"{layers[0]}-{layers[-1]}"
