"""W+ codes: swap identity between two of them, rank what carries identity, choose targets, edit."""

from .channels import ramp_channels, top_channels
from .choose import Chosen, Keep, choose_targets, k_same_targets, parse_keeps
from .collision import IdentityBook
from .curves import Curves, channel_curves
from .edit import edit_codes, learn_direction, load_direction
from .rank import rank_family
from .ranking import Ranking, load_ranking, save_ranking
from .refine import project, refine_codes, refinement
from .swap import swap_channels, swap_layers
from .swapper import swap_codes
from .targets import random_targets

__all__ = [
    "Chosen",
    "Curves",
    "IdentityBook",
    "Keep",
    "Ranking",
    "channel_curves",
    "choose_targets",
    "edit_codes",
    "k_same_targets",
    "learn_direction",
    "load_direction",
    "load_ranking",
    "parse_keeps",
    "project",
    "ramp_channels",
    "random_targets",
    "rank_family",
    "refine_codes",
    "refinement",
    "save_ranking",
    "swap_channels",
    "swap_codes",
    "swap_layers",
    "top_channels",
]
