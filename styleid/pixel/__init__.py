"""Pixel space: colour match, masked blend, random targets that share the source's mask."""

from .blend import masked_blend
from .carry import carry_over
from .colour import COLOUR_METHODS, match_colour
from .composite import COMPOSITES
from .detail import match_detail
from .masks import random_target_from_mask
from .parts import match_parts

__all__ = [
    "COLOUR_METHODS",
    "COMPOSITES",
    "carry_over",
    "masked_blend",
    "match_colour",
    "match_detail",
    "match_parts",
    "random_target_from_mask",
]
