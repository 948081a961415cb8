"""Which candidates a face is offered, in which order: a ladder, the least change, or the wanted attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..privacy.levels import Attempt, Search
from ..privacy.plan import Wish
from ..privacy.reach import Probe, reach
from .probe import Prober
from .settings import Settings

if TYPE_CHECKING:
    from .face import Candidate, SourceFace

__all__ = ["CHOICES", "TARGETS", "kept_by_level", "proposals"]

# Random identities that are tried, and how many times as many where they do hide the face, but are refused: one may lie
# near the source or near another face, and the new faces of one picture share its light.
TARGETS, MORE = 5, 6
# Random identities of which one is chosen by the attributes that its level keeps.
CHOICES = 12
# Degrees by which the head may turn, where a level keeps attributes.
TURN = 3.0


def proposals(prober: Prober, settings: Settings) -> Iterator[Candidate]:
    """Candidates that every recogniser of the goal takes for somebody else, the preferred first."""
    if prober.wish is not None:
        probes = _wished(prober, prober.wish, settings.attempts)
    elif settings.search is not None:
        probes = _least(prober, settings.search, settings.attempts[-1])
    else:
        probes = _ladder(prober, settings.attempts, range(MORE * TARGETS))
    return (one for one in map(prober.candidate, probes) if one.probe.passed)


def kept_by_level(source: SourceFace, settings: Settings) -> Wish | None:
    """That the attributes which the level keeps stay on their side, those that the attribute net knows."""
    network = settings.family.attributes
    if network is None:
        return None
    has = dict(zip(network.names, (source.attributes[0] >= 0.5).tolist(), strict=True))
    kept = {name: has[name] for name in settings.keeps if name in has}
    return Wish(choices=(kept,), tries=CHOICES, turn=TURN) if kept else None


def _ladder(prober: Prober, attempts: Sequence[Attempt], targets: range) -> Iterator[Probe]:
    """Each identity with the weakest attempt that passes, while they are refused; then with the stronger ones."""
    passed: dict[int, int] = {}
    for target in targets:
        if target >= targets.start + TARGETS and not passed:
            return  # more of them would not help
        for number, attempt in enumerate(attempts):
            if probes := [p for p in prober.look(attempt, [attempt.area], target) if p.passed]:
                passed[target] = number
                yield from probes
                break
        prober.forget()
    for target, number in passed.items():
        for attempt in attempts[number + 1 :]:
            yield from (p for p in prober.look(attempt, [attempt.area], target) if p.passed)
        prober.forget()


def _least(prober: Prober, search: Search, last: Attempt) -> Iterator[Probe]:
    """The least change with the first identity; when the judge refuses all that passed, with the next one; then `last`."""
    for target in range(TARGETS):
        look: Callable[..., list[Probe]] = partial(prober.look, target=target)
        reached = reach(look, search, channels=prober.family.ranking is not None)
        prober.searched += reached.probes
        yield from reached.passing
        prober.forget()
    yield from _ladder(prober, [last], range(MORE * TARGETS))


def _wished(prober: Prober, wish: Wish, attempts: Sequence[Attempt]) -> Iterator[Probe]:
    """The first identity that clearly meets what is wanted most, else the one that comes nearest, and among those which
    meet as much the one whose head turns least, where a turn is limited; then stronger attempts.
    """
    others: list[Probe] = []
    for target in range(wish.skip, wish.skip + wish.tries):
        for probe in _ladder(prober, attempts[:1], range(target, target + 1)):
            if not probe.unmet:  # in haste; joined to the source as it will be, it may show something else
                probe = prober.candidate(probe).probe
            if probe.unmet or probe.choice or probe.lacking or probe.turn > wish.turn:
                others.append(probe)
            else:
                yield probe
    yield from sorted(others, key=lambda probe: (len(probe.unmet), probe.choice, probe.turn, probe.lacking))
    yield from _ladder(prober, attempts[1:], range(MORE * TARGETS))
