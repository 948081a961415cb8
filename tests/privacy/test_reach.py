"""The search for the least change, on made-up faces whose distances are formulas."""

from __future__ import annotations

from dataclasses import replace

import pytest

from styleid.privacy import SEARCH, Attempt, Probe, frontier, reach

AREAS = {"eyes": 0.5, "face": 1.0}
SEARCHED = replace(SEARCH, areas=tuple(AREAS))


def moved(attempt: Attempt) -> float:
    """How far this attempt would move the identity: more channels, wider layers, more strength, a larger area."""
    amount = attempt.share if attempt.method == "channels" else 0.6 + 0.1 * attempt.widen
    return amount * attempt.strength * AREAS[attempt.area]


class MadeUp:
    """Passes where the distance exceeds `limit`; remembers what was decoded."""

    def __init__(self, limit: float) -> None:
        self.limit, self.decoded = limit, []

    def __call__(self, attempt, areas):
        self.decoded.append(replace(attempt, area=""))
        settings = [replace(attempt, area=area) for area in areas]
        return [Probe(a, 0, {}, {}, moved(a) / self.limit, moved(a), 1 - moved(a) / 2) for a in settings]


def everything() -> list[Attempt]:
    """Every setting that the search may reach."""
    channels = [{"method": "channels", "share": share} for share in SEARCHED.shares]
    layers = [{"method": "layers", "widen": widen} for widen in SEARCHED.widen]
    return [
        Attempt(area=area, strength=strength, **knobs)
        for knobs in (*channels, *layers)
        for strength in SEARCHED.strengths
        for area in AREAS
    ]


@pytest.mark.parametrize("limit", [0.03, 0.1, 0.22, 0.4, 0.52])
def test_little_is_changed_where_little_suffices(limit):
    look = MadeUp(limit)
    found = reach(look, SEARCHED)
    assert found.passes == len(look.decoded) <= 12
    assert found.best.passed and found.best.attempt.method == "channels"
    least = min(moved(a) for a in everything() if moved(a) > limit)
    assert found.best.change <= least + 0.04  # one step of the grid of channels


def test_an_area_costs_no_generator_pass():
    look = MadeUp(0.1)
    found = reach(look, SEARCHED)
    assert len(found.probes) == len(AREAS) * found.passes
    assert len(look.decoded) == len(set(look.decoded))


@pytest.mark.parametrize(("limit", "method", "strength"), [(0.7, "layers", 1.0), (1.2, "layers", 1.25)])
def test_layers_and_then_strength_follow_where_channels_do_not_suffice(limit, method, strength):
    found = reach(MadeUp(limit), SEARCHED)
    assert found.best.attempt.method == method and found.passes <= 12
    assert found.best.attempt.strength <= strength and found.best.change > limit


def test_without_a_ranking_no_channels_are_tried():
    look = MadeUp(0.1)
    assert reach(look, SEARCHED, channels=False).best.attempt.method == "layers"
    assert all(attempt.method == "layers" for attempt in look.decoded)


def test_what_cannot_be_reached_is_not_reached():
    found = reach(MadeUp(5.0), SEARCHED)
    assert found.best is None and not found.passing and 0 < found.passes <= 12


def test_a_step_that_fails_passes_nothing():
    found = reach(lambda attempt, areas: [], SEARCHED)
    assert found.best is None and found.probes == () and found.passes <= 12


@pytest.mark.parametrize("passes", [1, 3, 6])
def test_the_budget_is_kept(passes):
    look = MadeUp(0.1)
    assert reach(look, replace(SEARCHED, passes=passes)).passes == len(look.decoded) <= passes


def test_the_frontier_holds_what_nothing_beats():
    def probe(margin, kept):
        return Probe(Attempt(method="channels", area="face"), 0, {}, {}, margin, 0.1, kept)

    good = [probe(0.5, 1.0), probe(1.1, 0.9), probe(1.5, 0.6)]
    beaten = [probe(1.0, 0.8), probe(1.1, 0.7), probe(0.4, 1.0)]
    assert list(frontier([*beaten, *reversed(good)])) == good
    assert frontier([probe(1.0, None)]) == ()
