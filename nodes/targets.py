"""Choose Target and Edit Attribute: whose identity a face is given, and what is changed about it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.family import Family
from ..styleid.latent import (
    Chosen,
    IdentityBook,
    choose_targets,
    edit_codes,
    k_same_targets,
    learn_direction,
    load_direction,
    parse_keeps,
    swap_layers,
)
from ..styleid.randomness import derive_generator
from . import _bridge
from ._files import files_in, version_of
from ._secrets import SECRET_INPUTS, SEED_INPUTS, UNWIRED, rerun_key
from ._sockets import CODES, Codes, in_batches, match_count, square_crops
from .latent import MODELS_INPUT, parse_layers

BEST, KEEPING, MEAN, IMAGE = "best score", "keep attributes", "mean of k faces", "from image"
LEARNED = "learned from the models"
DIRECTIONS = "directions"  # folder of direction files below a models folder
SUFFIXES = (".npy", ".pt", ".pth", ".safetensors")


class StyleIDChooseTarget:
    """Chooses an identity for every face."""

    DISPLAY_NAME = "Choose Target (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = (
        "Chooses an identity for every face: the best of several random ones, one that keeps attributes, the mean of "
        "k faces, or the person of an image. No two faces get random identities that a recogniser takes for one."
    )
    FUNCTION = "execute"
    NOT_IDEMPOTENT = True  # two of these with like inputs draw two identities
    RETURN_TYPES = (CODES, "STRING")
    RETURN_NAMES = ("codes", "report")
    OUTPUT_TOOLTIPS = (
        "One identity per face. The code is the secret that links source and result.",
        "Per face: identity distance, attribute distance and score of the choice, and what could not be kept.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "source": (CODES, {"tooltip": "Codes of the faces to anonymise."}),
                "mode": (
                    [KEEPING, BEST, MEAN, IMAGE],
                    {
                        "default": KEEPING,
                        "tooltip": "'keep attributes' and 'best score' choose among random identities; 'mean of k faces' "
                        "averages the source faces in groups of k; 'from image' takes the person of 'image'.",
                    },
                ),
                "candidates": (
                    "INT",
                    {
                        "default": 12,
                        "min": 1,
                        "max": 256,
                        "tooltip": "Random identities to choose from, per face; each is decoded once.",
                    },
                ),
                "keep_attributes": (
                    "STRING",
                    {
                        "default": "Male\nYoung\nEyeglasses",
                        "multiline": True,
                        "tooltip": "For 'keep attributes': one per line, the most important first. A number says how "
                        "strictly, 0 to 1: 'Male 0.9' lets its confidence move by at most 0.1. Without: 0.5.",
                    },
                ),
                "k": (
                    "INT",
                    {
                        "default": 5,
                        "min": 2,
                        "max": 256,
                        "tooltip": "For 'mean of k faces': how many source faces share one mean.",
                    },
                ),
                "layers": (
                    "STRING",
                    {
                        "default": "ranked+2",
                        "tooltip": "The layers that will be swapped: the choice is made for this swap. As in 'Swap "
                        "Identity Layers'.",
                    },
                ),
                "truncation": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.1,
                        "max": 1.0,
                        "step": 0.05,
                        "tooltip": "1 draws the full variety of faces; less stays nearer the average face.",
                    },
                ),
                **SECRET_INPUTS,
            },
            "optional": {
                "image": (
                    "IMAGE",
                    {"tooltip": "For 'from image': aligned face crops, one for all faces or one per face."},
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
        source: Codes,
        mode: str,
        candidates: int,
        keep_attributes: str,
        k: int,
        layers: str,
        truncation: float,
        new_each_run: bool,
        image: Tensor | None = None,
        seed: int | None = None,
    ) -> tuple[Codes, str]:
        if not len(source):
            return source, "no face"
        w_s = source.w_plus
        if mode == MEAN:
            return Codes(k_same_targets(w_s, k)), f"{len(w_s)} faces, means of {k} or more"
        if mode == IMAGE:
            if image is None:
                raise InputError("Choose Target: connect 'image' to take the person of an image.")
            codes = in_batches(models.encode, square_crops(image, "image"))
            return Codes(match_count(codes, len(w_s), "image")), "the person of the image, who exists"
        swapped = parse_layers(layers, models, w_s.shape[1])
        chosen = choose_targets(
            models,
            w_s,
            [derive_generator(seed, number) for number in range(len(w_s))],
            lambda s, t: swap_layers(s, t, swapped),
            candidates=candidates,
            keep=parse_keeps(keep_attributes) if mode == KEEPING else (),
            truncation=truncation,
            book=_book(models, w_s),
            progress=_bridge.progress_bar(len(w_s) * candidates),
        )
        return Codes(chosen.codes.cpu()), _report(chosen, models)


class StyleIDEditAttribute:
    """Moves codes along the direction of an attribute."""

    DISPLAY_NAME = "Edit Attribute (StyleID)"
    CATEGORY = "StyleID/latent"
    DESCRIPTION = (
        "Raises or lowers an attribute of the faces along a direction of W+: learned from the models' attribute net, "
        "or read from a file."
    )
    FUNCTION = "execute"
    RETURN_TYPES = (CODES,)
    RETURN_NAMES = ("codes",)
    OUTPUT_TOOLTIPS = ("The edited codes.",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "codes": (CODES, {"tooltip": "Codes to edit: of faces, or of target identities."}),
                "attribute": (
                    "STRING",
                    {
                        "default": "Smiling",
                        "tooltip": "Name of an attribute that the models know, such as Smiling, Young or Male. "
                        "Ignored when a file is chosen.",
                    },
                ),
                "strength": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": -10.0,
                        "max": 10.0,
                        "step": 0.1,
                        "tooltip": "1 raises a learned attribute by about one standard deviation over random faces; "
                        "negative lowers it.",
                    },
                ),
                "direction": (
                    [LEARNED, *files_in(DIRECTIONS, SUFFIXES)],
                    {
                        "default": LEARNED,
                        "tooltip": "Learn the direction, or read it from a file in models/styleid/directions.",
                    },
                ),
                "samples": (
                    "INT",
                    {
                        "default": 128,
                        "min": 16,
                        "max": 4096,
                        "tooltip": "Random faces that a direction is learned from; more change less besides.",
                    },
                ),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, direction: str | None) -> bool | str:
        known = (None, LEARNED, *files_in(DIRECTIONS, SUFFIXES))  # None: wired, known only when it runs
        return direction in known or "this direction file is not in models/styleid/directions"

    @classmethod
    def IS_CHANGED(cls, direction: str | None, **_: Any) -> str:
        return version_of(files_in(DIRECTIONS, SUFFIXES).get(direction))

    def execute(
        self, *, models: Family, codes: Codes, attribute: str, strength: float, direction: str, samples: int
    ) -> tuple[Codes]:
        if not len(codes):
            return (codes,)
        if direction == LEARNED:
            progress = _bridge.progress_bar(samples)
            found = learn_direction(models, attribute.strip(), samples=samples, progress=progress)
        else:
            files = files_in(DIRECTIONS, SUFFIXES)
            if direction not in files:
                raise InputError(f"There is no direction file {direction!r} in models/styleid/directions.")
            found = load_direction(files[direction], codes.w_plus.shape[1])
        return (Codes(edit_codes(codes.w_plus, found, strength)),)


def _book(models: Family, w_s: Tensor) -> IdentityBook:
    """With every face of the input in it."""
    book = IdentityBook(models.recogniser.threshold)
    book.add(in_batches(lambda part: models.recogniser.embed(models.decode(part)), w_s))
    return book


def _report(chosen: Chosen, models: Family) -> str:
    threshold = models.recogniser.threshold
    lines = [f"recogniser {models.recogniser.name}: beyond {threshold:.3f} is somebody else"]
    rows = torch.stack([chosen.d_id, chosen.d_attr, chosen.scores], 1).tolist()
    for number, ((d_id, d_attr, score), unmet) in enumerate(zip(rows, chosen.unmet, strict=True), start=1):
        lost = f"; not kept: {', '.join(unmet)}" if unmet else ""
        lines.append(
            f"face {number}: distance {d_id:.3f}, attributes moved {d_attr:.3f}, score {score:.3f}{lost}"
        )
    return "\n".join(lines)
