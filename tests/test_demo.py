"""The demo: photographs of installed packages, with a stand-in for the Anonymizer."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from PIL import Image

from styleid import demo
from styleid.errors import ImageError
from styleid.privacy.outcomes import FaceReport, ImageResult


def _anonymize(outcome):
    def anonymize(pictures, progress=None, **_):
        distances = {
            "a": {"before": 0.5, "after": 1.25, "threshold": 1.0},
            "b": {"before": None, "after": 1.5, "threshold": 1.1},
        }
        face = FaceReport(0, (10.0, 20.0, 90.0, 120.0), "test", outcome, "a", "b", distances=distances)
        output = 255 - pictures[0] if outcome == "anonymised" else None
        return [ImageResult(output, outcome, (face,), reason="a reason")]

    return anonymize


def test_examples_are_found_without_importing_their_packages():
    loaded = set(sys.modules)
    for name in demo.EXAMPLES:
        assert demo.example_path(name).is_file()
    assert "insightface" not in set(sys.modules) - loaded
    picture = demo.example_photograph("astronaut")
    assert picture.shape == (512, 512, 3)
    assert 0 <= float(picture.min()) <= float(picture.max()) <= 1


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("styleid.demo.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImageError, match="pip install insightface"):
        demo.example_path("group")


def test_outputs_sheet_report_and_table(tmp_path):
    result = demo.run_demo(tmp_path / "out", _anonymize("anonymised"))
    assert result.fine
    assert sorted(path.name for path in result.files) == [
        "astronaut.png",
        "before_after.png",
        "group.png",
        "report.json",
    ]
    for name in demo.EXAMPLES:
        with (
            Image.open(demo.example_path(name)) as source,
            Image.open(tmp_path / "out" / f"{name}.png") as output,
        ):
            assert np.array_equal(np.asarray(output), 255 - np.asarray(source.convert("RGB")))
    assert result.rows[0] == ("astronaut", "1", "a", "0.500", "1.250", "1.000", "anonymised")
    assert result.rows[1] == ("astronaut", "1", "b (judge)", "-", "1.500", "1.100", "anonymised")
    assert all(len(row) == len(demo.TABLE_HEAD) for row in result.rows)
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["group"]["outcome"] == "anonymised"
    assert demo.run_demo(tmp_path / "out", _anonymize("anonymised")).fine  # a second time


def test_blocked_photographs_leave_no_old_output(tmp_path):
    demo.run_demo(tmp_path, _anonymize("anonymised"))
    result = demo.run_demo(tmp_path, _anonymize("blocked"))
    assert not result.fine
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before_after.png", "report.json"]
