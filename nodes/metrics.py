"""Identity Distance."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..styleid.family import Family
from ..styleid.metrics import identity_distance
from ._identities import RECOGNISER_INPUT, recogniser_of
from ._report import distance_report
from ._sockets import crop_pair, in_batches
from .latent import MODELS_INPUT


class StyleIDIdentityDistance:
    """Measures how far identities moved."""

    DISPLAY_NAME = "Identity Distance (StyleID)"
    CATEGORY = "StyleID/metrics"
    DESCRIPTION = (
        "Measures, face by face, how far two batches of aligned crops lie apart for a face recogniser."
    )
    FUNCTION = "execute"
    RETURN_TYPES = ("FLOAT", "FLOAT", "FLOAT", "STRING")
    RETURN_NAMES = ("smallest", "mean", "share_beyond", "report")
    OUTPUT_TOOLTIPS = (
        "The distance of the least protected face: 0 is the same, 2 the opposite.",
        "The mean distance over all faces.",
        "Share of faces beyond the recogniser's threshold, 0 to 1: those it takes for somebody else.",
        "One line per face with its distance, the threshold and the verdict.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "source": ("IMAGE", {"tooltip": "Aligned crops of the original faces."}),
                "output": ("IMAGE", {"tooltip": "Aligned crops to compare, in the same order."}),
                "recogniser": RECOGNISER_INPUT,
            }
        }

    def execute(
        self, *, models: Family, source: Tensor, output: Tensor, recogniser: str
    ) -> tuple[float, float, float, str]:
        source, output = crop_pair(source, output, "Identity Distance")
        network = recogniser_of(models, recogniser)
        before, after = in_batches(network.embed, source), in_batches(network.embed, output)  # [N, 512]
        distances = identity_distance(before, after)  # [N]
        return (
            float(distances.min()),
            float(distances.mean()),
            float((distances > network.threshold).float().mean()),
            distance_report(distances, network),
        )
