"""Attribute Distance and Disentanglement Score: what was kept, and whether identity moved more than that."""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.evaluate.charts import attribute_chart, disentanglement_chart
from ..styleid.family import Family
from ..styleid.metrics import (
    Reference,
    attribute_changes,
    attribute_distance,
    disentanglement_score,
    identity_distance,
)
from ._sockets import crop_pair, in_batches
from .latent import MODELS_INPUT

WEIGHT = {"default": 1.0, "min": 0.0, "max": 10.0, "step": 0.1}
CROPS_INPUTS = {
    "source": ("IMAGE", {"tooltip": "Aligned crops of the original faces."}),
    "output": ("IMAGE", {"tooltip": "Aligned crops of the new faces, in the same order."}),
}


class StyleIDAttributeDistance:
    """Measures which attributes faces kept."""

    DISPLAY_NAME = "Attribute Distance (StyleID)"
    CATEGORY = "StyleID/metrics"
    DESCRIPTION = "Measures, face by face, which attributes (hair, beard, glasses, smile ...) two batches of crops share."
    FUNCTION = "execute"
    RETURN_TYPES = ("FLOAT", "FLOAT", "STRING", "IMAGE")
    RETURN_NAMES = ("mean", "preserved", "report", "chart")
    OUTPUT_TOOLTIPS = (
        "Mean distance of the attribute confidences: 0 is the same.",
        "Share of all attributes of all faces that stayed present or absent, 0 to 1.",
        "One line per face, then one per attribute that changed.",
        "How often each attribute occurs before and after, and how often it was kept.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"models": MODELS_INPUT, **CROPS_INPUTS}}

    def execute(self, *, models: Family, source: Tensor, output: Tensor) -> tuple[float, float, str, Tensor]:
        source, output = crop_pair(source, output, "Attribute Distance")
        before, after = (
            in_batches(models.attribute_confidences, crops) for crops in (source, output)
        )  # [N, A]
        distances = attribute_distance(before, after)
        changes = attribute_changes(models.attributes.names, before, after)
        preserved = sum(change.preserved for change in changes) / len(changes)
        lines = [f"{len(changes)} attributes, {preserved:.1%} preserved"]
        lines += [f"face {n}: distance {d:.3f}" for n, d in enumerate(distances.tolist(), start=1)]
        lines += [
            f"{change.name}: {change.before:.0%} before, {change.after:.0%} after, kept by {change.preserved:.0%}"
            for change in sorted(changes, key=lambda change: change.preserved)
            if change.preserved < 1
        ]
        chart = attribute_chart([vars(change) for change in changes])
        return float(distances.mean()), preserved, "\n".join(lines), chart[None]


class StyleIDDisentanglementScore:
    """Scores a swap: identity moved, attributes kept."""

    DISPLAY_NAME = "Disentanglement Score (StyleID)"
    CATEGORY = "StyleID/metrics"
    DESCRIPTION = (
        "Scores a change by how far identity moved against how far attributes moved. High is good: 0 is nothing changed "
        "or everything changed, 1 another identity with every attribute kept."
    )
    FUNCTION = "execute"
    RETURN_TYPES = ("FLOAT", "STRING", "IMAGE")
    RETURN_NAMES = ("score", "report", "chart")
    OUTPUT_TOOLTIPS = (
        "The score over all faces, comparable with those of other settings on the same models.",
        "Identity moved, attributes moved and the score, for all faces and for each.",
        "Each face by both: the further up and left, the better.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                **CROPS_INPUTS,
                "alpha": ("FLOAT", {**WEIGHT, "tooltip": "Weight of identity moved."}),
                "beta": ("FLOAT", {**WEIGHT, "tooltip": "Weight of attributes moved."}),
            }
        }

    def execute(
        self, *, models: Family, source: Tensor, output: Tensor, alpha: float, beta: float
    ) -> tuple[float, str, Tensor]:
        source, output = crop_pair(source, output, "Disentanglement Score")
        reference = reference_of(models)
        embed, describe = models.recogniser.embed, models.attribute_confidences
        d_id = identity_distance(in_batches(embed, source), in_batches(embed, output))  # [N]
        d_attr = attribute_distance(in_batches(describe, source), in_batches(describe, output))  # [N]
        score = float(disentanglement_score(d_id, d_attr, alpha=alpha, beta=beta, reference=reference))
        moved = (d_id - reference.id_low) / (reference.id_high - reference.id_low)
        lost = (d_attr - reference.attr_low) / (reference.attr_high - reference.attr_low)
        each = alpha * moved - beta * lost
        rows = zip(moved.tolist(), lost.tolist(), each.tolist(), strict=True)
        lines = [
            f"score {score:.3f} = {alpha:g} x identity {float(moved.mean()):.3f} - {beta:g} x attributes "
            f"{float(lost.mean()):.3f}",
            f"1 is the mean between two random identities, by {models.recogniser.name} (the tuner)",
            *(
                f"face {n}: identity {a:.3f}, attributes {b:.3f}, {c:.3f}"
                for n, (a, b, c) in enumerate(rows, start=1)
            ),
        ]
        return score, "\n".join(lines), disentanglement_chart(moved.tolist(), lost.tolist())[None]


def reference_of(models: Family) -> Reference:
    """The constants that the family's ranking was normalised with."""
    text = None if models.ranking is None else models.ranking.provenance.get("reference")
    if text is None:
        raise InputError(
            "Disentanglement Score: these models carry no ranking with reference constants. Rank them first: "
            "python -m styleid rank."
        )
    return Reference(**json.loads(text))
