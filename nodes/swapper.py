"""SwapperNet Swap and Train SwapperNet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..styleid.errors import InputError
from ..styleid.family import Family
from ..styleid.latent import swap_codes
from ..styleid.networks import load_network
from ..styleid.networks.files import write_network
from ..styleid.weights.folders import store_folder
from . import _bridge
from ._files import files_in, version_of
from ._sockets import CODES, Codes, match_count
from .latent import MODELS_INPUT, STRENGTH_INPUT

SWAPPER = "STYLEID_SWAPPER"
FOLDER = "swappers"  # below a models folder
SUFFIXES = (".safetensors",)
OWN = "the models' own"


@dataclass(frozen=True, repr=False)
class SwapperNet:
    """A trained network on its socket."""

    network: nn.Module

    def __repr__(self) -> str:
        return f"SwapperNet(layers={self.network.num_layers})"


class StyleIDSwapperNetSwap:
    """Swaps what a network says, pair by pair."""

    DISPLAY_NAME = "SwapperNet Swap (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = (
        "A small network looks at both codes and says which channels to take from the target: identity moves, "
        "hair, pose and background stay. One generator pass."
    )
    FUNCTION = "execute"
    RETURN_TYPES = (CODES, "MASK")
    RETURN_NAMES = ("codes", "channels")
    OUTPUT_TOOLTIPS = (
        "The new codes.",
        "What was taken from the target, one mask per face: one row per layer, 512 columns.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "source": (CODES, {"tooltip": "Codes of the faces to anonymise."}),
                "target": (
                    CODES,
                    {"tooltip": "Identities to move to: one per face, or a single one for all of them."},
                ),
                "strength": STRENGTH_INPUT,
            },
            "optional": {
                "swapper": (SWAPPER, {"tooltip": "From 'Train SwapperNet', instead of 'file'."}),
                "file": (
                    [OWN, *files_in(FOLDER, SUFFIXES)],
                    {
                        "default": OWN,
                        "tooltip": "The network of the models, or one that 'Train SwapperNet' has saved in "
                        "models/styleid/swappers.",
                    },
                ),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, file: str | None = None) -> bool | str:
        known = (None, OWN, *files_in(FOLDER, SUFFIXES))  # None: wired, known only when it runs
        return file in known or f"there is no {file!r} in models/styleid/swappers"

    @classmethod
    def IS_CHANGED(cls, file: str | None = None, **_: Any) -> str:
        return version_of(files_in(FOLDER, SUFFIXES).get(file))

    def execute(
        self,
        *,
        models: Family,
        source: Codes,
        target: Codes,
        strength: float,
        swapper: SwapperNet | None = None,
        file: str | None = None,
    ) -> tuple[Codes, Tensor]:
        network = _network(models, file) if swapper is None else swapper.network
        w_s = source.w_plus  # [N, L, 512]
        if not len(source):
            return source, w_s
        w_t = match_count(target.w_plus, len(w_s), "target")
        codes, mask = swap_codes(network, w_s, w_t, strength)
        return Codes(codes.cpu()), mask.cpu()


class StyleIDTrainSwapperNet:
    """Trains a SwapperNet for the loaded models."""

    DISPLAY_NAME = "Train SwapperNet (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = (
        "Trains a SwapperNet for the loaded models on random faces, which are nobody's, and saves it in "
        "models/styleid/swappers. Needs no pictures."
    )
    FUNCTION = "execute"
    RETURN_TYPES = (SWAPPER, "IMAGE", "STRING")
    RETURN_NAMES = ("swapper", "charts", "report")
    OUTPUT_TOOLTIPS = (
        "The trained network, for 'SwapperNet Swap'.",
        "Two charts: losses on held-out faces, and which channels the network opens.",
        "Held-out losses, identity distance and attributes kept, step by step.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "steps": (
                    "INT",
                    {
                        "default": 600,
                        "min": 1,
                        "max": 100_000,
                        "tooltip": "Steps of 8 faces; every fourth is decoded.",
                    },
                ),
                "examples": (
                    "INT",
                    {"default": 240, "min": 8, "max": 100_000, "tooltip": "Random faces to learn from."},
                ),
                "lambda_w": _weight(0.3, "Follow the code of the pixel-space result."),
                "lambda_latent": _weight(0.3, "Look like the pixel-space result to the recogniser."),
                "lambda_id": _weight(3.0, "Do not look like the source to the recogniser."),
                "lambda_attr": _weight(0.6, "Keep the attributes of the source."),
                "margin": (
                    "FLOAT",
                    {
                        "default": 0.4,
                        "min": -1.0,
                        "max": 1.0,
                        "step": 0.05,
                        "tooltip": "Cosine similarity to the source that is far enough: lower hides more, keeps less.",
                    },
                ),
                "name": (
                    "STRING",
                    {
                        "default": "swapper",
                        "tooltip": "File name in models/styleid/swappers; replaced if it is there.",
                    },
                ),
            }
        }

    def execute(
        self,
        *,
        models: Family,
        steps: int,
        examples: int,
        lambda_w: float,
        lambda_latent: float,
        lambda_id: float,
        lambda_attr: float,
        margin: float,
        name: str,
    ) -> tuple[SwapperNet, Tensor, str]:
        from ..styleid.swapper import Weights, curve_chart, draw_examples, mask_chart, train_swapper

        if not re.fullmatch(r"\w[\w.-]{0,63}", name) or ".." in name:
            raise InputError("name: use letters, digits, '.', '_' and '-' only.")
        weights = Weights(
            lambda_w=lambda_w,
            lambda_latent=lambda_latent,
            lambda_id=lambda_id,
            lambda_attr=lambda_attr,
            margin=margin,
        )
        held = max(8, examples // 8)
        bar = _bridge.progress_bar(held + examples + steps)

        def counted(before: int):
            return lambda done, total: bar(before + done, held + examples + steps)

        held_out = draw_examples(models, held, 1, progress=counted(0))
        learned = draw_examples(models, examples, 2, progress=counted(held))
        trained = train_swapper(
            models,
            learned,
            held_out,
            steps=steps,
            weights=weights,
            every=max(1, steps // 8),
            decode_every=4,
            progress=counted(held + examples),
        )
        folder = store_folder() / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        write_network(trained.network, folder / f"{name}.safetensors", "swapper")
        charts = (curve_chart(trained.curve), mask_chart(trained.mask))
        lines = [
            f"step {p.step}: loss {p.total:.3f}, identity distance {p.distance:.3f}, attributes kept {p.kept:.3f}"
            for p in trained.curve
        ]
        return SwapperNet(trained.network), torch.stack(charts), "\n".join(lines)


def _network(models: Family, file: str | None) -> nn.Module:
    if file not in (None, OWN):
        files = files_in(FOLDER, SUFFIXES)
        if file not in files:
            raise InputError(f"SwapperNet Swap: there is no {file!r} in models/styleid/swappers.")
        return load_network(files[file], "swapper", models.device, models.dtype)
    if models.swapper is None:
        raise InputError(
            "SwapperNet Swap: these models bring no SwapperNet. Connect 'Train SwapperNet', or choose a 'file'."
        )
    return models.swapper


def _weight(default: float, text: str) -> tuple[str, dict[str, Any]]:
    return "FLOAT", {"default": default, "min": 0.0, "max": 100.0, "step": 0.05, "tooltip": f"Weight: {text}"}
