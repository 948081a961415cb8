"""Load Models."""

from __future__ import annotations

from typing import Any

from ..styleid.family import Family, load_family
from ..styleid.weights import family_names
from . import _bridge
from ._sockets import FAMILY

DEFAULT_FAMILY = "embedded"


class StyleIDLoadModels:
    """Loads one family of networks."""

    DISPLAY_NAME = "Load Models (StyleID)"
    CATEGORY = "StyleID"
    DESCRIPTION = (
        "Loads a family of networks: generator, encoders, two recognisers, parser, attributes, landmarks."
    )
    FUNCTION = "execute"
    RETURN_TYPES = (FAMILY,)
    RETURN_NAMES = ("models",)
    OUTPUT_TOOLTIPS = ("The loaded networks, for every other StyleID node.",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        families = list(family_names())
        return {
            "required": {
                "family": (
                    families,
                    {
                        "default": DEFAULT_FAMILY,
                        "tooltip": "Which set of networks. 'embedded' ships with this project and needs no download.",
                    },
                ),
                "device": (
                    ["auto", "cpu"],
                    {
                        "default": "auto",
                        "tooltip": "'auto' computes where ComfyUI does; 'cpu' always on the processor.",
                    },
                ),
            }
        }

    def execute(self, *, family: str, device: str) -> tuple[Family]:
        return (load_models(family, device),)


def load_models(family: str, device: str) -> Family:
    """The named family on the device of that choice."""
    return load_family(family, device=_bridge.torch_device(device))
