"""Reach Privacy Target."""

from __future__ import annotations

import sys

import pytest
import torch


@pytest.fixture
def reach(pack, tiny_family):
    def run(crops, **options):
        options = {
            "target": "models' threshold", "value": 1.0, "recognisers": "", "area": "face", "on_failure": "blur",
            "new_each_run": True, "seed": 3, **options,
        }  # fmt: skip
        return pack.NODE_CLASS_MAPPINGS["StyleIDReachPrivacyTarget"]().execute(
            models=tiny_family, crops=crops, **options
        )

    return run


@pytest.fixture
def crops(photograph):
    return torch.stack([photograph(96, 96, seed=i) for i in range(2)])


def test_faces_are_changed_in_their_area_and_the_report_names_everybody(reach, crops):
    new, areas, charts, judged, reached, report = reach(crops)
    assert reached and judged > 0 and new.shape == crops.shape and areas.shape == crops.shape[:3]
    assert torch.equal(new[areas == 0], crops[areas == 0]) and not torch.equal(new, crops)
    assert charts.shape[0] == 2 and charts.shape[-1] == 3 and charts.std() > 0.01
    assert "tuner (searches)" in report and "judge (judges)" in report and "frontier" in report


def test_what_does_not_reach_the_target_is_blurred_or_stops(reach, crops):
    new, areas, _, judged, reached, report = reach(crops[:1], target="distance", value=1.99)
    assert not reached and judged == 0 and "NOT REACHED" in report and bool((areas == 1).all())
    assert new.diff(dim=1).abs().mean() < 0.5 * crops[:1].diff(dim=1).abs().mean()
    with pytest.raises(Exception, match="does not reach"):
        reach(crops[:1], target="distance", value=1.99, on_failure="block")


def test_a_named_recogniser_searches_and_the_other_judges(reach, crops):
    report = reach(crops[:1], recognisers="judge", target="false-accept rate", value=0.05)[-1]
    assert "judge (searches)" in report and "tuner (judges)" in report and "random identities" in report


def test_a_rate_that_must_be_measured_can_be_cancelled(reach, crops, pack, monkeypatch):
    class Cancelled(Exception):
        pass

    def cancel(done, total):
        assert (done, total) == (8, 160)
        raise Cancelled

    monkeypatch.setattr(sys.modules[f"{pack.__name__}.nodes._bridge"], "progress_bar", lambda _: cancel)
    with pytest.raises(Cancelled):
        reach(crops[:1], target="false-accept rate", value=0.05)


def test_no_face_is_no_target_that_was_reached(reach, crops):
    with pytest.raises(Exception, match="no face"):
        reach(crops[:0])
