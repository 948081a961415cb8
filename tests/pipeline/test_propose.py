"""How a face is offered candidates, on tiny networks."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from styleid.metrics.geometry import MEAN_FACE
from styleid.pipeline.face import look_at
from styleid.pipeline.probe import Prober
from styleid.pipeline.propose import proposals
from styleid.pipeline.reach import reach_faces
from styleid.pipeline.settings import Settings
from styleid.privacy import LADDERS, SEARCH, Wish, make_goal


def wish(*choices, tries, **options):
    return Wish(choices=choices, tries=tries, **options)


def answer(prober, asked, candidate):
    """How many wanted attributes a candidate misses, and what it lacks."""
    now = prober.family.attribute_confidences(candidate.composite)[0].tolist()
    _, unmet, lacking = asked.judge(dict(zip(prober.family.attributes.names, now, strict=True)))
    return len(unmet), lacking


@pytest.fixture
def crop(photograph):
    return photograph(96, 96)[None]  # [1, S, S, 3]


@pytest.fixture
def begin(tiny_family, crop):
    """begin(wish, **settings): a prober of the crop, and settings."""

    def make(wish=None, threshold=0.2, **options):
        goal = make_goal(tiny_family, distance=threshold)
        options = {"attempts": LADDERS["layers"], **options}
        settings = Settings(
            family=tiny_family, goal=goal, detect=lambda *_: [], on_failure="block", seed=1, **options
        )
        source = look_at(crop, tiny_family, settings.recognisers)
        return Prober(source, tiny_family, goal, 7, wish=wish), settings

    return make


def test_areas_share_one_decoded_face(begin):
    prober, _ = begin()
    probes = prober.look(LADDERS["layers"][-1], ["eyes", "face"])
    assert prober.passes == 1 and [p.attempt.area for p in probes] == ["eyes", "face"]
    assert probes[0].change < probes[1].change and probes[0].swaps == probes[1].swaps


def test_what_the_encoder_lost_is_not_credited(begin):
    """Nothing swapped: the composite is far from the source, the decoded face is the reconstruction."""
    prober, _ = begin(threshold=0.01)
    (probe,) = prober.look(replace(LADDERS["channels"][0], share=0.0), ["face"])
    assert probe.distances["tuner"] > 0.01 and not probe.passed


def test_only_what_passes_is_offered_and_it_is_measured_as_it_is_joined(begin, crop):
    prober, settings = begin()
    candidate = next(proposals(prober, settings))
    assert candidate.probe.passed
    outside = candidate.mask[0] == 0
    assert torch.equal(candidate.composite[0][outside], crop[0][outside])
    prober, settings = begin(threshold=1.99)
    assert list(proposals(prober, settings)) == []


def test_wanted_attributes_choose_among_identities(begin):
    """Whatever is wanted, the first candidate is one that no other of the tries answers better.

    Joined by feather, as they are compared; another join may change what the attribute net sees.
    """
    attempts = tuple(replace(one, composite="feather") for one in LADDERS["layers"])
    every = list(itertools.islice(proposals(*begin(wish({}, tries=6), attempts=attempts)), 6))
    names = ("Male", "Smiling")
    for wanted in itertools.product((True, False), repeat=2):
        asked = wish(dict(zip(names, wanted, strict=True)), tries=6)
        prober, settings = begin(asked, attempts=attempts)
        first = next(proposals(prober, settings))
        fewest = min(answer(prober, asked, one)[0] for one in every)
        assert answer(prober, asked, first)[0] == len(first.probe.unmet) == fewest


def tilted(crop, _):
    """Landmarks of a head that leans the more the brighter the picture is."""
    turn = Rotation.from_rotvec([0, 0, 20 * float(crop.mean())]).as_matrix()
    return 30 * (MEAN_FACE @ turn)[:, :2] + 48


def test_the_head_that_turns_least_comes_first(begin, monkeypatch):
    """None turns by less than a hair, so all identities are compared."""

    monkeypatch.setattr("styleid.pipeline.probe.aligned_landmarks", tilted)
    attempts = (replace(LADDERS["layers"][-1], composite="feather"),)
    turns = [one.probe.turn for one in proposals(*begin(wish({}, tries=4, turn=1e-6), attempts=attempts))]
    assert len(turns) == 4 and turns == sorted(turns) and 0 < turns[0] < turns[-1]


@pytest.mark.parametrize("wanted", [True, False])
def test_identities_that_meet_as_much_are_sorted_by_their_turn(begin, monkeypatch, wanted):
    """Those, too, which lack something already before they are joined as they will be worn."""

    monkeypatch.setattr("styleid.pipeline.probe.aligned_landmarks", tilted)
    attempts = (replace(LADDERS["layers"][-1], composite="feather"),)
    asked = wish({"Male": wanted, "Smiling": wanted}, tries=6, turn=1e-6)
    found = [one.probe for one in proposals(*begin(asked, attempts=attempts))]
    assert found and all(one.turn > 0 for one in found)
    assert found == sorted(found, key=lambda one: (len(one.unmet), one.turn))


def test_landmarks_that_span_no_face_count_as_turned(begin, monkeypatch):
    monkeypatch.setattr("styleid.pipeline.probe.aligned_landmarks", lambda *_: np.zeros((5, 2)))
    prober, settings = begin(wish({}, tries=1, turn=3.0))
    assert next(proposals(prober, settings)).probe.turn == math.inf


def test_identities_that_were_seen_are_passed_over(begin):
    first, second = (
        [
            one.probe.target
            for one in itertools.islice(
                proposals(*begin(wish({"Male": True, "Smiling": True}, skip=skip, tries=3))), 3
            )
        ]
        for skip in (0, 3)
    )
    assert set(first) == {0, 1, 2} and set(second) == {3, 4, 5}


def test_the_nearest_choice_counts():
    asked = wish({"A": True, "B": True}, {"A": False}, tries=1, margin=0.1)
    assert asked.judge({"A": 0.9, "B": 0.9}) == (0, (), 0)
    assert asked.judge({"A": 0.3, "B": 0.2}) == (1, (), 0)
    choice, unmet, lacking = asked.judge({"A": 0.9, "B": 0.45})
    assert (choice, unmet) == (0, ("B",)) and lacking == pytest.approx(0.15)
    assert asked.judge({"A": 0.55, "B": 0.9})[2] == pytest.approx(0.05)


def test_a_failing_step_is_a_reason_and_no_candidate(begin, monkeypatch):
    def broken(*_):
        raise ValueError("secret 4242")

    monkeypatch.setattr("styleid.pipeline.probe.decode_attempt", broken)
    prober, settings = begin()
    assert list(proposals(prober, settings)) == []
    assert "ValueError" in prober.reason and "4242" not in prober.reason


def test_reach_changes_each_crop_within_its_area_and_budget(tiny_family, photograph):
    crops = torch.stack([photograph(96, 96, seed=i) for i in range(2)])
    goal = make_goal(tiny_family)
    faces = reach_faces(crops, tiny_family, goal, search=SEARCH, seed=3)
    for crop, face in zip(crops, faces, strict=True):
        assert face.probe is not None and face.reached.passes <= SEARCH.passes
        assert torch.equal(face.crop[face.area == 0], crop[face.area == 0])
        assert set(face.probe.distances) == {"tuner"} and face.judged > 0
        assert face.probe.change <= max(p.change for p in face.reached.passing) + 1e-3
    impossible = reach_faces(crops[:1], tiny_family, make_goal(tiny_family, distance=1.99), seed=3)
    assert impossible[0].probe is None and torch.equal(impossible[0].crop, crops[0])


def test_an_ensemble_must_be_fooled_as_a_whole(tiny_family, photograph):
    third = replace(tiny_family.judge, name="third", threshold=1.99)
    goal = make_goal(tiny_family, recognisers=["tuner", third])
    (face,) = reach_faces(photograph(96, 96)[None], tiny_family, goal, seed=3)
    assert face.probe is None and set(face.reached.probes[0].distances) == {"tuner", "third"}
