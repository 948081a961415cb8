"""Parse Face and Region Mask."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..styleid.faces import AREAS, region_mask
from ..styleid.family import Family
from ._sockets import LABELS, Labels, in_batches, square_crops
from .latent import MODELS_INPUT

DEFAULT_AREA = "face"


class StyleIDParseFace:
    """Finds the parts of aligned faces."""

    DISPLAY_NAME = "Parse Face (StyleID)"
    CATEGORY = "StyleID/faces"
    DESCRIPTION = "Labels every pixel of aligned crops with one of the 19 CelebAMask-HQ classes: skin, nose, eyes, hair ..."
    FUNCTION = "execute"
    RETURN_TYPES = (LABELS,)
    RETURN_NAMES = ("labels",)
    OUTPUT_TOOLTIPS = ("The face parts, for 'Region Mask' and 'Random Target from Mask'.",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "crops": ("IMAGE", {"tooltip": "Aligned face crops, from 'Detect and Align Faces'."}),
            }
        }

    def execute(self, *, models: Family, crops: Tensor) -> tuple[Labels]:
        crops = square_crops(crops)
        return (Labels(in_batches(lambda part: models.parse(part, size=part.shape[1]), crops)),)


class StyleIDRegionMask:
    """Turns face parts into an area."""

    DISPLAY_NAME = "Region Mask (StyleID)"
    CATEGORY = "StyleID/faces"
    DESCRIPTION = "Turns face parts into an ordinary mask of an area, such as eyes+nose+mouth or face+hair."
    FUNCTION = "execute"
    RETURN_TYPES = ("MASK",)
    RETURN_NAMES = ("area",)
    OUTPUT_TOOLTIPS = (
        "White inside the area, one mask per face. Grow, invert or paint over it with any mask node.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "labels": (LABELS, {"tooltip": "Face parts, from 'Parse Face'."}),
                "area": (
                    list(AREAS),
                    {
                        "default": DEFAULT_AREA,
                        "tooltip": "What to replace. 'face-eyes' is the face without the eyes.",
                    },
                ),
                "feather": (
                    "FLOAT",
                    {
                        "default": 0.0,
                        "min": 0.0,
                        "max": 0.2,
                        "step": 0.005,
                        "tooltip": "Softness of the edge, as a share of the crop's width.",
                    },
                ),
            }
        }

    def execute(self, *, labels: Labels, area: str, feather: float) -> tuple[Tensor]:
        return (region_mask(labels.ids, area, feather=feather),)
