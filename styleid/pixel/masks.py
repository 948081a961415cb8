"""Feature-aware identity masking: a random face that shares the source's segmentation (the paper, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch

from ..errors import InputError
from ..latent import swap_layers

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["random_target_from_mask"]


def random_target_from_mask(
    family: Family,
    labels: torch.Tensor,
    generator: torch.Generator,
    layers: Iterable[int],
    *,
    source: torch.Tensor | None = None,
    candidates: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """IMAGE crops [N, S, S, 3]: the label maps [N, S, S] (order A) decoded with a random identity in the given layers.

    With `source`, the crops [N, H, H, 3] that the labels are of, it is of so many candidates the one whom the family's
    recogniser takes least for the source. InputError: no candidate, or another number of crops than of labels.
    `progress` is called with (candidates done, candidates in all) where there is a choice; an exception that it raises
    ends it.
    """
    if candidates < 1 or (source is not None and len(source) != len(labels)):
        raise InputError(
            f"At least one candidate, and one source crop per label map are needed, found {candidates} candidates and "
            f"{'no' if source is None else len(source)} crops for {len(labels)} maps."
        )
    layers = tuple(layers)
    from_mask = family.encode_labels(labels)  # [N, L, 512]

    def drawn() -> torch.Tensor:
        random = family.random_w(len(labels), generator)  # [N, L, 512]
        return family.decode(swap_layers(from_mask, random.to(from_mask), layers))

    if source is None:
        return drawn()
    own = family.recogniser.embed(source)
    best = furthest = own.new_tensor(-1.0)  # nearer than any
    for done in range(1, candidates + 1):
        faces = drawn()
        distance = (family.recogniser.embed(faces) - own).norm(dim=1)[:, None, None, None]
        best, furthest = torch.where(distance > furthest, faces, best), torch.maximum(distance, furthest)
        if progress is not None:
            progress(done, candidates)
    return best
