"""`python -m styleid evaluate`: folders in, tables and charts out."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from styleid import cli
from styleid.evaluate import evaluation as module


@pytest.fixture
def folders(tmp_path, photograph, changed):
    """Originals of two people in two pictures each below clean/, their outputs below anon/."""
    for number, path in enumerate(("ann/1.png", "ann/2.png", "bob/1.png", "bob/2.png")):
        image = photograph(seed=number)
        for root, pixels in (("clean", image), ("anon", changed(image, number + 50))):
            (tmp_path / root / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((pixels.numpy() * 255).round().astype(np.uint8)).save(tmp_path / root / path)
    return tmp_path


@pytest.fixture
def run(folders, monkeypatch, tiny_family, faces, capsys):
    """run(*options): exit code, output and errors of the command on the folders."""
    monkeypatch.setattr("styleid.family.load_family", lambda *_, **__: tiny_family)
    monkeypatch.setattr(module, "detect_faces", lambda image, **options: faces)

    def evaluate(*options):
        arguments = ("evaluate", folders / "clean", folders / "anon", "--out", folders / "out", *options)
        code = cli.main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return evaluate


def test_report_tables_and_charts(run, folders):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert "4 compared" in out and "people by folders: 6" in out  # two people and four bystanders
    for says in (
        "judge (judge): same person below 0.200",
        "naive: rank-1",
        "parrot: rank-1",
        "blur",
    ):
        assert says in out
    report = json.loads((folders / "out/report.json").read_text())
    assert report["judge"] == "judge"
    assert report["labels"] == {"by": "folders", "identities": 6, "faces": 8}
    assert report["reidentification"]["judge"]["parrot"]["genuine_pairs"] == 2
    rows = list(csv.DictReader((folders / "out/faces.csv").open()))
    assert len(rows) == 8 and rows[0]["picture"] == "ann/1.png"
    assert len(list(csv.DictReader((folders / "out/methods.csv").open()))) == 7
    for name in ("distances", "attackers", "attributes", "methods"):
        with Image.open(folders / f"out/{name}.png") as chart:
            assert chart.size == (900, 540)
            assert not chart.info  # no software, no dates
            assert np.asarray(chart).std() > 20


def test_no_path_of_this_machine_is_written(run, folders):
    run()
    for path in (folders / "out").iterdir():
        assert str(folders).encode() not in path.read_bytes()


def test_missing_and_damaged_outputs(run, folders):
    (folders / "anon/ann/2.png").unlink()
    (folders / "anon/bob/1.png").write_bytes(b"no picture")
    code, out, err = run("--sample", "0")
    assert code == 1
    assert "2 compared" in out and "1 withheld" in out and "1 failed" in out
    assert err.startswith("bob/1.png: ")


def test_whatever_a_run_takes_for_a_picture_is_compared(run, folders):
    """By its suffix, or because the run's report names an output; a folder that cannot be entered counts as failed."""
    for name in ("a.jfif", "scan"):
        for root in ("clean", "anon"):
            (folders / root / name).write_bytes((folders / root / "ann/1.png").read_bytes())
    entry = {"source": "scan", "output": "scan", "faces": []}
    (folders / "anon/report.json").write_text(json.dumps({"pictures": [entry]}))
    (folders / "clean/loop").symlink_to(folders / "clean")
    code, out, err = run("--labels", "pairs")
    assert code == 1 and "6 compared" in out
    assert "loop: this folder was read before" in err


def test_a_run_that_withheld_everything(run, folders):
    for path in sorted((folders / "anon").rglob("*.png"))[1:]:
        path.unlink()
    (folders / "anon/ann/1.png").write_bytes(b"no picture")
    code, out, _ = run()
    assert code == 1
    assert "3 withheld" in out and "1 failed" in out and "every picture was withheld" in out
    assert (folders / "out/distances.png").is_file()


def test_what_is_not_computed_says_why(run, monkeypatch):
    monkeypatch.setattr(
        "styleid.metrics.perceptual.why_unavailable", lambda name: f"not computed: no {name} here"
    )
    out = run("--sample", "0")[1]
    assert "lpips: not computed: no lpips here\nfid: not computed: no fid here" in out


def test_a_picture_that_cannot_be_measured_does_not_stop_the_others(run, folders, monkeypatch):
    from styleid.errors import StyleIDError

    real, calls = module.measure_face, []

    def fails_once(*args, **options):
        calls.append(args[0])
        if len(calls) == 2:  # the second face of the first picture
            raise StyleIDError("The encoder returned NaN.")
        return real(*args, **options)

    monkeypatch.setattr(module, "measure_face", fails_once)
    code, out, err = run("--sample", "0")
    assert code == 1 and err == "ann/1.png: The encoder returned NaN.\n"
    assert "3 compared" in out and "1 failed" in out and "6 in originals" in out  # nothing of it was counted


def test_charts_may_not_land_among_the_pictures(folders, capsys):
    for inside in ("clean", "anon/report"):
        options = [str(folders / "clean"), str(folders / "anon"), "--out", str(folders / inside)]
        assert cli.main(["evaluate", *options]) == 2
        assert "Name another" in capsys.readouterr().err


def test_an_output_may_have_another_suffix(run, folders):
    with Image.open(folders / "anon/ann/1.png") as picture:
        picture.save(folders / "anon/ann/1.jpg")
    (folders / "anon/ann/1.png").unlink()
    assert "4 compared" in run("--sample", "0")[1]


def test_the_runs_own_report_names_the_tuner_and_the_areas(run, folders):
    face = {"tuner": "tuner", "changed_box": [0, 0, 240, 159]}
    entries = [{"source": "ann/1.png", "faces": [face]}]
    (folders / "anon/report.json").write_text(json.dumps({"pictures": entries}))
    run("--sample", "0")
    report = json.loads((folders / "out/report.json").read_text())
    assert report["chosen_by"] == ["tuner"]
    (folders / "anon/report.json").write_text(
        json.dumps({"pictures": [{"source": "x", "faces": [{"tuner": "judge"}]}]})
    )
    code, _, err = run("--sample", "0")
    assert code == 2 and "none can judge" in err


def test_everybody_who_searched_is_a_tuner(run, folders):
    entries = [{"source": "ann/1.png", "faces": [{"tuner": "judge, other"}]}]
    (folders / "anon/report.json").write_text(json.dumps({"pictures": entries}))
    code, _, err = run("--sample", "0")
    assert code == 2 and "none can judge" in err
    assert run("--sample", "0", "--recogniser", "embedded-judge")[0] == 0
    report = json.loads((folders / "out/report.json").read_text())
    assert report["chosen_by"] == ["judge", "other"] and report["judge"] == "embedded-judge"


def test_an_output_belongs_to_one_original(run, folders):
    """ann/1.jpg was withheld: what stands beside it is the output of ann/1.png."""
    with Image.open(folders / "clean/ann/1.png") as picture:
        picture.save(folders / "clean/ann/1.jpg")
    out = run("--sample", "0")[1]
    assert "4 compared" in out and "1 withheld" in out


def test_the_runs_own_report_names_the_outputs(run, folders):
    (folders / "anon/ann/1.png").rename(folders / "anon/ann/elsewhere.png")
    (folders / "anon/ann/1.webp").write_bytes(b"no output of this run")
    entries = [{"source": "ann/1.png", "output": "ann/elsewhere.png", "faces": []}]
    (folders / "anon/report.json").write_text(json.dumps({"pictures": entries}))
    code, out, err = run("--sample", "0")
    assert (code, err) == (0, "") and "4 compared" in out


def test_a_folder_in_which_every_face_is_gone(run, monkeypatch, faces):
    looks = []

    def detect(image, **options):  # the original first, then its output
        looks.append(image)
        return faces if len(looks) % 2 else []

    monkeypatch.setattr(module, "detect_faces", detect)
    code, out, err = run("--sample", "0")
    assert (code, err) == (0, "")
    assert "0 found, 8 not found" in out
    for says in (
        "with 8 not found taken for recognised: 0.00",
        "naive: rank-1 - (guessing 0.17); 8 of 8 not found (taken for recognised: rank-1 1.00",
        "parrot: rank-1 - (guessing 0.17); 4 of 4 not found (taken for recognised: rank-1 1.00",
    ):
        assert says in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--labels", "people"), "Labels are"),
        (("--recogniser", "nobody"), "no recogniser"),
        (("--sample", "-1"), "number of faces"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2(run, options, says):
    code, out, err = run(*options)
    assert (code, out) == (2, "")
    assert says in err and err.count("\n") == 1


def test_folders_that_do_not_fit(folders, tmp_path, capsys, monkeypatch, tiny_family):
    monkeypatch.setattr("styleid.family.load_family", lambda *_, **__: tiny_family)
    (tmp_path / "empty").mkdir()
    clean = folders / "clean"
    for first, second in (
        (clean, clean),
        (clean, tmp_path / "none"),
        (tmp_path / "empty", clean),
        (clean, tmp_path / "empty"),
    ):
        assert cli.main(["evaluate", str(first), str(second), "--out", str(tmp_path / "out")]) == 2
        assert str(tmp_path) not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
