"""Feature-aware identity masking: a random face that shares the source's segmentation (the paper, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from ..latent import swap_layers

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["random_target_from_mask"]


def random_target_from_mask(
    family: Family, labels: torch.Tensor, generator: torch.Generator, layers: Iterable[int]
) -> torch.Tensor:
    """IMAGE crops [N, S, S, 3]: the label maps [N, S, S] (order A) decoded with a random identity in the given layers."""
    from_mask = family.encode_labels(labels)  # [N, L, 512]
    random = family.random_w(len(labels), generator)  # [N, L, 512]
    return family.decode(swap_layers(from_mask, random.to(from_mask), layers))
