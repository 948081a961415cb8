"""What the nodes tell in numbers: the least protected face decides."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.parametrize(
    ("faces", "smallest"),
    [
        (
            [("anonymised", 1.4, 1.2), ("anonymised", 1.3, None)],
            1.2,
        ),  # nearer to another source than to its own
        ([("anonymised", 1.4, 1.2), ("blurred", 0.3, None)], 1.2),
        ([("anonymised", 1.4, 1.2), ("passed", 0.4, None)], 0.4),
        ([("anonymised", 1.4, 1.2), ("passed", None, None)], 0.0),  # let through, and nobody measured it
        ([("anonymised", 1.4, 1.2), None], 0.0),
        ([], 0.0),
    ],
)
def test_the_smallest_distance_flatters_nobody(pack, faces, smallest):
    package = pack.__name__
    report = sys.modules[f"{package}.nodes._report"]
    outcomes = sys.modules[f"{package}.styleid.privacy.outcomes"]

    def told(face):
        outcome, after, nearest = face or ("passed", None, None)
        distances = {"judge": {"after": after, "nearest": nearest}} if face else {}
        return outcomes.FaceReport(0, (0, 0, 1, 1), "test", outcome, "tuner", "judge", distances)

    result = outcomes.ImageResult(None, "passed", tuple(told(face) for face in faces))
    assert report.smallest_distance([result]) == smallest
