"""What a user may ask for, and who is left to judge."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from styleid.errors import InputError
from styleid.metrics import identity_distance
from styleid.privacy import Goal, calibrate, make_goal, stored_thresholds


def test_without_wishes_the_family_searches_and_judges_as_it_is(tiny_family):
    goal = make_goal(tiny_family)
    assert goal.tuners == (tiny_family.recogniser,) and goal.judge == tiny_family.judge


def test_a_distance_binds_those_who_search_and_leaves_the_judge(tiny_family):
    goal = make_goal(tiny_family, distance=1.1)
    assert goal.tuners[0].threshold == 1.1 and goal.judge.threshold == tiny_family.judge.threshold


def test_who_searches_does_not_judge(tiny_family):
    swapped = make_goal(tiny_family, recognisers=["judge"])
    assert swapped.tuners[0].name == "judge" and swapped.judge.name == "tuner"
    with pytest.raises(InputError, match="none is left to judge"):
        make_goal(tiny_family, recognisers=["judge", "tuner"])
    third = replace(tiny_family.recogniser, name="third")
    ensemble = make_goal(tiny_family, recognisers=["tuner", third])
    assert [one.name for one in ensemble.tuners] == ["tuner", "third"] and ensemble.judge.name == "judge"
    with pytest.raises(InputError, match="cannot be the judge"):
        Goal((tiny_family.judge,), tiny_family.judge)


def test_a_recogniser_of_the_manifest_can_be_named(tiny_family):
    goal = make_goal(tiny_family, recognisers=["embedded-judge"], far=1e-3)
    stored = stored_thresholds("embedded-judge")
    assert goal.tuners[0].threshold == stored[1e-3] < stored[1e-2]
    assert goal.judge.name == "judge"


def test_a_recogniser_without_a_threshold_needs_one(tiny_family, monkeypatch):
    monkeypatch.setattr("styleid.privacy.goal.load_network", lambda *_: tiny_family.recogniser.network)
    with pytest.raises(InputError, match="styleid calibrate w600k-r50"):
        make_goal(tiny_family, recognisers=["w600k-r50"])
    assert make_goal(tiny_family, recognisers=["w600k-r50"], distance=1.2).tuners[0].threshold == 1.2
    monkeypatch.setattr("styleid.privacy.goal.decision_threshold", lambda _: 1.1)
    assert make_goal(tiny_family, recognisers=["w600k-r50"]).tuners[0].threshold == 1.1


def test_a_rate_that_is_not_stored_is_measured_and_said(tiny_family):
    goal = make_goal(tiny_family, far=0.05)
    assert len(goal.notes) == 2 and "random identities" in goal.notes[0]
    assert goal.tuners[0].threshold == calibrate(tiny_family.recogniser, tiny_family, 0.05)


def test_measuring_thresholds_tells_its_progress_once_for_all_and_can_be_cancelled(tiny_family):
    steps = []
    make_goal(tiny_family, far=0.05, progress=lambda *step: steps.append(step))
    assert steps == [(done, 160) for done in range(8, 161, 8)]
    steps.clear()
    calibrate(tiny_family.judge, tiny_family, 0.05, people=12, progress=lambda *step: steps.append(step))
    assert steps == [(8, 12), (12, 12)]
    with pytest.raises(ZeroDivisionError):
        make_goal(tiny_family, far=0.05, progress=lambda done, total: 1 / 0)
    with pytest.raises(InputError):
        calibrate(tiny_family.judge, torch.zeros(0, 64, 64, 3), 0.1)


def test_calibration_counts_pairs_of_different_people(tiny_family, photograph):
    crops = torch.stack([photograph(64, 64, seed=i) for i in range(9)])  # 36 pairs
    recogniser = tiny_family.recogniser
    threshold = calibrate(recogniser, crops, 0.1)
    e = recogniser.embed(crops)
    distances = [float(identity_distance(e[i], e[j])) for i in range(9) for j in range(i)]
    fourth = sorted(distances)[3]  # below it lie 3 of 36, at most a tenth
    assert threshold == pytest.approx(fourth, rel=1e-4)
    with pytest.raises(InputError, match="at least 1000 pairs"):
        calibrate(recogniser, crops, 1e-3)


@pytest.mark.parametrize(
    "wish",
    [
        {"distance": 1.0, "far": 1e-3},
        {"distance": 0.0},
        {"distance": 2.5},
        {"far": 1.0},
        {"recognisers": ["nobody"]},
        {"recognisers": ["tuner", "tuner"]},
    ],
)
def test_goals_that_make_no_sense_raise(tiny_family, wish):
    with pytest.raises(InputError):
        make_goal(tiny_family, **wish)
