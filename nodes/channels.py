"""Channel Mask and Swap Channels: the finer swap, by the measured ranking of single channels."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.family import Family
from ..styleid.latent import swap_channels, top_channels
from ._sockets import CODES, Codes, match_count
from .latent import MODELS_INPUT, STRENGTH_INPUT


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
        "How many channels are marked.",
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
            }
        }

    def execute(self, *, models: Family, share: float) -> tuple[Tensor, int]:
        ranking = models.ranking
        if ranking is None or ranking.channel_scores is None:
            raise InputError(
                "Channel Mask: these models carry no measured channel ranking. Use 'Swap Identity Layers'."
            )
        total = ranking.channel_scores.numel() * ranking.block
        mask = top_channels(
            ranking.channel_scores, round(share * total), block=ranking.block
        )  # [L, 512] bool
        return mask.float()[None].cpu(), int(mask.sum())


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
        if channels.ndim != 3 or channels.shape[0] != 1 or channels.shape[1:] != w_s.shape[1:]:
            raise InputError(
                f"channels: expected one mask of {w_s.shape[2]} x {w_s.shape[1]} (channels x layers), "
                f"found {list(channels.shape)}. Connect 'Channel Mask'."
            )
        w_t = match_count(target.w_plus, len(w_s), "target")
        return (Codes(swap_channels(w_s, w_t, channels[0], strength=strength)),)
