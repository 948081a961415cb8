"""The command line: exit codes, one line per trouble, nothing secret, and a quick --help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styleid import cli
from styleid.errors import WeightsError
from styleid.privacy.outcomes import ImageResult

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def stand_in(monkeypatch):
    """stand_in({value: outcome}): the outcome of one-colour pictures by their value instead of an Anonymizer."""

    def use(outcomes=None):
        def anonymize(pictures, progress=None, **_):
            results = []
            for picture in pictures:
                outcome = (outcomes or {}).get(int(picture.flat[0]), "anonymised")
                output = None if outcome in ("blocked", "no_face") else picture.copy()
                results.append(
                    ImageResult(output, outcome, reason=None if output is not None else "a reason")
                )
            return results

        monkeypatch.setattr(cli, "make_anonymizer", lambda args: anonymize)

    return use


@pytest.fixture
def folder(tmp_path):
    """folder(1, 2, ...): a folder with one picture per value, named by it."""

    def make(*values):
        (tmp_path / "in").mkdir()
        for value in values:
            Image.new("RGB", (20, 16), (value,) * 3).save(tmp_path / "in" / f"{value}.png")
        return tmp_path / "in"

    return make


def _run(*arguments) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_a_folder(tmp_path, folder, stand_in, capsys):
    stand_in()
    assert _run("anonymize", folder(1, 2), tmp_path / "out") == 0
    out, err = capsys.readouterr()
    assert out == "2 written (2 anonymised)\n"
    assert err == ""
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["settings"]["level"] == "medium"
    assert report["settings"]["identities"] == "secret"


def test_troubles_are_one_line_each(tmp_path, folder, stand_in, capsys):
    stand_in({2: "blocked", 3: "no_face", 4: "passed"})
    source = folder(1, 2, 3, 4)
    (source / "bad\nname.png").write_bytes(b"no picture")
    assert _run("anonymize", source, tmp_path / "out") == 1
    out, err = capsys.readouterr()
    assert out.startswith("2 written (1 anonymised, 1 blocked, 1 failed, 1 no_face, 1 passed)")
    lines = err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["2.png", "3.png", "4.png", r"bad\nname.png"]
    assert "WITH faces" in lines[2]


@pytest.mark.parametrize(
    ("outcomes", "no_face", "code"),
    [
        ({2: "no_face"}, "skip", 0),  # something was written
        ({1: "no_face", 2: "no_face"}, "skip", 1),  # nothing was
        ({1: "no_face", 2: "no_face"}, "copy", 0),
        ({1: "blurred", 2: "passed"}, "skip", 0),
        ({2: "blocked"}, "copy", 1),
    ],
)
def test_exit_codes(tmp_path, folder, stand_in, outcomes, no_face, code):
    stand_in(outcomes)
    assert _run("anonymize", folder(1, 2), tmp_path / "out", "--no-face", no_face) == code


def test_a_seed_is_warned_about_and_written_nowhere(tmp_path, folder, stand_in, capsys):
    stand_in()
    assert _run("anonymize", folder(1), tmp_path / "out", "--seed", 918273645) == 0
    assert "a seed is a key" in capsys.readouterr().err
    report = (tmp_path / "out/report.json").read_text()
    assert "918273645" not in report
    assert json.loads(report)["settings"]["identities"] == "from a seed"


def test_a_mistyped_seed_is_not_repeated(tmp_path, folder, stand_in, capsys):
    with pytest.raises(SystemExit):
        _run("anonymize", folder(1), tmp_path / "out", "--seed", "918273645O")
    said = capsys.readouterr().err
    assert "a seed is a whole number" in said and "918273645" not in said


def test_what_cannot_be_meant_is_exit_code_2(tmp_path, folder, stand_in, capsys):
    stand_in()
    source = folder(1)
    boxes = tmp_path / "boxes.json"
    boxes.write_text('{"1.png": [[5, 5, 1, 1]]}')
    for arguments, says in (
        ((tmp_path / "none", tmp_path / "out"), "does not exist"),
        ((source, source), "holds the input"),
        ((source, tmp_path / "out", "--boxes", boxes), "left top"),
        ((source, tmp_path / "out", "--boxes", source / "1.png"), "JSON"),
        ((source, tmp_path / "out", "--max-pixels", 0), "positive"),
        ((source, tmp_path / "out", "--identities", tmp_path / "out/book.safetensors"), "as secret as"),
    ):
        assert _run("anonymize", *arguments) == 2
        out, err = capsys.readouterr()
        assert says in err
        assert err.count("\n") == 1
        assert out == ""
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit) as stop:
        _run("anonymise", source, tmp_path / "out")
    assert stop.value.code == 2


@pytest.mark.parametrize(
    "option", [("--level", "extreme"), ("--method", "magic"), ("--area", "feet"), ("--on-failure", "x")]
)
def test_unknown_names_tell_the_known_ones(tmp_path, folder, monkeypatch, tiny_family, capsys, option):
    monkeypatch.setattr("styleid.anonymizer.load_family", lambda *_, **__: tiny_family)
    assert _run("anonymize", folder(1), tmp_path / "out", *option) == 2
    err = capsys.readouterr().err
    assert option[1] in err
    assert err.count("\n") == 1


def test_missing_weights_are_exit_code_1(tmp_path, folder, monkeypatch, capsys):
    def missing(*_, **__):
        raise WeightsError("The weights are missing. Install again.")

    monkeypatch.setattr("styleid.anonymizer.load_family", missing)
    assert _run("anonymize", folder(1), tmp_path / "out") == 1
    assert capsys.readouterr().err == "error: The weights are missing. Install again.\n"


def test_an_interruption_is_one_line(tmp_path, folder, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "make_anonymizer", lambda args: interrupted)
    assert _run("anonymize", folder(1), tmp_path / "out") == 130
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.json"]


def test_a_photograph_with_own_boxes_through_the_real_anonymizer(
    tmp_path, monkeypatch, tiny_family, photograph, capsys
):
    monkeypatch.setattr("styleid.anonymizer.load_family", lambda *_, **__: tiny_family)
    values = (photograph(120, 160).numpy() * 255).round().astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    (tmp_path / "boxes.json").write_text("[[50, 30, 110, 100]]")
    arguments = ["--boxes", tmp_path / "boxes.json", "--report", tmp_path / "r.json", "--on-failure", "blur"]
    code = _run("anonymize", tmp_path / "a.png", tmp_path / "b.png", *arguments)
    entry = json.loads((tmp_path / "r.json").read_text())["pictures"][0]
    assert entry["source"] == "a.png"
    assert entry["faces"][0]["detector"] == "boxes"
    assert code == (0 if entry["output"] else 1)
    assert (tmp_path / "b.png").exists() == (entry["outcome"] in ("anonymised", "blurred"))


def test_a_ranking(tmp_path, monkeypatch, tiny_family, capsys):
    from styleid.latent import load_ranking

    monkeypatch.setattr("styleid.family.load_family", lambda *_, **__: tiny_family)
    target = tmp_path / "r.safetensors"
    assert _run("rank", target, "--pairs", 2, "--block", 512) == 0
    assert "identity layers" in capsys.readouterr().out
    assert load_ranking(target).block == 512
    assert [path.name for path in tmp_path.iterdir()] == ["r.safetensors"]
    assert _run("rank", target) == 2
    assert _run("rank", target, "--charts", tmp_path / "charts") == 0
    assert sorted(path.name for path in (tmp_path / "charts").iterdir()) == [
        "channels.png",
        "curves.png",
        "windows.png",
    ]
    assert _run("rank", tmp_path / "x.safetensors", "--estimator", "guess") == 2


def test_weights(monkeypatch, capsys):
    assert _run("weights", "list") in (0, 1)
    monkeypatch.setattr("styleid.weights.list_weights", lambda: ())
    assert _run("weights", "verify") == 1
    assert "no weights" in capsys.readouterr().err


def test_help_does_not_wait_for_pytorch():
    code = "import sys; from styleid.cli import main\ntry: main(['anonymize', '--help'])\nexcept SystemExit: pass\n"
    code += "assert 'torch' not in sys.modules and 'numpy' not in sys.modules and 'PIL' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--on-failure" in done.stdout


def test_names_that_the_terminal_cannot_show(tmp_path, folder, stand_in):
    """A name that is no text, and an error output that takes ASCII only."""
    source = folder(1)
    try:
        Path(os.fsdecode(bytes(source) + b"/\xff\xfe.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no such names")
    code = (
        "import sys; from styleid import cli\n"
        "from types import SimpleNamespace as Result\n"
        "cli.make_anonymizer = lambda args: lambda pictures, *a, **b: [\n"
        "    Result(output=pictures[0], outcome='anonymised', reason=None, faces=())]\n"
        f"sys.exit(cli.main(['anonymize', {str(source)!r}, {str(tmp_path / 'out')!r}]))"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, env=environment, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert json.loads((tmp_path / "out/report.json").read_text())["summary"] == {"anonymised": 1, "failed": 1}
