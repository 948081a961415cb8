"""Channel Mask and Swap Channels: the finer swap, by the measured ranking of single channels."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.family import Family
from ..styleid.latent import Ranking, ramp_channels, swap_channels
from ._sockets import CODES, Codes, match_count, with_ranking
from .latent import MODELS_INPUT, RANKING_INPUT, STRENGTH_INPUT


class StyleIDChannelMask:
    """The channels that carry most identity for least change of attributes."""

    DISPLAY_NAME = "Channel Mask (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = "Marks the best-ranked identity channels of W+ as a picture: one row per layer, one column per channel."
    FUNCTION = "execute"
    RETURN_TYPES = ("MASK", "INT")
    RETURN_NAMES = ("channels", "count")
    OUTPUT_TOOLTIPS = (
        "White where a channel is swapped: one row per layer, 512 columns. Any mask node can invert or combine it.",
        "How many channels are swapped: white ones, or the sum of the grey ones.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "share": (
                    "FLOAT",
                    {
                        "default": 0.27,
                        "min": 0.0,
                        "max": 1.0,
                        "step": 0.01,
                        "tooltip": "Share of all channels to mark, best first. The paper's 2,500 of 9,216 is 0.27.",
                    },
                ),
            },
            "optional": {
                "ramp": (
                    "FLOAT",
                    {
                        "default": 0.0,
                        "min": 0.0,
                        "max": 1.0,
                        "step": 0.01,
                        "tooltip": "How softly the mask ends, as a share of all channels: 0 swaps a channel or keeps it, "
                        "more swaps those around the last place in part.",
                    },
                ),
                "ranking": RANKING_INPUT,
            },
        }

    def execute(
        self, *, models: Family, share: float, ramp: float | None = None, ranking: Ranking | None = None
    ) -> tuple[Tensor, int]:
        ranking = with_ranking(models, ranking).ranking
        if ranking is None:
            raise InputError(
                "Channel Mask: these models carry no measured channel ranking. Connect 'Rank Channels'."
            )
        count = round(share * ranking.num_channels)
        mask = ramp_channels(ranking.channel_scores, count, ranking.block, ramp or 0.0)  # [L, 512]
        return mask[None].cpu(), round(float(mask.sum()))


class StyleIDSwapChannels:
    """Replaces chosen channels of a code."""

    DISPLAY_NAME = "Swap Channels (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = (
        "Replaces the marked channels of the source code by those of the target, and keeps all others."
    )
    FUNCTION = "execute"
    RETURN_TYPES = (CODES,)
    RETURN_NAMES = ("codes",)
    OUTPUT_TOOLTIPS = ("The source codes with the target's values in the marked channels.",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "source": (CODES, {"tooltip": "Codes of the faces to anonymise."}),
                "target": (
                    CODES,
                    {"tooltip": "Identities to move to: one per face, or a single one for all of them."},
                ),
                "channels": (
                    "MASK",
                    {"tooltip": "Which channels to swap, from 'Channel Mask': layers x 512."},
                ),
                "strength": STRENGTH_INPUT,
            }
        }

    def execute(self, *, source: Codes, target: Codes, channels: Tensor, strength: float) -> tuple[Codes]:
        if not len(source):
            return (source,)
        w_s = source.w_plus  # [N, L, 512]
        masks = channels[None] if channels.ndim == 2 else channels
        if masks.shape[1:] != w_s.shape[1:]:
            raise InputError(
                f"channels: expected masks of {w_s.shape[2]} x {w_s.shape[1]} (channels x layers), "
                f"found {list(channels.shape)}. Connect 'Channel Mask' or the channels of 'SwapperNet Swap'."
            )
        w_t = match_count(target.w_plus, len(w_s), "target")
        masks = match_count(masks, len(w_s), "channels")
        return (Codes(swap_channels(w_s, w_t, masks, strength=strength)),)
