"""Example Photograph: the photographs that installed dependencies ship, so that a fresh workflow runs as it is."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..styleid.demo import EXAMPLES, example_photograph


class StyleIDExamplePhoto:
    """A photograph to try the other nodes on."""

    DISPLAY_NAME = "Example Photograph (StyleID)"
    CATEGORY = "StyleID"
    DESCRIPTION = (
        "A photograph that an installed Python package brings along, to try the other nodes on: "
        "one person (scikit-image) or a group of six (insightface). Replace it by Load Image for your own."
    )
    FUNCTION = "execute"
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("image",)
    OUTPUT_TOOLTIPS = ("The photograph.",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "photograph": (
                    list(EXAMPLES),
                    {"default": "astronaut", "tooltip": "'astronaut' shows one person, 'group' six."},
                )
            }
        }

    def execute(self, *, photograph: str) -> tuple[Tensor]:
        return (example_photograph(photograph)[None],)
