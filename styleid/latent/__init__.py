"""W+ codes: swap identity between two of them, rank what carries identity, draw random identities."""

from .channels import top_channels
from .rank import rank_family
from .ranking import Ranking, load_ranking, save_ranking
from .swap import swap_channels, swap_layers
from .targets import random_targets

__all__ = [
    "Ranking",
    "load_ranking",
    "random_targets",
    "rank_family",
    "save_ranking",
    "swap_channels",
    "swap_layers",
    "top_channels",
]
