"""Rank layer windows and channel blocks by identity disentanglement (StyleID, section 4.2), exactly: swap,
decode, measure.

Every pair of random identities is scored in both directions. The reference population of the normalisation is
these pairs with nothing swapped and with everything swapped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..metrics import Reference, attribute_distance, disentanglement_score, identity_distance
from ..randomness import derive_generator
from .ranking import Ranking
from .swap import swap_channels
from .targets import random_targets

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["rank_family"]

_BATCH = 8


@torch.inference_mode()
def rank_family(
    family: Family,
    *,
    pairs: int = 64,
    seed: int = 0,
    block: int = 256,
    max_window: int = 8,
    alpha: float = 1.0,
    beta: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> Ranking:
    """Rank with the recogniser and the attribute net of ``family`` (never with its judge).

    Args:
        family: its generator, recogniser and attribute net are used, at most 8 faces at a time.
        pairs: random identity pairs; each is swapped in both directions.
        seed: of the random identities; part of the provenance and no secret.
        block: channels per score, a divisor of the code's channels (1 ranks every channel and takes long).
        max_window: widest window of layers.
        alpha, beta: weights of the score, see :func:`styleid.metrics.disentanglement_score`.
        progress: called with (candidates done, candidates in all).

    Raises:
        InputError: numbers out of range, or networks that do not tell the random identities apart.
    """
    if pairs < 1 or max_window < 1:
        raise InputError(
            f"Ranking needs at least one pair and windows of one layer, found {pairs} and {max_window}."
        )
    population = _Population.draw(family, pairs, seed)
    count, channels = population.w_s.shape[1:]
    if block < 1 or channels % block:
        raise InputError(f"The block must divide {channels} channels, found {block}.")
    windows, blocks = _window_masks(count, min(max_window, count)), _block_masks(count, channels, block)
    scores = []
    for done, mask in enumerate([*windows.values(), *blocks], start=1):
        scores.append(population.score(mask.expand(count, channels), alpha, beta))
        if progress is not None:
            progress(done, len(windows) + len(blocks))
    window_scores = torch.full((min(max_window, count), count), torch.nan)
    for (width, start), score in zip(windows, scores, strict=False):
        window_scores[width - 1, start] = score
    channel_scores = torch.tensor(scores[len(windows) :]).view(count, channels // block)
    width, start = max(windows, key=lambda window: float(window_scores[window[0] - 1, window[1]]))
    provenance = _provenance(family, population.reference, pairs, seed, alpha, beta)
    return Ranking(tuple(range(start, start + width)), window_scores, channel_scores, block, provenance)


def _window_masks(count: int, widest: int) -> dict[tuple[int, int], Tensor]:
    """Mask [L, 1] of every window of consecutive layers, by (width, start)."""
    layer = torch.arange(count)[:, None]
    sizes = [(width, start) for width in range(1, widest + 1) for start in range(count - width + 1)]
    return {(width, start): (layer >= start) & (layer < start + width) for width, start in sizes}


def _block_masks(count: int, channels: int, block: int) -> list[Tensor]:
    """Mask [L, C] of every block of channels, layer by layer."""
    masks = []
    for layer in range(count):
        for first in range(0, channels, block):
            mask = torch.zeros(count, channels, dtype=torch.bool)
            mask[layer, first : first + block] = True
            masks.append(mask)
    return masks


@dataclass(frozen=True, eq=False, repr=False)
class _Population:
    """Pairs of random identities in both directions, with what the recogniser and the attribute net see in
    them.
    """

    family: Family
    w_s: Tensor  # [2P, L, C]
    w_t: Tensor  # [2P, L, C]
    embeddings: Tensor  # [2P, D] of the sources
    attributes: Tensor  # [2P, A] of the sources
    reference: Reference

    @classmethod
    def draw(cls, family: Family, pairs: int, seed: int) -> _Population:
        w_s = random_targets(family, [derive_generator(seed, i) for i in range(2 * pairs)])
        swapped = torch.arange(2 * pairs).roll(
            pairs
        )  # direction two: the pair's other identity is the source
        embeddings, attributes = _measure(family, w_s)
        d_id = identity_distance(embeddings, embeddings[swapped]).mean()
        d_attr = attribute_distance(attributes, attributes[swapped]).mean()
        reference = Reference(0.0, float(d_id), 0.0, float(d_attr))
        return cls(family, w_s, w_s[swapped], embeddings, attributes, reference)

    def score(self, mask: Tensor, alpha: float, beta: float) -> float:
        embeddings, attributes = _measure(self.family, swap_channels(self.w_s, self.w_t, mask))
        d_id = identity_distance(self.embeddings, embeddings)
        d_attr = attribute_distance(self.attributes, attributes)
        return float(disentanglement_score(d_id, d_attr, alpha=alpha, beta=beta, reference=self.reference))


def _measure(family: Family, codes: Tensor) -> tuple[Tensor, Tensor]:
    embeddings, attributes = [], []
    for part in codes.split(_BATCH):
        crops = family.decode(part)  # [n, S, S, 3]
        embeddings.append(family.recogniser.embed(crops))
        attributes.append(family.attribute_confidences(crops))
    return torch.cat(embeddings).cpu(), torch.cat(attributes).cpu()


def _provenance(
    family: Family, reference: Reference, pairs: int, seed: int, alpha: float, beta: float
) -> Mapping[str, str]:
    networks = {
        "generator": family.generator,
        "recogniser": family.recogniser.network,
        "attributes": family.attributes,
    }
    facts = {
        "family": family.name,
        "recogniser": family.recogniser.name,
        **{f"{name}_sha256": _digest(network) for name, network in networks.items()},
        "estimator": "exact",
        "pairs": str(pairs),
        "seed": str(seed),
        "alpha": repr(float(alpha)),
        "beta": repr(float(beta)),
        "reference": json.dumps(vars(reference)),
    }
    return MappingProxyType(facts)


def _digest(network: nn.Module) -> str:
    """sha256 of a network's tensors, whatever file they came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
