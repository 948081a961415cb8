"""Encode to W+, Decode W+, Random Identity, Swap Identity Layers."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.family import Family
from ..styleid.latent import Ranking, random_targets, refine_codes, refinement, swap_layers
from ..styleid.pipeline.face import identity_layers
from ..styleid.randomness import derive_generator
from . import _bridge
from ._secrets import SECRET_INPUTS, SEED_INPUTS, UNWIRED, rerun_key
from ._sockets import CODES, FAMILY, RANKING, Codes, in_batches, match_count, square_crops, with_ranking

MODELS_INPUT = (FAMILY, {"tooltip": "The networks, from 'Load Models'."})
RANKING_INPUT = (
    RANKING,
    {"tooltip": "A ranking of your own, from 'Rank Layers' or 'Rank Channels', instead of the models'."},
)
STRENGTH_INPUT = (
    "FLOAT",
    {
        "default": 1.0,
        "min": 0.0,
        "max": 2.0,
        "step": 0.05,
        "tooltip": "How far to move from source (0) to target (1); above 1 overshoots.",
    },
)


REFINE_INPUT = (
    "INT",
    {
        "default": -1,
        "min": -1,
        "max": 1000,
        "tooltip": "Steps by which each code is refined after encoding: more of pose, expression, hair and light carries "
        "over. -1: as many as the family of weights needs. Each costs two generator passes and more.",
    },
)


def asked_steps(value: int | None) -> int | None:
    """What REFINE_INPUT gives, None where the family decides."""
    return None if value == -1 else value


class StyleIDEncodeToWPlus:
    """Projects aligned faces into the generator's W+ space."""

    DISPLAY_NAME = "Encode to W+ (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = "Projects aligned face crops into the generator's W+ space: one code per face, one 512-vector per layer."
    FUNCTION = "execute"
    RETURN_TYPES = (CODES,)
    RETURN_NAMES = ("codes",)
    OUTPUT_TOOLTIPS = ("One W+ code per face. As private as the face itself: never saved, never printed.",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "crops": ("IMAGE", {"tooltip": "Aligned face crops, from 'Detect and Align Faces'."}),
            },
            "optional": {"refine_steps": REFINE_INPUT},
        }

    def execute(self, *, models: Family, crops: Tensor, refine_steps: int | None = None) -> tuple[Codes]:
        crops = square_crops(crops)
        codes = in_batches(models.encode, crops)
        steps = refinement(models, asked_steps(refine_steps))
        if steps and len(codes):
            progress = _bridge.progress_bar(steps * len(codes))
            codes = refine_codes(models, crops, codes, steps=steps, progress=progress)
        return (Codes(codes),)


class StyleIDDecodeWPlus:
    """Turns W+ codes into face images."""

    DISPLAY_NAME = "Decode W+ (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = (
        "Turns W+ codes into aligned face crops. Decoding untouched codes shows what the encoder alone loses."
    )
    FUNCTION = "execute"
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("crops",)
    OUTPUT_TOOLTIPS = ("One aligned face crop per code, at the generator's size.",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"models": MODELS_INPUT, "codes": (CODES, {"tooltip": "W+ codes, one per face."})}
        }

    def execute(self, *, models: Family, codes: Codes) -> tuple[Tensor]:
        return (in_batches(models.decode, codes.w_plus),)


class StyleIDRandomIdentity:
    """Draws identities that belong to nobody."""

    DISPLAY_NAME = "Random Identity (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = (
        "Draws random identities from the generator's own distribution: nobody's face, and secret by default."
    )
    FUNCTION = "execute"
    NOT_IDEMPOTENT = True  # two of these with like inputs draw two identities
    RETURN_TYPES = (CODES,)
    RETURN_NAMES = ("codes",)
    OUTPUT_TOOLTIPS = (
        "Random W+ codes, one identity each. The code is the secret that links source and result.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "count": (
                    "INT",
                    {
                        "default": 1,
                        "min": 1,
                        "max": 4096,
                        "tooltip": "How many identities to draw. Ignored when 'one_per_face' is connected.",
                    },
                ),
                "truncation": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.1,
                        "max": 1.0,
                        "step": 0.05,
                        "tooltip": "1 draws the full variety of faces; less stays nearer the average face and hides less.",
                    },
                ),
                **SECRET_INPUTS,
            },
            "optional": {
                "one_per_face": (
                    CODES,
                    {"tooltip": "Connect the source codes to draw one identity for each of their faces."},
                ),
                **SEED_INPUTS,
            },
        }

    @classmethod
    def IS_CHANGED(
        cls, *, new_each_run: bool | None = True, seed: object = UNWIRED, **_: object
    ) -> float | str:
        return rerun_key(new_each_run=new_each_run, seed=seed)

    def execute(
        self,
        *,
        models: Family,
        count: int,
        truncation: float,
        new_each_run: bool,
        one_per_face: Codes | None = None,
        seed: int | None = None,
    ) -> tuple[Codes]:
        faces = count if one_per_face is None else len(one_per_face)
        if not faces:
            return (one_per_face,)
        generators = [derive_generator(seed, number) for number in range(faces)]
        return (Codes(random_targets(models, generators, truncation=truncation).cpu()),)


class StyleIDSwapIdentityLayers:
    """Replaces the layers of a code that carry identity."""

    DISPLAY_NAME = "Swap Identity Layers (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = "Replaces the layers of the source code that carry identity by those of the target, and keeps all others."
    FUNCTION = "execute"
    RETURN_TYPES = (CODES,)
    RETURN_NAMES = ("codes",)
    OUTPUT_TOOLTIPS = ("The source codes with the target's identity layers.",)

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
                "layers": (
                    "STRING",
                    {
                        "default": "ranked",
                        "tooltip": "'ranked' takes the identity layers that the models' ranking measured; each step of "
                        "'ranked+2' adds two finer ones, from the third on a coarser one too. Or name layers, counted "
                        "from 0: 4-6, or 3,5,6.",
                    },
                ),
                "strength": STRENGTH_INPUT,
            },
            "optional": {"ranking": RANKING_INPUT},
        }

    def execute(
        self,
        *,
        models: Family,
        source: Codes,
        target: Codes,
        layers: str,
        strength: float,
        ranking: Ranking | None = None,
    ) -> tuple[Codes]:
        models = with_ranking(models, ranking)
        if not len(source):
            return (source,)
        w_s = source.w_plus  # [N, L, 512]
        w_t = match_count(target.w_plus, len(w_s), "target")
        return (Codes(swap_layers(w_s, w_t, parse_layers(layers, models, w_s.shape[1]), strength=strength)),)


def parse_layers(text: str, models: Family, count: int) -> tuple[int, ...]:
    """'ranked', 'ranked+2' (widened by two steps), '4-6' or '3,5,6' -> layer numbers below `count`."""
    text = text.strip().lower()
    ranked = re.fullmatch(r"(?:ranked)?(?:\s*\+\s*(\d{1,2}))?", text)
    if ranked is not None:
        return identity_layers(models, int(ranked[1] or 0))
    chosen: set[int] = set()
    for part in text.replace(" ", "").split(","):
        span = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part)
        if span is None:
            raise InputError(f"layers: expected 'ranked', 'ranked+2', 4-6 or 3,5,6, found {text!r}.")
        chosen.update(range(int(span[1]), int(span[2] or span[1]) + 1))
    if not chosen or max(chosen) >= count:
        raise InputError(f"layers: these models have layers 0 to {count - 1}, found {text!r}.")
    return tuple(sorted(chosen))
