"""Re-identification: an attacker searches a gallery for the person of a probe, with a recogniser.

The naive attacker holds anonymised probes and a gallery of clean pictures; the parrot attacker anonymises the gallery as
well. A probe in which no face was found cannot be searched for: rates are given over the found faces, and
conservatively, as if each missed one had been recognised (another detector may find it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .verification import FARS, RESAMPLES, Interval, Pairs, Verification, bootstrap_mean, verify_pairs

__all__ = ["FaceSet", "Reidentification", "cmc", "compared_pairs", "reidentify", "search_ranks"]

MOST_PAIRS = 500_000  # of each kind that are kept; of more, a random sample
_ROWS = 512  # of the distance table at a time


@dataclass(frozen=True, eq=False, repr=False)
class FaceSet:
    """Faces as one recogniser sees them.

    Attributes:
        embeddings: ``[N, D]``; a row of NaN is a face that was not found.
        identities: integers ``[N]``, who it is.
        pictures: integers ``[N]``, which face of which picture it is: a probe and a gallery face with one number are the
            same face before and after. By default 0 .. N - 1.
    """

    embeddings: Tensor
    identities: Tensor
    pictures: Tensor | None = None
    found: Tensor = field(init=False)

    def __post_init__(self) -> None:
        embeddings = torch.as_tensor(self.embeddings).detach().float().cpu()
        identities = torch.as_tensor(self.identities).cpu().long()
        pictures = (
            torch.arange(len(embeddings)) if self.pictures is None else torch.as_tensor(self.pictures).long()
        )
        expected = embeddings.shape[:1]
        if embeddings.ndim != 2 or not len(embeddings) or not identities.shape == pictures.shape == expected:
            raise InputError(
                f"Faces are embeddings [N, D] with N identities, found {list(embeddings.shape)} and "
                f"{list(identities.shape)}."
            )
        found = torch.isfinite(embeddings).all(1) & (embeddings.norm(dim=1) > 0)
        unit = torch.nn.functional.normalize(embeddings, dim=1)
        for name, value in (
            ("embeddings", unit), ("identities", identities), ("pictures", pictures), ("found", found),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.embeddings)

    def __repr__(self) -> str:
        return f"FaceSet({len(self)} faces, {int(self.found.sum())} found)"


@dataclass(frozen=True, eq=False, repr=False)
class Reidentification:
    """One attack.

    Attributes:
        verification: ROC, AUC, EER and TAR at FAR over pairs of found faces; None without pairs of both kinds.
        pairs_missed: genuine pairs of which a face was not found.
        ranks: integers ``[P]``: the place of the probe's identity among the gallery's, 1 is the first; 0 for a probe that
            was not found or whose person is in the gallery only in pictures without a found face.
        ties: integers ``[P]``: how many other identities are just as near. `ranks` is the first of the places that they
            share; rates are what is expected of a random order among them, so faces that are all alike give guessing.
        identities: integers ``[P]`` of these probes.
        gallery: number of identities in the gallery.
        without_mate: probes whose person is not in the gallery; they are left out.
    """

    verification: Verification | None
    pairs_missed: int
    ranks: np.ndarray
    ties: np.ndarray
    identities: np.ndarray
    gallery: int
    without_mate: int

    @property
    def probes(self) -> int:
        return len(self.ranks)

    @property
    def missed(self) -> int:
        """Probes that could not be searched for."""
        return int((self.ranks == 0).sum())

    def rank(self, k: int) -> Interval | None:
        """Share of the found probes whose person is among the first `k` identities; None when none was found."""
        found = self.ranks > 0
        if not found.any():
            return None
        return bootstrap_mean(_within(self.ranks, self.ties, k)[found], self.identities[found])

    def rank_conservative(self, k: int) -> Interval | None:
        """The same over all probes, each missed one taken for recognised."""
        return bootstrap_mean(_within(self.ranks, self.ties, k), self.identities) if len(self.ranks) else None

    def conservative(self, rate: Interval) -> Interval:
        """An AUC or TAR over found pairs, as if each missed genuine pair had been accepted at every threshold."""
        found = self.verification.genuine if self.verification is not None else 0
        values = (rate.value, rate.low, rate.high)
        total = found + self.pairs_missed
        return Interval(*(None if v is None else (v * found + self.pairs_missed) / total for v in values))


def reidentify(
    probes: FaceSet,
    gallery: FaceSet | None = None,
    *,
    own_picture: bool = True,
    fars: Sequence[float] = FARS,
    resamples: int = RESAMPLES,
) -> Reidentification:
    """Attack `probes` with a `gallery`.

    Args:
        probes: the pictures whose people the attacker wants to know.
        gallery: pictures of known people; None compares the probes with each other, each with all but itself.
        own_picture: whether the attacker holds the very picture that a probe was made from. False leaves pairs with one
            number in `pictures` out.
        fars, resamples: see :func:`verify_pairs`.

    Raises:
        InputError: embeddings of different lengths.
    """
    ranks, ties, mates = search_ranks(probes, gallery, own_picture=own_picture)
    pairs, missed = compared_pairs(probes, gallery, own_picture=own_picture)
    enough = pairs.genuine.any() and not pairs.genuine.all()
    people = probes if gallery is None else gallery
    return Reidentification(
        verification=verify_pairs(pairs, fars=fars, resamples=resamples) if enough else None,
        pairs_missed=missed,
        ranks=ranks[mates].numpy(),
        ties=ties[mates].numpy(),
        identities=probes.identities[mates].numpy(),
        gallery=len(people.identities.unique()),
        without_mate=int((~mates).sum()),
    )


def search_ranks(
    probes: FaceSet, gallery: FaceSet | None = None, *, own_picture: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Closed-set search by identity: an identity is as far as its nearest picture.

    Returns:
        ranks: integers ``[P]``, 1 for the nearest identity, before its ties; 0 where there is no measured mate.
        ties: integers ``[P]``, other identities at the same distance.
        mates: bool ``[P]``, whether the probe's person is in the gallery at all, found or not.
    """
    names, index = torch.unique((gallery or probes).identities, return_inverse=True)
    ranks, ties = torch.zeros(2, len(probes), dtype=torch.long)
    mates = torch.zeros(len(probes), dtype=torch.bool)
    for rows, distances, allowed in _tables(probes, gallery, own_picture):
        near = torch.full((len(rows), len(names)), torch.inf)
        near.scatter_reduce_(1, index.expand_as(distances), distances, "amin")  # [n, identities]
        own = names[None] == probes.identities[rows, None]
        mine = near.masked_fill(~own, torch.inf).amin(1, keepdim=True)  # [n, 1]
        measured = torch.isfinite(mine[:, 0])
        ranks[rows] = torch.where(measured, 1 + (near < mine).sum(1), 0)
        ties[rows] = torch.where(measured, ((near == mine) & ~own).sum(1), 0)
        same = (gallery or probes).identities[None] == probes.identities[rows, None]
        mates[rows] = (same & allowed).any(1)
    return ranks, ties, mates


def cmc(
    ranks: Sequence[int] | np.ndarray | Tensor, most: int, ties: Sequence[int] | np.ndarray | Tensor | int = 0
) -> np.ndarray:
    """Cumulative match characteristic ``[most]``: share of the searched probes (rank above 0) whose person is among the
    first 1 .. `most`, expected over the order of their `ties`. Raises InputError when no probe was searched for.
    """
    ranks = np.asarray(ranks)
    ties = np.broadcast_to(np.asarray(ties), ranks.shape)
    found = ranks > 0
    if not found.any() or most < 1:
        raise InputError("No probe was found, so there is no search to sum up.")
    return np.array([_within(ranks[found], ties[found], k).mean() for k in range(1, most + 1)])


def _within(ranks: np.ndarray, ties: np.ndarray, k: int) -> np.ndarray:
    """Chance ``[P]`` that a probe's person is among the first `k` when ties are put in a random order."""
    return np.clip((k + 1 - ranks) / (1 + ties), 0, 1)


def compared_pairs(
    probes: FaceSet, gallery: FaceSet | None = None, *, own_picture: bool = True
) -> tuple[Pairs, int]:
    """All pairs of found faces (a random sample of each kind beyond 500,000), and the number of genuine pairs that
    could not be compared because a face was not found.
    """
    other = gallery or probes
    total = len(probes) * len(other)
    keep_share = min(1.0, MOST_PAIRS / total) if total > 2 * MOST_PAIRS else 1.0
    rng = torch.Generator().manual_seed(0)
    parts, missed = [], 0
    for rows, distances, allowed in _tables(probes, gallery, own_picture):
        if gallery is None:  # each pair once
            allowed = allowed & (torch.arange(len(other))[None] > rows[:, None])
        same = other.identities[None] == probes.identities[rows, None]
        measured = torch.isfinite(distances)
        missed += int((same & allowed & ~measured).sum())
        kept = allowed & measured
        if keep_share < 1:
            kept &= same | (torch.rand(kept.shape, generator=rng) < keep_share)
        row, column = kept.nonzero(as_tuple=True)
        parts.append((distances[row, column], probes.identities[rows][row], other.identities[column]))
    distances, first, second = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
    return Pairs(distances, first, second), missed


def _tables(
    probes: FaceSet, gallery: FaceSet | None, own_picture: bool
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """(rows, distances [n, G], allowed [n, G]) of a few probes at a time; the distance of a pair that is not allowed, or
    of which a face was not found, is infinite."""
    other = gallery or probes
    if probes.embeddings.shape[1] != other.embeddings.shape[1]:
        raise InputError("Probes and gallery must be embeddings of one recogniser.")
    for start in range(0, len(probes), _ROWS):
        rows = torch.arange(start, min(start + _ROWS, len(probes)))
        distances = torch.cdist(
            probes.embeddings[rows].nan_to_num(),
            other.embeddings.nan_to_num(),
            compute_mode="donot_use_mm_for_euclid_dist",
        )
        allowed = torch.ones_like(distances, dtype=torch.bool)
        if gallery is None or not own_picture:
            allowed = probes.pictures[rows, None] != other.pictures[None]
        measured = probes.found[rows, None] & other.found[None] & allowed
        yield rows, distances.masked_fill(~measured, torch.inf), allowed
