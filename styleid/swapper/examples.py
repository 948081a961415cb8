"""What SwapperNet learns from: random faces, and the pixel-space method's answer for each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError
from ..faces import region_mask
from ..pipeline.face import identity_layers
from ..pixel import masked_blend, random_target_from_mask
from ..randomness import derive_generator

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["Examples", "draw_examples"]

BATCH = 8
_VARIETY = 0.5  # of the layers of a source code, as a share of the distance between two identities


@dataclass(frozen=True, eq=False, repr=False)
class Examples:
    """Faces of nobody, with their ground truth. Codes are the encoder's, as those of photographs are.

    Attributes:
        w_s, w_r, w_truth: source, random identity and ground truth ``[N, L, 512]``.
        e_s, e_truth: the family's own recogniser on source and ground truth ``[N, D]``.
        a_s: attribute confidences of the source ``[N, A]``; A is 0 without an attribute net.
        j_s: the judge's embeddings of the source ``[N, D]``. For measuring only.
    """

    w_s: Tensor
    w_r: Tensor
    w_truth: Tensor
    e_s: Tensor
    e_truth: Tensor
    a_s: Tensor
    j_s: Tensor

    def __len__(self) -> int:
        return len(self.w_s)

    def __getitem__(self, index: Tensor | slice) -> Examples:
        return Examples(*(getattr(self, part.name)[index] for part in fields(self)))

    def ordinary(self) -> Examples:
        """The same, in tensors that training can use even if they were made in inference mode."""
        return Examples(*(getattr(self, part.name).clone() for part in fields(self)))

    def __repr__(self) -> str:
        return f"Examples(faces={len(self)})"


def draw_examples(
    family: Family, count: int, seed: int, *, area: str = "face",
    progress: Callable[[int, int], None] | None = None,
) -> Examples:  # fmt: skip
    """Draw random faces and change each by the pixel-space method (the paper, section 4.2).

    A source is a random identity whose layers wander apart as those of encoded photographs do; it is decoded and
    encoded again. Its ground truth is a random face with the same label map, its colours matched, blended over the
    source in ``area``, and encoded.

    Args:
        family: needs a parser and a segmentation encoder.
        count: faces.
        seed: of the random identities. They are nobody's and protect nobody, so it is no secret.
        progress: called with (faces done, faces in all).
    """
    if count < 1:
        raise InputError(f"At least one example is needed, found {count}.")
    parts = []
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        parts.append(_batch(family, size, derive_generator(seed, start), area))
        if progress is not None:
            progress(start + size, count)
    joined = [torch.cat([getattr(part, entry.name) for part in parts]) for entry in fields(Examples)]
    return Examples(*joined)


def _batch(family: Family, size: int, generator: torch.Generator, area: str) -> Examples:
    apart = family.random_w(size, generator) - family.random_w(size, generator)  # [N, L, 512]
    wander = torch.randn(size, apart.shape[1], 1, generator=generator)
    source = family.decode(family.random_w(size, generator) + _VARIETY * wander * apart)
    labels = family.parse(source)
    drawn = generator.get_state()
    target = random_target_from_mask(family, labels, generator, identity_layers(family, 1))
    generator.set_state(drawn)
    w_r = family.random_w(size, generator)  # the identity that the target was given
    face = region_mask(labels, "face")
    truth = masked_blend(source, target, region_mask(labels, area), face=face)
    attributes = (
        family.attribute_confidences(source) if family.attributes is not None else source.new_zeros(size, 0)
    )
    return Examples(
        w_s=family.encode(source),
        w_r=w_r,
        w_truth=family.encode(truth),
        e_s=family.recogniser.embed(source),
        e_truth=family.recogniser.embed(truth),
        a_s=attributes,
        j_s=family.judge.embed(source),
    )
