"""`anonymize` with a target for every face, and for the set."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from styleid import cli
from styleid.datasets import release

pytestmark = pytest.mark.usefixtures("small_crops")


@pytest.fixture
def run(tmp_path, monkeypatch, tiny_family, photograph, make_face):
    """run(*arguments): the exit code of anonymising a folder of three pictures; outputs are in tmp_path/out."""
    monkeypatch.setattr("styleid.anonymizer.load_family", lambda *_, **__: tiny_family)
    monkeypatch.setattr("styleid.faces.detect_faces", lambda *_, **__: [make_face(60, 70, 60)])
    monkeypatch.setattr(release, "TRIES", 2)
    (tmp_path / "in").mkdir()
    for number in range(3):
        array = (photograph(130, 130, seed=number).numpy() * 255).round().astype(np.uint8)
        Image.fromarray(array).save(tmp_path / "in" / f"{number}.png")
    base = [
        "anonymize",
        str(tmp_path / "in"),
        str(tmp_path / "out"),
        "--on-failure",
        "blur",
        "--device",
        "cpu",
    ]
    return lambda *more: cli.main([*base, *more])


def report(tmp_path):
    return json.loads((tmp_path / "out" / "report.json").read_text())


def test_a_distance_is_what_the_report_judges_by(run, tmp_path):
    run("--level", "low", "--distance", "0.25", "--seed", "1")
    plain = report(tmp_path)
    assert plain["settings"]["distance"] == 0.25
    for picture in plain["pictures"]:
        (face,) = picture["faces"]
        assert face["distances"]["tuner"]["threshold"] == 0.25
        assert face["outcome"] != "anonymised" or face["distances"]["tuner"]["after"] > 0.25


def test_who_searches_does_not_judge(run, tmp_path):
    run("--level", "low", "--recogniser", "judge", "--far", "0.05", "--seed", "1")
    faces = [face for picture in report(tmp_path)["pictures"] for face in picture["faces"]]
    assert {(face["tuner"], face["judge"]) for face in faces} == {("judge", "tuner")}
    assert any("random identities" in note for note in faces[0]["notes"])


def test_a_set_is_reported_as_it_was_measured(run, tmp_path, capsys):
    run("--level", "high", "--k", "2", "--released", "Male", "--seed", "1")
    plain = report(tmp_path)
    shown = [
        f["attributes"]["Male"]["after"] >= 0.5 for p in plain["pictures"] if p["output"] for f in p["faces"]
    ]
    assert plain["release"]["after"]["faces"] == len(shown)
    assert all(shown.count(value) >= 2 for value in shown)
    assert "published:" in capsys.readouterr().out


def test_charts_are_pixels_only_and_show_what_there_is(run, tmp_path, capsys):
    charts = tmp_path / "charts"
    run("--level", "low", "--distance", "0.25", "--seed", "1", "--charts", str(charts))
    (frontier,) = charts.iterdir()
    assert frontier.name == "frontier.png" and str(frontier) in capsys.readouterr().out
    with Image.open(frontier) as chart:
        assert not chart.info and np.asarray(chart).std() > 1
    tried = [face["tried"] for picture in report(tmp_path)["pictures"] for face in picture["faces"]]
    assert all(0 < len(rows) <= 13 and any(row["frontier"] for row in rows) for rows in tried)
    assert all(sum(row["chosen"] for row in rows) <= 1 for rows in tried)


def test_a_set_has_a_chart_of_its_classes(run, tmp_path):
    charts = tmp_path / "charts"
    run("--level", "high", "--k", "2", "--released", "Male", "--seed", "1", "--charts", str(charts))
    assert [path.name for path in charts.iterdir()] == ["release.png"]
    plain = report(tmp_path)["release"]
    assert sum(row["after"] for row in plain["classes"]) == plain["after"]["faces"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--distance", "3"),
        ("--far", "0.01", "--distance", "1"),
        ("--recogniser", "nobody"),
        ("--t", "0.5"),
        ("--k", "2", "--l", "2"),
        ("--k", "9", "--released", "Male"),
        ("--k", "2", "--released", "Tall"),
        ("--charts", "{tmp}/in/charts"),
        ("--charts", "{tmp}/out"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2(run, tmp_path, arguments):
    assert run(*(text.replace("{tmp}", str(tmp_path)) for text in arguments)) == 2
    assert not list(tmp_path.glob("out/*.png"))
