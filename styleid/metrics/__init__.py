"""What was hidden and what was kept."""

from .attributes import attribute_distance, attributes_preserved
from .disentanglement import Reference, disentanglement_score
from .identity import cosine_similarity, identity_distance, pairwise_identity_distance, threshold_at_far

__all__ = [
    "Reference",
    "attribute_distance",
    "attributes_preserved",
    "cosine_similarity",
    "disentanglement_score",
    "identity_distance",
    "pairwise_identity_distance",
    "threshold_at_far",
]
