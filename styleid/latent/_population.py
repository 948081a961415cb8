"""What a ranking is measured on: pairs of random identities, and the candidates that are swapped between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from ..metrics import Reference, attribute_distance, disentanglement_score, identity_distance
from ..randomness import derive_generator
from ._memo import Memo
from .swap import swap_channels
from .targets import random_targets

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["BATCH", "Candidate", "Population", "blocks", "windows"]

BATCH = 8


class Candidate(NamedTuple):
    """A set of neighbouring channels in neighbouring layers; the ends are not included."""

    first_layer: int
    end_layer: int
    first_channel: int
    end_channel: int

    def mask(self, layers: int, channels: int) -> Tensor:
        """Bool ``[L, C]``."""
        mask = torch.zeros(layers, channels, dtype=torch.bool)
        mask[self.first_layer : self.end_layer, self.first_channel : self.end_channel] = True
        return mask


def windows(layers: int, channels: int, widest: int) -> Iterator[Candidate]:
    """Every window of 1 .. ``widest`` consecutive layers."""
    for width in range(1, min(widest, layers) + 1):
        for start in range(layers - width + 1):
            yield Candidate(start, start + width, 0, channels)


def blocks(layers: int, channels: int, block: int) -> Iterator[Candidate]:
    """Every block of ``block`` channels, layer by layer."""
    for layer in range(layers):
        for first in range(0, channels, block):
            yield Candidate(layer, layer + 1, first, first + block)


@dataclass(frozen=True, eq=False, repr=False)
class Population:
    """P pairs of random identities, each in both directions, with what the recogniser and the attribute net see in
    them. The reference of the scores are these pairs with nothing swapped and with everything swapped.
    """

    family: Family
    w_s: Tensor  # [2P, L, C]
    w_t: Tensor  # [2P, L, C]
    embeddings: Tensor  # [2P, D] of the sources
    attributes: Tensor  # [2P, A] of the sources
    reference: Reference

    @classmethod
    def draw(cls, family: Family, pairs: int, seed: int) -> Population:
        """Raises InputError where the networks do not tell the identities apart."""
        w_s = random_targets(family, [derive_generator(seed, i) for i in range(2 * pairs)])
        other = torch.arange(2 * pairs).roll(pairs)  # each identity is the target of its partner
        embeddings, attributes = _measure(family, map(family.decode, w_s.split(BATCH)))
        d_id = identity_distance(embeddings, embeddings[other]).mean()
        d_attr = attribute_distance(attributes, attributes[other]).mean()
        reference = Reference(0.0, float(d_id), 0.0, float(d_attr))
        return cls(family, w_s, w_s[other], embeddings, attributes, reference)

    def distances(self, mask: Tensor) -> Tensor:
        """Mean identity and attribute distance ``[2]`` after a swap of ``mask`` ``[L, C]``."""
        return self.distances_of(lambda w_s, w_t: self.family.decode(swap_channels(w_s, w_t, mask)))

    def distances_of(self, swap: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The same after ``swap``, which makes crops of a few source and target codes."""
        pairs = zip(self.w_s.split(BATCH), self.w_t.split(BATCH), strict=True)
        embeddings, attributes = _measure(self.family, (swap(w_s, w_t) for w_s, w_t in pairs))
        d_id = identity_distance(self.embeddings, embeddings)
        d_attr = attribute_distance(self.attributes, attributes)
        return torch.stack([d_id.mean(), d_attr.mean()])

    def exact(self, candidates: Sequence[Candidate], memo: Memo, step: Callable[[], None]) -> Tensor:
        """Mean distances ``[K, 2]`` of every candidate; ``step`` is called after each."""
        shape = self.w_s.shape[1:]
        result = []
        for candidate in candidates:
            name = "exact " + " ".join(map(str, candidate))
            result.append(memo.get(name, lambda c=candidate: self.distances(c.mask(*shape))))
            step()
        return torch.stack(result)

    def scores(self, distances: Tensor, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
        """Disentanglement scores ``[...]`` of mean distances ``[..., 2]``."""
        d_id, d_attr = distances[..., None, :].unbind(-1)  # one pair each: they are means already
        return disentanglement_score(d_id, d_attr, alpha=alpha, beta=beta, reference=self.reference)


def _measure(family: Family, batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Embeddings ``[N, D]`` and attribute confidences ``[N, A]`` of crops, on the CPU."""
    embeddings, attributes = [], []
    for crops in batches:  # [n, S, S, 3]
        embeddings.append(family.recogniser.embed(crops))
        attributes.append(family.attribute_confidences(crops))
    return torch.cat(embeddings).cpu(), torch.cat(attributes).cpu()
