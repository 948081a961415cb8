"""Anonymize: the whole path in one node."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..styleid.anonymizer import Anonymizer
from ..styleid.errors import InputError
from ..styleid.faces import AREAS
from ..styleid.family import Family
from ..styleid.privacy.outcomes import BLOCKED, NO_FACE
from . import _bridge
from ._report import changed_pixels, result_report, smallest_distance
from ._secrets import SECRET_INPUTS, SEED_INPUTS, UNWIRED, rerun_key
from ._sockets import FAMILY, as_rgb
from .faces import MARKED_INPUT, NO_FACE_INPUT, ON_FAILURE_INPUT, boxes_of, no_face_message
from .latent import REFINE_INPUT, asked_steps
from .load import default_models

BY_LEVEL = "by level"


class StyleIDAnonymize:
    """Finds, replaces, pastes back and verifies every face."""

    DISPLAY_NAME = "Anonymize (StyleID)"
    CATEGORY = "StyleID"
    DESCRIPTION = (
        "Anonymises every face of every image in one step: finds them, gives each a secret identity, pastes back, "
        "verifies with a second recogniser, tries harder when needed, and blurs what it could not hide."
    )
    FUNCTION = "execute"
    NOT_IDEMPOTENT = True  # two of these with like inputs draw two identities
    RETURN_TYPES = ("IMAGE", "MASK", "FLOAT", "STRING")
    RETURN_NAMES = ("images", "changed", "smallest_distance", "report")
    OUTPUT_TOOLTIPS = (
        "The anonymised images at the size they came in.",
        "White where a pixel differs from the original.",
        "The judge's distance of the least protected face; blurred faces and images without a face do not count (then 0).",
        "One line per face: outcome, recogniser, distance before and after, threshold.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "images": ("IMAGE", {"tooltip": "Photographs, one or many, each with any number of faces."}),
                "level": (
                    ["low", "medium", "high"],
                    {
                        "default": "medium",
                        "tooltip": "low: recognisers fail, a person sees a similar face. medium: a person sees someone "
                        "else. high: the whole face is replaced.",
                    },
                ),
                "method": (
                    [BY_LEVEL, "layers", "channels", "mask", "swapper"],
                    {
                        "default": BY_LEVEL,
                        "tooltip": "How identity is changed. 'by level' takes what the level prescribes.",
                    },
                ),
                "area": (
                    [BY_LEVEL, *AREAS],
                    {
                        "default": BY_LEVEL,
                        "tooltip": "Which part of each face is replaced. 'by level' takes the level's.",
                    },
                ),
                "on_failure": ON_FAILURE_INPUT,
                "no_face": NO_FACE_INPUT,
                **SECRET_INPUTS,
            },
            "optional": {
                "models": (
                    FAMILY,
                    {"tooltip": "From 'Load Models'. Unconnected: the networks that ship with this project."},
                ),
                "marked": MARKED_INPUT,
                "refine_steps": REFINE_INPUT,
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
        images: Tensor,
        level: str,
        method: str,
        area: str,
        on_failure: str,
        no_face: str,
        new_each_run: bool,
        models: Family | None = None,
        marked: Tensor | None = None,
        refine_steps: int | None = None,
        seed: int | None = None,
    ) -> tuple[Tensor, Tensor, float, str]:
        images = as_rgb(images)  # [B, H, W, 3]
        if not len(images):
            raise InputError("Anonymize: found no image in this batch.")
        run = Anonymizer(
            family=models if models is not None else default_models(),
            level=level,
            seed=seed,
            method=None if method == BY_LEVEL else method,
            area=None if area == BY_LEVEL else area,
            refine=asked_steps(refine_steps),
            on_failure=on_failure,
        )
        boxes = None if marked is None else boxes_of(marked, images)
        results = run(images, progress=_bridge.progress_bar(len(images)), boxes=boxes)
        report = result_report(results)
        without = [str(number) for number, result in enumerate(results, start=1) if result.outcome == NO_FACE]
        if without and no_face == "stop":
            raise InputError(no_face_message(without, len(images)))
        if any(result.outcome == BLOCKED for result in results):
            raise InputError(f"Anonymize: a face is still recognisable, so nothing comes out.\n{report}")
        output = torch.stack(
            [
                image if result.outcome == NO_FACE else result.output
                for result, image in zip(results, images, strict=True)
            ]
        )
        return output, changed_pixels(images, output), smallest_distance(results), report
