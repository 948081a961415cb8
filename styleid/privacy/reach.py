"""Reach a target: the least change of a face that passes every recogniser of a goal, in few generator passes.

The search varies channels, then layers, then the area, then the strength. It sees numbers only: a callable decodes
and measures. Every decoded face is measured in every area, because an area costs no generator pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .levels import Attempt, Search

__all__ = ["Probe", "Reached", "frontier", "frontier_rows", "reach"]


@dataclass(frozen=True)
class Probe:
    """One change of one face, measured.

    Attributes:
        attempt: the setting.
        target: which random identity, counted from 0.
        distances: by recogniser that searches: source to composite.
        swaps: by recogniser: reconstruction to decoded face, what the swap alone moves.
        margin: the smallest of all these distances over their thresholds; above 1 every recogniser is fooled, and
            not by what the encoder lost.
        change: mean absolute difference of the crop's pixels, 0..1.
        kept: share of the attributes on the same side of 0.5 as in the source; None without an attribute net.
        unmet: attributes that were asked for and are not met, `choice` being the combination that comes nearest, and
            `lacking` what its confidences lack in sum to be clear; see :class:`styleid.privacy.Wish`.
        turn: degrees by which the head turned, where a wish limits it; 0 where none does.
    """

    attempt: Attempt
    target: int
    distances: Mapping[str, float]
    swaps: Mapping[str, float]
    margin: float
    change: float
    kept: float | None = None
    unmet: tuple[str, ...] = ()
    choice: int = 0
    lacking: float = 0.0
    turn: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "distances", MappingProxyType(dict(self.distances)))
        object.__setattr__(self, "swaps", MappingProxyType(dict(self.swaps)))

    @property
    def passed(self) -> bool:
        return self.margin > 1


# Decodes one attempt and measures it in several areas; empty where a step failed.
Look = Callable[[Attempt, Sequence[str]], Sequence[Probe]]


@dataclass(frozen=True)
class Reached:
    """What a search found: every probe in the order of the search, and how many faces were decoded."""

    probes: tuple[Probe, ...]
    passes: int

    @property
    def passing(self) -> tuple[Probe, ...]:
        """All that pass, the least change first."""
        return tuple(sorted((p for p in self.probes if p.passed), key=lambda p: p.change))

    @property
    def best(self) -> Probe | None:
        """The least change that passes; None when nothing did."""
        return next(iter(self.passing), None)


def reach(look: Look, search: Search, *, channels: bool = True) -> Reached:
    """Search for the least change that passes.

    Args:
        look: decodes and measures; called at most ``search.passes`` times.
        search: what may be varied.
        channels: whether a channel ranking is there; without one the search begins with layers.
    """
    run = _Run(look, search)
    found = channels and run.fewest_channels()
    found = found or run.first_of(run.layers())
    found = found or run.first_of(run.stronger())
    if found:
        run.weakest_strength()
    return Reached(tuple(run.probes), run.passes)


def frontier(probes: Sequence[Probe]) -> tuple[Probe, ...]:
    """The probes that no other beats in both margin and attributes kept, by growing margin."""
    best: list[Probe] = []
    known = [p for p in probes if p.kept is not None]
    for probe in sorted(known, key=lambda p: (-p.margin, -(p.kept or 0))):
        if not best or probe.kept > best[-1].kept:
            best.append(probe)
    return tuple(reversed(best))


def frontier_rows(probes: Sequence[Probe], chosen: Probe | None = None) -> list[dict[str, Any]]:
    """One row per probe, plain values for JSON or CSV, the chosen one last.

    `frontier` says whether no other beats it. The chosen one is measured as it is joined, the others in haste.
    """
    every = [*probes, *([] if chosen is None else [chosen])]
    best = set(map(id, frontier(every)))
    knobs = ("method", "share", "widen", "area", "strength")
    return [
        {
            **{name: getattr(probe.attempt, name) for name in knobs},
            "target": probe.target,
            "margin": probe.margin,
            "passed": probe.passed,
            "kept": probe.kept,
            "change": probe.change,
            **{f"distance {name}": value for name, value in probe.distances.items()},
            "frontier": id(probe) in best,
            "chosen": probe is chosen,
        }
        for probe in every
    ]


@dataclass
class _Run:
    look: Look
    search: Search
    probes: list[Probe] = field(default_factory=list)
    passes: int = 0

    def tries(self, attempt: Attempt) -> bool:
        """Decode one attempt; whether it passes in any area. False when no pass is left."""
        if self.passes >= self.search.passes:
            return False
        self.passes += 1
        seen = self.look(attempt, self.search.areas)
        self.probes += seen
        return any(probe.passed for probe in seen)

    def fewest_channels(self) -> bool:
        """Bisect the share of channels below the largest, if that passes at all."""
        return self.bisect([self.at(method="channels", share=share) for share in self.search.shares])

    def layers(self) -> Iterator[Attempt]:
        return (self.at(method="layers", widen=widen) for widen in self.search.widen)

    def stronger(self) -> Iterator[Attempt]:
        strengths = (s for s in self.search.strengths if s > 1)
        return (self.at(method="layers", widen=self.search.widen[-1], strength=s) for s in strengths)

    def weakest_strength(self) -> None:
        """Bisect the strength of the least change found so far."""
        best = Reached(tuple(self.probes), self.passes).best.attempt
        knobs = {"method": best.method, "share": best.share, "widen": best.widen}
        weaker = [self.at(**knobs, strength=s) for s in self.search.strengths if s < best.strength]
        self.bisect(weaker)

    def first_of(self, attempts: Iterator[Attempt]) -> bool:
        return any(self.tries(attempt) for attempt in attempts)

    def bisect(self, attempts: Sequence[Attempt]) -> bool:
        """The weakest of growing attempts that passes, as far as passing grows with them; whether the last does."""
        if not attempts or not self.tries(attempts[-1]):
            return False
        low, high = -1, len(attempts) - 1  # low does not pass, high does
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.tries(attempts[middle]) else (middle, high)
        return True

    def at(self, **knobs: object) -> Attempt:
        return Attempt(area=self.search.areas[-1], **knobs)
