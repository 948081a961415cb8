"""Choose target identities: the best of several by disentanglement score, by attributes kept, or a mean of k."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError
from ..metrics import (
    Reference,
    attribute_distance,
    disentanglement_score,
    identity_distance,
    pairwise_identity_distance,
)
from .collision import IdentityBook
from .targets import random_targets

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["Chosen", "Keep", "choose_targets", "k_same_targets", "parse_keeps"]

BATCH = 8
STRICT = 0.5

Swap = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Keep:
    """An attribute that a new face must keep.

    ``strict`` 0..1: the confidence may move by at most ``1 - strict``; at 0 any change is fine.
    """

    name: str
    strict: float = STRICT

    def __post_init__(self) -> None:
        if not 0 <= self.strict <= 1:
            raise InputError(f"How strictly {self.name!r} is kept lies between 0 and 1, found {self.strict}.")


@dataclass(frozen=True, eq=False, repr=False)
class Chosen:
    """One target per face, and what swapping to it does.

    Attributes:
        codes: ``[N, L, 512]``.
        scores: ``[N]`` disentanglement scores.
        d_id, d_attr: ``[N]`` distances by the family's own recogniser and attribute net.
        unmet: per face, the attributes that no candidate could keep.
    """

    codes: Tensor
    scores: Tensor
    d_id: Tensor
    d_attr: Tensor
    unmet: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        return f"Chosen(faces={len(self.codes)})"


def parse_keeps(text: str) -> tuple[Keep, ...]:
    """Attributes from text, one per line or comma, the most important first: ``Male, Young 0.8``.

    A number after the name says how strictly, 0.5 by default. Raises InputError for anything else.
    """
    keeps = []
    for part in filter(None, (part.strip() for part in re.split(r"[,;\n]", text))):
        found = re.fullmatch(r"([A-Za-z0-9_]+)(?:\s*[:= ]\s*([01](?:\.\d*)?|\.\d+))?", part)
        if found is None:
            raise InputError(f"An attribute to keep is a name, and how strictly: 'Male 0.8', found {part!r}.")
        keeps.append(Keep(found[1], STRICT if found[2] is None else float(found[2])))
    return tuple(keeps)


def choose_targets(
    family: Family,
    w_s: Tensor,
    generators: Sequence[torch.Generator],
    swap: Swap,
    *,
    candidates: int = 12,
    keep: Sequence[Keep] = (),
    truncation: float = 1.0,
    alpha: float = 1.0,
    beta: float = 1.0,
    book: IdentityBook | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Chosen:
    """Draw ``candidates`` random identities per face and choose one by what swapping to it does.

    Without ``keep`` the best score wins. With it the choice is greedy: for one attribute after the other only the
    candidates that keep it go on, as long as any does; of those left the best score wins. Either way a candidate that
    moves the face past the recogniser's threshold, and is free in the book, is preferred to one that does not.

    Args:
        family: its recogniser and attribute net measure; its judge has no part.
        w_s: source codes ``[N, L, 512]``.
        generators: one per face, see :func:`styleid.latent.random_targets`.
        swap: ``(w_s, w_t) -> w_o``, the swap that will be made.
        candidates: drawn per face; each costs one generator pass.
        keep: attributes, the most important first.
        truncation, alpha, beta: of the draw, and of the score.
        book: of the family's recogniser; the chosen faces are added to it.
        progress: called with (candidates measured, candidates of all faces); an exception that it raises ends it.

    Raises:
        InputError: no candidate, not one generator per face, attributes that the family does not know,
            or a new face that is too near to one of the book whatever the candidate.
    """
    names = () if family.attributes is None else family.attributes.names
    unknown = [one.name for one in keep if one.name not in names]
    if candidates < 1 or unknown:
        raise InputError(
            f"Choosing needs at least one candidate and attributes that these models know ({', '.join(names)}); "
            f"found {candidates} candidates, unknown: {', '.join(unknown) or 'none'}."
        )
    if not len(w_s) == len({id(one) for one in generators}) == len(generators) > 0:
        raise InputError(
            f"Choosing needs a random generator of its own for every face: {len(w_s)} faces, {len(generators)} generators."
        )
    reference = _reference(family)
    picks, done = [], 0
    for source, generator in zip(w_s.split(1), generators, strict=True):
        drawn = family.random_w(candidates, generator, truncation).to(w_s)  # [C, L, 512]
        looks = []
        for part in swap(source.expand_as(drawn), drawn).split(BATCH):
            looks.append(_look(family, part))
            done += len(part)
            if progress is not None:
                progress(done, candidates * len(generators))
        after = tuple(map(torch.cat, zip(*looks, strict=True)))
        measured = _Measured.of(_look(family, source), after, reference, alpha, beta)
        best, unmet = measured.pick(keep, names, family.recogniser.threshold, book)
        if book is not None:
            book.add(measured.embeddings[best : best + 1])
        picks.append((drawn[best], measured.scores[best], measured.d_id[best], measured.d_attr[best], unmet))
    codes, scores, d_id, d_attr, unmet = zip(*picks, strict=True)
    return Chosen(torch.stack(codes), *(torch.stack(part) for part in (scores, d_id, d_attr)), unmet)


def k_same_targets(codes: Tensor, k: int) -> Tensor:
    """The mean of k codes for each face, shared by the k faces (k-same, Newton et al. 2005): ``[N, L, 512]``.

    Faces are grouped with their nearest neighbours; the last group takes what remains, so no group is smaller than k.

    Raises:
        InputError: k below 2, or more than there are codes.
    """
    if codes.dim() != 3 or not 2 <= k <= len(codes):
        raise InputError(
            f"A mean of k needs k of 2 or more and at least k codes, found k {k}, {len(codes)} codes."
        )
    flat, left = codes.flatten(1), list(range(len(codes)))
    means = torch.empty_like(codes)
    while left:
        distances = torch.cdist(flat[left[:1]], flat[left])[0]
        nearest = distances.argsort(stable=True)[: len(left) if len(left) < 2 * k else k].tolist()
        group = [left[index] for index in nearest]
        means[group] = codes[group].mean(0)
        left = [index for index in left if index not in set(group)]
    return means


@dataclass(frozen=True, eq=False, repr=False)
class _Measured:
    """What the candidates of one face do to it."""

    embeddings: Tensor  # [C, D]
    moved: Tensor  # [C, A] absolute change of each confidence
    scores: Tensor  # [C]
    d_id: Tensor  # [C]
    d_attr: Tensor  # [C]

    @classmethod
    def of(
        cls,
        source: tuple[Tensor, Tensor],
        new: tuple[Tensor, Tensor],
        reference: Reference,
        alpha: float,
        beta: float,
    ) -> _Measured:
        """From what `_look` sees of the face and of its candidates."""
        (embedding, before), (embeddings, after) = source, new
        d_id, d_attr = identity_distance(embedding, embeddings), attribute_distance(before, after)
        scores = disentanglement_score(
            d_id[:, None], d_attr[:, None], alpha=alpha, beta=beta, reference=reference
        )
        return cls(embeddings, (after - before).abs(), scores, d_id, d_attr)

    def pick(
        self, keep: Sequence[Keep], names: Sequence[str], threshold: float, book: IdentityBook | None
    ) -> tuple[int, tuple[str, ...]]:
        """The best candidate and what it does not keep."""
        left = torch.ones(len(self.scores), dtype=torch.bool)
        if book is not None:
            left = book.free(self.embeddings)
            if not bool(left.any()):
                raise InputError(
                    "Every candidate is too near to a face of the input or to an identity given out before. "
                    "Draw more candidates, or swap more."
                )
        unmet = []
        left = _narrowed(left, self.d_id > threshold)
        for one in keep:
            kept = self.moved[:, names.index(one.name)] <= 1 - one.strict
            left = _narrowed(left, kept)
            if not bool((left & kept).any()):
                unmet.append(one.name)
        return int(self.scores.masked_fill(~left, -torch.inf).argmax()), tuple(unmet)


def _narrowed(left: Tensor, good: Tensor) -> Tensor:
    both = left & good
    return both if bool(both.any()) else left


def _look(family: Family, codes: Tensor) -> tuple[Tensor, Tensor]:
    crops = family.decode(codes)
    attributes = crops.new_zeros(len(crops), 1)
    if family.attributes is not None:
        attributes = family.attribute_confidences(crops)
    return family.recogniser.embed(crops), attributes


def _reference(family: Family, samples: int = 16) -> Reference:
    """The constants of the family's ranking, else of a few random identities: nothing .. everything swapped."""
    if family.ranking is not None and "reference" in family.ranking.provenance:
        return Reference(**json.loads(family.ranking.provenance["reference"]))
    generators = [torch.Generator().manual_seed(number) for number in range(samples)]
    embeddings, attributes = _look(family, random_targets(family, generators))
    other = torch.arange(samples).roll(1)
    d_attr = float(attribute_distance(attributes, attributes[other]).mean())
    d_id = float(pairwise_identity_distance(embeddings, embeddings).sum() / (samples * (samples - 1)))
    return Reference(0.0, d_id, 0.0, d_attr or 1.0)
