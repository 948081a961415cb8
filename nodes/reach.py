"""Reach Privacy Target: the least change that is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.evaluate.frontier import frontier_chart
from ..styleid.faces import AREAS
from ..styleid.family import Family
from ..styleid.pipeline.reach import ReachedFace, reach_faces
from ..styleid.privacy import SEARCH, Goal, frontier, frontier_rows, make_goal
from . import _bridge
from ._secrets import SECRET_INPUTS, SEED_INPUTS, UNWIRED, rerun_key
from ._sockets import square_crops
from .latent import MODELS_INPUT

OWN, DISTANCE, RATE, ANY = "models' threshold", "distance", "false-accept rate", "smallest that passes"


class StyleIDReachPrivacyTarget:
    """Searches for the least change of each face that passes."""

    DISPLAY_NAME = "Reach Privacy Target (StyleID)"
    CATEGORY = "StyleID/privacy"
    DESCRIPTION = (
        "Finds, face by face, the least change that reaches a distance or a false-accept rate: varies channels, layers, "
        "area and strength, in at most 12 generator passes."
    )
    FUNCTION = "execute"
    NOT_IDEMPOTENT = True  # two of these with like inputs draw two identities
    RETURN_TYPES = ("IMAGE", "MASK", "IMAGE", "FLOAT", "BOOLEAN", "STRING")
    RETURN_NAMES = ("crops", "areas", "frontier", "judged", "reached", "report")
    OUTPUT_TOOLTIPS = (
        "The source crops with the new faces in them, ready for 'Paste Faces Back'.",
        "Where each crop changed.",
        "One chart per face: privacy against attributes kept, for everything that was tried.",
        "The judge's distance of the least protected face. The judge had no part in the search.",
        "True when every face reached the target.",
        "Per face: what was chosen, who searched, who judged, and the frontier.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "crops": ("IMAGE", {"tooltip": "Aligned face crops, from 'Detect and Align Faces'."}),
                "target": (
                    [OWN, DISTANCE, RATE],
                    {
                        "default": OWN,
                        "tooltip": "What to reach: the threshold that the models come with, a distance between source and "
                        "result, or the distance that belongs to a false-accept rate.",
                    },
                ),
                "value": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.0001,
                        "max": 1.99,
                        "step": 0.0001,
                        "tooltip": "The distance (0 to 2) or the rate (such as 0.001). Unused for the models' threshold.",
                    },
                ),
                "recognisers": (
                    "STRING",
                    {
                        "default": "",
                        "tooltip": "Who must be fooled: names separated by commas, each must pass. Empty: the models' own. "
                        "Whoever is named here does not judge.",
                    },
                ),
                "area": (
                    [ANY, *AREAS],
                    {
                        "default": "face",
                        "tooltip": "What may change. 'smallest that passes' tries small areas too, which fool the "
                        "recognisers that search more than others.",
                    },
                ),
                "on_failure": (
                    ["blur", "block"],
                    {
                        "default": "blur",
                        "tooltip": "For a face that does not reach the target: 'blur' its crop, 'block' stops the graph.",
                    },
                ),
                **SECRET_INPUTS,
            },
            "optional": dict(SEED_INPUTS),
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
        crops: Tensor,
        target: str,
        value: float,
        recognisers: str,
        area: str,
        on_failure: str,
        new_each_run: bool,
        seed: int | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, float, bool, str]:
        crops = square_crops(crops)
        if not len(crops):
            raise InputError(
                "Reach Privacy Target: there is no face. No face is not a target that was reached."
            )
        names = [name.strip() for name in recognisers.split(",") if name.strip()]
        wish = {DISTANCE: {"distance": value}, RATE: {"far": value}}.get(target, {})
        progress = _bridge.progress_bar(len(crops))
        goal = make_goal(models, recognisers=names, progress=progress, **wish)
        search = SEARCH if area == ANY else replace(SEARCH, areas=(area,))
        faces = reach_faces(crops, models, goal, search=search, seed=seed, progress=progress)
        report = reach_report(faces, goal)
        reached = all(face.probe is not None for face in faces)
        if not reached and on_failure == "block":
            raise InputError(f"Reach Privacy Target: a face does not reach the target.\n{report}")
        charts = [
            frontier_chart([frontier_rows(face.reached.probes, face.probe)], f"face {number}")
            for number, face in enumerate(faces, start=1)
        ]
        return (
            torch.stack([face.crop if face.probe else blurred(face.crop) for face in faces]),
            torch.stack([face.area if face.probe else torch.ones_like(face.area) for face in faces]),
            torch.stack(charts),
            min((face.judged for face in faces if face.probe), default=0.0),
            reached,
            report,
        )


def blurred(crop: Tensor) -> Tensor:
    """A crop [S, S, 3] of which nothing but broad tones is left."""
    tones = torch.nn.functional.adaptive_avg_pool2d(crop.movedim(-1, 0)[None], 6)
    whole = torch.nn.functional.interpolate(tones, size=crop.shape[:2], mode="bilinear", align_corners=False)
    return whole[0].movedim(0, -1)


def reach_report(faces: Sequence[ReachedFace], goal: Goal) -> str:
    """Who searched and who judged, then per face what was chosen and the frontier."""
    lines = [f"{one.name} (searches): to reach {one.threshold:.3f}" for one in goal.tuners]
    lines += [f"{goal.judge.name} (judges): same person below {goal.judge.threshold:.3f}", *goal.notes]
    for number, face in enumerate(faces, start=1):
        passes = f"{face.reached.passes} generator passes"
        if face.probe is None:
            lines.append(f"face {number}: NOT REACHED after {passes}")
        else:
            distances = ", ".join(f"{name} {value:.3f}" for name, value in face.probe.distances.items())
            verdict = "someone else" if face.judged > goal.judge.threshold else "SAME PERSON"
            lines.append(f"face {number}: {distances}; judge {face.judged:.3f} {verdict}; {passes}")
            lines.append(f"  {setting(vars(face.probe.attempt))}; change {face.probe.change:.4f}")
        for probe in frontier(face.reached.probes):
            how = setting(vars(probe.attempt))
            lines.append(f"  frontier: margin {probe.margin:.2f}, kept {probe.kept:.2f}, {how}")
    return "\n".join(lines)


def setting(knobs: dict[str, Any]) -> str:
    """One attempt in words."""
    amount = {"channels": f"{knobs['share']:.0%} of the channels"}.get(
        knobs["method"], f"{knobs['method']} + {knobs['widen']}"
    )
    return f"{amount}, {knobs['area']}, strength {knobs['strength']:g}"
