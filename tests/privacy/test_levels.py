from __future__ import annotations

import pytest

from styleid.errors import InputError
from styleid.faces import AREAS
from styleid.pipeline.face import METHODS
from styleid.privacy import LADDERS, LEVELS, attempts_for


def test_levels_are_made_of_methods_and_areas_that_exist():
    assert list(LEVELS) == ["low", "medium", "high"]
    assert set(LADDERS) == set(METHODS)
    for level in LEVELS.values():
        assert level.attempts and level.promise
        assert all(attempt.method in METHODS and attempt.area in AREAS for attempt in level.attempts)


@pytest.mark.parametrize("method", LADDERS)
def test_each_attempt_is_at_least_as_strong_as_the_one_before(method):
    areas = ["face", "face+hair", "everything"]
    for weaker, stronger in zip(LADDERS[method], LADDERS[method][1:], strict=False):
        strength = [(a.share, a.widen, areas.index(a.area), a.strength) for a in (weaker, stronger)]
        assert all(x <= y for x, y in zip(*strength, strict=True)) and strength[0] != strength[1]


def test_method_and_area_can_replace_the_levels_own():
    assert {a.method for a in attempts_for("low", method="mask")} == {"mask"}
    eyes = attempts_for("high", area="eyes")
    assert {a.area for a in eyes} == {"eyes"} and len(eyes) == len(set(eyes)) < len(LADDERS["mask"])


@pytest.mark.parametrize(
    ("level", "options"), [("none", {}), ("low", {"method": "x"}), ("low", {"area": "x"})]
)
def test_unknown_names_raise(level, options):
    with pytest.raises(InputError, match="Choose one of"):
        attempts_for(level, **options)
