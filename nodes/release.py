"""Release Set: a batch of images that meets k-anonymity, l-diversity and t-closeness as a whole."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..styleid.anonymizer import Anonymizer
from ..styleid.datasets import release_pictures
from ..styleid.errors import InputError
from ..styleid.evaluate.release_chart import release_chart, release_lines
from ..styleid.family import Family
from ..styleid.privacy import LEVELS, Release
from ..styleid.privacy.outcomes import NO_FACE
from . import _bridge
from ._report import result_report
from ._secrets import SECRET_INPUTS, SEED_INPUTS, UNWIRED, rerun_key
from ._sockets import as_rgb
from .faces import MARKED_INPUT, NO_FACE_INPUT, boxes_of, no_face_message
from .latent import MODELS_INPUT


class StyleIDReleaseSet:
    """Anonymises images as one set and withholds those whose faces stand out in it."""

    DISPLAY_NAME = "Release Set (StyleID)"
    CATEGORY = "StyleID/privacy"
    DESCRIPTION = (
        "Anonymises a batch of images as one set: chooses the new faces so that their visible attributes occur at least k "
        "times, tries those that stand out again, and withholds what still does."
    )
    FUNCTION = "execute"
    NOT_IDEMPOTENT = True  # two of these with like inputs draw two identities
    RETURN_TYPES = ("IMAGE", "MASK", "INT", "INT", "FLOAT", "STRING", "IMAGE")
    RETURN_NAMES = ("images", "withheld", "k", "l", "t", "report", "chart")
    OUTPUT_TOOLTIPS = (
        "The released images only, in their order.",
        "One mask for every image that came in: white where the whole image is withheld.",
        "The smallest class of the released faces, measured on them.",
        "The fewest values of the sensitive attribute in a class. 0 without one.",
        "The most that the sensitive attribute's share differs between a class and the set. 0 without one.",
        "What the set met before and after, which images are withheld and why.",
        "How many faces each class has, in the sources and released.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "images": ("IMAGE", {"tooltip": "All images of the set, with any number of faces each."}),
                "level": (
                    list(LEVELS),
                    {"default": "high", "tooltip": "How much of each face changes, as in 'Anonymize'."},
                ),
                "released": (
                    "STRING",
                    {
                        "default": "Male, Young",
                        "tooltip": "Attributes that anybody can see in the images, separated by commas.",
                    },
                ),
                "k": (
                    "INT",
                    {
                        "default": 2,
                        "min": 1,
                        "max": 1000,
                        "tooltip": "Every combination of the released attributes that occurs, occurs at least this often.",
                    },
                ),
                "sensitive": (
                    "STRING",
                    {
                        "default": "",
                        "tooltip": "An attribute that must not follow from the released ones. Empty: k only.",
                    },
                ),
                "l": (
                    "INT",
                    {
                        "default": 1,
                        "min": 1,
                        "max": 2,
                        "tooltip": "Values of the sensitive attribute in every class: 2 asks for both.",
                    },
                ),
                "t": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.0,
                        "max": 1.0,
                        "step": 0.01,
                        "tooltip": "Most that the sensitive attribute's share in a class may differ from the set's. 1 asks "
                        "for nothing.",
                    },
                ),
                "no_face": NO_FACE_INPUT,
                **SECRET_INPUTS,
            },
            "optional": {"marked": MARKED_INPUT, **SEED_INPUTS},
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
        images: Tensor,
        level: str,
        released: str,
        k: int,
        sensitive: str,
        l: int,  # noqa: E741
        t: float,
        no_face: str,
        new_each_run: bool,
        marked: Tensor | None = None,
        seed: int | None = None,
    ) -> tuple[Tensor, Tensor, int, int, float, str, Tensor]:
        images = as_rgb(images)  # [B, H, W, 3]
        names = tuple(name.strip() for name in released.split(",") if name.strip())
        asked = Release(attributes=names, sensitive=sensitive.strip() or None, k=k, l=l, t=t)
        run = Anonymizer(family=models, level=level, seed=seed)
        boxes = None if marked is None else boxes_of(marked, images)
        results, met = release_pictures(run, images, asked, _bridge.progress_bar(len(images)), boxes=boxes)
        without = [str(number) for number, one in enumerate(results, start=1) if one.outcome == NO_FACE]
        if without and no_face == "stop":
            raise InputError(no_face_message(without, len(images)))
        out = [
            image if one.outcome == NO_FACE else one.output
            for one, image in zip(results, images, strict=True)
        ]
        report = "\n".join([*release_lines(met), "", result_report(results)])
        if not met.after.faces:
            raise InputError(f"Release Set: no image with a face can be released.\n{report}")
        withheld = torch.stack([torch.full(images.shape[1:3], float(one is None)) for one in out])
        kept = torch.stack([one for one in out if one is not None])
        return (
            kept,
            withheld,
            met.after.k,
            met.after.l or 0,
            met.after.t or 0.0,
            report,
            release_chart(met)[None],
        )
