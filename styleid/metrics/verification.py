"""Verification: does a recogniser still tell pairs of one person from pairs of two? ROC, AUC, EER, TAR at FAR.

A pair is accepted ("one person") below a distance. FAR is the share of pairs of different people that are accepted, TAR
the share of pairs of one person. For a privacy tool low rates are good: 0.5 is the AUC of guessing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError

__all__ = ["FARS", "Interval", "Pairs", "Roc", "Verification", "bootstrap_mean", "roc", "verify_pairs"]

FARS = (1e-1, 1e-2, 1e-3, 1e-4)
RESAMPLES = 500


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % bootstrap interval; no interval (None) where there are too few people to resample."""

    value: float
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, eq=False, repr=False)
class Pairs:
    """Compared pairs: `distances` [P] and the identities [P] (integers) of both sides; equal ones are genuine pairs."""

    distances: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def __post_init__(self) -> None:
        for name, kind in (("distances", np.float64), ("first", np.int64), ("second", np.int64)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        if self.distances.ndim != 1 or not self.distances.shape == self.first.shape == self.second.shape:
            raise InputError(
                "Pairs are three lists of one length: distances and the identities of both sides."
            )
        _check(self.distances)

    @property
    def genuine(self) -> np.ndarray:
        """bool [P]."""
        return self.first == self.second


@dataclass(frozen=True, eq=False, repr=False)
class Roc:
    """`far` and `tar` [T], both growing, at the distances `thresholds` [T] below which (inclusive) a pair is accepted."""

    far: np.ndarray
    tar: np.ndarray
    thresholds: np.ndarray

    @property
    def auc(self) -> float:
        return float(np.trapezoid(self.tar, self.far))

    @property
    def eer(self) -> float:
        """The rate at which false accepts and false rejects are equally frequent, interpolated linearly."""
        return _eer(self.far, self.tar)

    def tar_at(self, far: float) -> float:
        """The highest TAR of a threshold whose FAR is at most `far`."""
        return _tar_at(self.far, self.tar, far)


@dataclass(frozen=True, eq=False, repr=False)
class Verification:
    """The rates over pairs. `tar` holds None at a FAR that needs more pairs of different people than there are."""

    roc: Roc
    auc: Interval
    eer: Interval
    tar: dict[float, Interval | None]
    genuine: int
    impostor: int


def roc(genuine: ArrayLike, impostor: ArrayLike) -> Roc:
    """The curve of distances between pictures of one person (`genuine` [G]) and of two (`impostor` [I]).

    The values are scikit-learn's, for the score "minus the distance". Raises InputError for empty lists, NaN, infinite or
    negative distances: a face that was not found has none.
    """
    from sklearn.metrics import roc_curve

    same, different = (np.asarray(d, dtype=np.float64).ravel() for d in (genuine, impostor))
    if not len(same) or not len(different):
        raise InputError(
            f"A ROC needs pairs of one person and pairs of two, found {len(same)} and {len(different)}."
        )
    _check(same)
    _check(different)
    labels = np.concatenate([np.ones(len(same)), np.zeros(len(different))])
    far, tar, scores = roc_curve(labels, -np.concatenate([same, different]), drop_intermediate=False)
    return Roc(far, tar, -scores)


def verify_pairs(
    pairs: Pairs,
    *,
    fars: Sequence[float] = FARS,
    resamples: int = RESAMPLES,
    rng: np.random.Generator | None = None,
) -> Verification:
    """All rates of compared pairs, with intervals from resampling the *identities* (not the pairs, which depend on each
    other): a person drawn m times counts m times, a pair of two people as the product of both counts.

    Args:
        pairs: at least one genuine and one impostor pair.
        fars: false-accept rates; each needs 1 / far pairs of different people.
        resamples: bootstrap rounds; 0 leaves the intervals out.
        rng: of the bootstrap; by default one with a fixed start, so that a report can be repeated.

    Raises:
        InputError: no pair of one person, or none of two.
    """
    genuine = pairs.genuine
    curve = roc(pairs.distances[genuine], pairs.distances[~genuine])
    impostors = int((~genuine).sum())
    known = [far for far in fars if impostors * far >= 1 - 1e-9]
    rates = [curve.auc, curve.eer, *(curve.tar_at(far) for far in known)]
    rounds = _resampled(pairs, known, resamples, rng or np.random.default_rng(0))  # [R, 2 + F]
    auc, eer, *tars = (_interval(rate, rounds[:, n]) for n, rate in enumerate(rates))
    table: dict[float, Interval | None] = dict.fromkeys(fars)
    table.update(zip(known, tars, strict=True))
    return Verification(curve, auc, eer, table, int(genuine.sum()), impostors)


def bootstrap_mean(
    values: ArrayLike,
    identities: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    rng: np.random.Generator | None = None,
) -> Interval:
    """The mean of `values` [N] with an interval from resampling the `identities` [N] that they belong to.

    Raises InputError for no value, another number of identities, and values that are not finite.
    """
    values, identities = np.asarray(values, dtype=np.float64), np.asarray(identities)
    if values.ndim != 1 or not len(values) or values.shape != identities.shape:
        raise InputError(
            f"A mean needs values [N] and as many identities, found {list(values.shape)}, {list(identities.shape)}."
        )
    if not np.isfinite(values).all():
        raise InputError("A mean over NaN or infinite values says nothing: leave out what was not measured.")
    rng = rng or np.random.default_rng(0)
    _, index = np.unique(identities, return_inverse=True)
    people = int(index.max()) + 1
    sums, counts = np.bincount(index, values), np.bincount(index)
    if people < 2:
        return Interval(float(values.mean()))
    drawn = rng.multinomial(people, np.full(people, 1 / people), size=resamples)  # [R, people]
    return _interval(float(values.mean()), drawn @ sums / (drawn @ counts))


def _resampled(pairs: Pairs, fars: Sequence[float], resamples: int, rng: np.random.Generator) -> np.ndarray:
    """AUC, EER and TARs [R, 2 + F] of the resamples that hold pairs of both kinds."""
    people, both = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
    order = np.argsort(pairs.distances, kind="stable")
    first, second = both[: len(order)][order], both[len(order) :][order]
    same, distances = pairs.genuine[order], pairs.distances[order]
    ends = np.append(np.flatnonzero(np.diff(distances)), len(distances) - 1)  # equal distances fall together
    rounds = []
    for _ in range(resamples if len(people) > 1 else 0):
        times = rng.multinomial(len(people), np.full(len(people), 1 / len(people)))
        accepted = np.cumsum(np.where(same, times[first], 0))[ends]
        false = np.cumsum(np.where(same, 0, times[first] * times[second]))[ends]
        if accepted[-1] and false[-1]:
            tar, far = (np.append(0.0, curve / curve[-1]) for curve in (accepted, false))
            rates = [float(np.trapezoid(tar, far)), _eer(far, tar), *(_tar_at(far, tar, f) for f in fars)]
            rounds.append(rates)
    return np.array(rounds).reshape(-1, 2 + len(fars))


def _interval(value: float, rounds: np.ndarray) -> Interval:
    if len(rounds) < 20:  # percentiles of fewer say nothing
        return Interval(value)
    low, high = np.percentile(rounds, (2.5, 97.5))
    return Interval(value, float(low), float(high))


def _eer(far: np.ndarray, tar: np.ndarray) -> float:
    gap = far + tar - 1  # FAR minus FRR: grows from -1 to 1
    after = int(np.argmax(gap >= 0))
    low, high = gap[after - 1], gap[after]
    share = -low / (high - low)
    return float(far[after - 1] + share * (far[after] - far[after - 1]))


def _tar_at(far: np.ndarray, tar: np.ndarray, limit: float) -> float:
    return float(tar[np.searchsorted(far, limit + 1e-12, side="right") - 1])


def _check(distances: np.ndarray) -> None:
    if not (np.isfinite(distances) & (distances >= 0)).all():
        raise InputError(
            "Distances must be finite and not negative: a face that was not found has no distance."
        )
