"""Random Target from Mask and Masked Identity Blend: feature-aware masking in pixel space."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from ..styleid.family import Family
from ..styleid.pixel import COMPOSITES, masked_blend, random_target_from_mask
from . import _bridge
from ._secrets import SECRET_INPUTS, SEED_INPUTS, UNWIRED, generator_for, rerun_key
from ._sockets import (
    BATCH,
    FAMILY,
    LABELS,
    Labels,
    fit_mask,
    in_batches,
    match_count,
    resize_crops,
    square_crops,
)
from .latent import MODELS_INPUT, parse_layers

CANDIDATES = 8  # random faces to choose from


class StyleIDRandomTargetFromMask:
    """Draws a random face with the same face parts."""

    DISPLAY_NAME = "Random Target from Mask (StyleID)"
    CATEGORY = "StyleID/pixel"
    DESCRIPTION = "Draws a random face whose eyes, nose, mouth and outline lie where the source's do."
    FUNCTION = "execute"
    NOT_IDEMPOTENT = True  # two of these with like inputs draw two identities
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("crops",)
    OUTPUT_TOOLTIPS = ("One random aligned face per label map, at the generator's size.",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "labels": (LABELS, {"tooltip": "Face parts of the source faces, from 'Parse Face'."}),
                "layers": (
                    "STRING",
                    {
                        "default": "ranked+1",
                        "tooltip": "Layers that take the random identity: 'ranked', 'ranked+2', or numbers such as 4-6.",
                    },
                ),
                **SECRET_INPUTS,
            },
            "optional": {
                **SEED_INPUTS,
                "source": (
                    "IMAGE",
                    {
                        "tooltip": "The aligned faces that the labels are of. Connected, of several random faces the one "
                        "is taken that the models' recogniser takes least for the source."
                    },
                ),
                "candidates": (
                    "INT",
                    {
                        "default": CANDIDATES,
                        "min": 1,
                        "max": 64,
                        "tooltip": "How many random faces to choose from. Without a source there is nothing to choose by.",
                    },
                ),
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
        labels: Labels,
        layers: str,
        new_each_run: bool,
        seed: int | None = None,
        source: Tensor | None = None,
        candidates: int | None = None,
    ) -> tuple[Tensor]:
        chosen = parse_layers(layers, models, models.generator.num_layers)
        generator = generator_for(seed)
        if source is not None:
            source = match_count(square_crops(source, "source"), len(labels.ids), "source")
        of_labels = iter(source.split(BATCH) if source is not None and len(source) else ())
        count, before = len(labels.ids), itertools.count(0, BATCH)
        bar = _bridge.progress_bar(count)

        def drawn(ids: Tensor) -> Tensor:
            first = next(before)
            return random_target_from_mask(
                models,
                ids,
                generator,
                chosen,
                source=next(of_labels, None),
                candidates=candidates or CANDIDATES,
                progress=lambda done, total: bar(first * total + len(ids) * done, count * total),
            )

        return (in_batches(drawn, labels.ids),)


class StyleIDMaskedIdentityBlend:
    """Composites a target face over the source in an area."""

    DISPLAY_NAME = "Masked Identity Blend (StyleID)"
    CATEGORY = "StyleID/pixel"
    DESCRIPTION = "Matches the target's colours and sharpness to the source, then composites it over the source in an area."
    FUNCTION = "execute"
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("crops",)
    OUTPUT_TOOLTIPS = (
        "The source crops with the target's pixels in the area; untouched pixels stay exactly the same.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "source": (
                    "IMAGE",
                    {"tooltip": "Aligned crops to anonymise, from 'Detect and Align Faces'."},
                ),
                "target": (
                    "IMAGE",
                    {"tooltip": "Aligned faces to take pixels from: one per source crop, or one for all."},
                ),
                "area": (
                    "MASK",
                    {"tooltip": "Where to replace pixels, from 'Region Mask' or any mask node."},
                ),
                "match": (
                    ["tone", "histogram", "lab", "none"],
                    {
                        "default": "tone",
                        "tooltip": "How the target's colours are matched to the source's. 'tone' takes the source's "
                        "broad light and colours and the target's detail.",
                    },
                ),
                "composite": (
                    list(COMPOSITES),
                    {
                        "default": "poisson",
                        "tooltip": "How the two are joined. 'feather': a soft edge. 'pyramid': fine detail over a narrow "
                        "edge, broad tones over a wide one. 'poisson': the target's detail in the source's colours.",
                    },
                ),
                "feather": (
                    "FLOAT",
                    {
                        "default": 0.03,
                        "min": 0.0,
                        "max": 0.2,
                        "step": 0.005,
                        "tooltip": "Softness of the area's edge, as a share of the crop's width.",
                    },
                ),
            },
            "optional": {
                "face": ("MASK", {"tooltip": "Where to compare colours. Unconnected: inside the area."}),
                "models": (
                    FAMILY,
                    {
                        "tooltip": "From 'Load Models'. Connected, skin takes on the colours of skin, hair those of hair "
                        "and lips those of lips, and the source's glasses and open mouth are carried over; unconnected, "
                        "the face is matched as a whole."
                    },
                ),
                "sharpen": (
                    "BOOLEAN",
                    {
                        "default": True,
                        "tooltip": "Amplify the target's fine contrast, twofold at most, towards that of the source.",
                    },
                ),
            },
        }

    def execute(
        self,
        *,
        source: Tensor,
        target: Tensor,
        area: Tensor,
        match: str,
        composite: str,
        feather: float,
        face: Tensor | None = None,
        models: Family | None = None,
        sharpen: bool | None = None,
    ) -> tuple[Tensor]:
        source = square_crops(source, "source")  # [N, S, S, 3]
        count, size = source.shape[:2]
        target = match_count(resize_crops(square_crops(target, "target"), size), count, "target")
        area = fit_mask(area, size, size, count, "area")
        face = None if face is None else fit_mask(face, size, size, count, "face")
        labels = None
        if models is not None and len(source):
            labels = (in_batches(models.parse, target), in_batches(models.parse, source))
        progress = _bridge.progress_bar(count)
        blended = torch.empty_like(source)
        for number in range(count):
            one = slice(number, number + 1)
            blended[one] = masked_blend(
                source[one],
                target[one],
                area[one],
                face=None if face is None else face[one],
                feather=feather,
                match=match,
                labels=None if labels is None else (labels[0][one], labels[1][one]),
                detail=sharpen is not False,
                composite=composite,
            )
            progress(number + 1, count)
        return (blended,)
