"""Runs that end early and go on: what they keep, what they do again, and what they never touch."""

from __future__ import annotations

import errno
import json
import os

import pytest
from PIL import Image

from styleid import cli
from styleid.datasets import RunOptions, _alone, folder, read_photo, report, run_files
from styleid.datasets.folder import Run
from styleid.errors import InputError


def _report(path):
    plain = json.loads(path.read_text())
    return plain, {entry["source"]: entry for entry in plain["pictures"]}


def test_an_interrupted_run_leaves_no_half_file_and_resumes(tmp_path, album, inverter):
    source, out = album({f"{number}.png": number for number in range(1, 5)}), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run_files(source, out, inverter({3: KeyboardInterrupt()}))
    report, entries = _report(out / "report.json")
    assert not report["complete"]
    assert list(entries) == ["1.png", "2.png"]
    assert sorted(path.name for path in out.iterdir()) == ["1.png", "2.png", "report.json"]
    second = inverter()
    summary = run_files(source, out, second, options=RunOptions(resume=True))
    assert [int(picture.flat[0]) for picture in second.seen] == [3, 4]
    assert summary.counts == {"anonymised": 4}
    report, entries = _report(out / "report.json")
    assert report["complete"]
    assert list(entries) == ["1.png", "2.png", "3.png", "4.png"]


def test_a_killed_run_resumes_from_what_is_on_disk(tmp_path, album, inverter):
    source, out = album({"1.png": 1, "2.png": 2}), tmp_path / "out"
    run_files(source, out, inverter())
    _, entries = _report(out / "report.json")
    lines = [  # the second picture is there, its line was cut off
        {"version": 1, "settings": {}},
        entries["1.png"],
        {**entries["2.png"], "outcome": "failed", "bytes": None, "digest": None},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + '\n{"source": "2.p'
    (out / "report.json.partial").write_text(text)
    (out / "report.json").unlink()
    again = inverter()
    assert run_files(source, out, again, options=RunOptions(resume=True)).counts == {"anonymised": 2}
    assert len(again.seen) == 1
    assert not (out / "report.json.partial").exists()


def test_resuming_does_again_what_is_gone_or_failed_and_refuses_other_settings(tmp_path, album, inverter):
    source, out = album({"1.png": 1, "2.png": 2, "3.png": 3}), tmp_path / "out"
    options = RunOptions(settings={"level": "low"})
    run_files(source, out, inverter({3: "blocked"}), options=options)
    (out / "1.png").unlink()
    again = inverter()
    run_files(source, out, again, options=RunOptions(resume=True, settings={"level": "low"}))
    assert [int(picture.flat[0]) for picture in again.seen] == [1, 3]
    with pytest.raises(InputError, match="other settings"):
        run_files(source, out, inverter(), options=RunOptions(resume=True, settings={"level": "high"}))


def _kept(out):
    return {path.name: path.read_bytes() for path in out.iterdir() if path.suffix != ".json"}


def test_resuming_replaces_only_what_the_earlier_run_wrote(tmp_path, album, inverter):
    source, out = album({"a.png": 1, "b.png": 2, "c.png": 3}), tmp_path / "out"
    out.mkdir()
    (out / "b.png").write_bytes(b"mine")
    run_files(source, out, inverter())
    (out / "a.png").write_bytes(b"cut")
    resume = RunOptions(resume=True)
    assert run_files(source, out, inverter(), options=resume).counts == {"anonymised": 2, "failed": 1}
    assert (out / "b.png").read_bytes() == b"mine" and read_photo(out / "a.png").size == (12, 10)


def test_a_run_that_ends_while_it_writes_knows_its_file(tmp_path, album, inverter, monkeypatch):
    source, out = album({"a.png": 1}), tmp_path / "out"
    write = folder.write_photo

    def interrupted(*args, **options):
        write(*args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "write_photo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_files(source, out, inverter())
    monkeypatch.undo()
    entry = _report(out / "report.json")[1]["a.png"]
    assert entry["outcome"] == "failed" and entry["output"] == "a.png"
    assert run_files(source, out, inverter(), options=RunOptions(resume=True)).counts == {"anonymised": 1}


def test_resuming_does_again_what_has_another_input_or_other_boxes(tmp_path, album, inverter):
    source, out = album({"1.png": 1, "2.png": 2, "3.png": 3}), tmp_path / "out"
    run_files(source, out, inverter(), options=RunOptions(boxes={"2.png": [(1, 2, 3, 4)]}))
    text = (out / "report.json").read_text()
    date = os.stat(source / "1.png").st_mtime_ns + 1_000_000_000
    os.utime(source / "1.png", ns=(date, date))
    assert str(source) not in text and len({entry["digest"] for entry in json.loads(text)["pictures"]}) == 3
    again = inverter()
    run_files(source, out, again, options=RunOptions(resume=True, boxes={"2.png": [(1, 2, 3, 5)]}))
    assert [int(picture.flat[0]) for picture in again.seen] == [1, 2]


def test_an_output_of_a_changed_input_does_not_outlive_it(tmp_path, album, inverter):
    source, out = album({"a.png": 1}), tmp_path / "out"
    run_files(source, out, inverter())
    Image.new("RGB", (13, 10), (7, 7, 7)).save(source / "a.png")
    run_files(source, out, inverter({7: "blocked"}), options=RunOptions(resume=True))
    assert not _kept(out) and _report(out / "report.json")[1]["a.png"]["output"] is None


def test_a_crash_while_resuming_loses_no_entry(tmp_path, album, inverter, monkeypatch):
    source, out = album({"1.png": 1, "2.png": 2}), tmp_path / "out"
    run_files(source, out, inverter())
    (out / "report.json").rename(out / "report.json.partial")
    lines = [
        {"version": 1, "settings": {}},
        *json.loads((out / "report.json.partial").read_text())["pictures"],
    ]
    before = "\n".join(json.dumps(line) for line in lines) + "\n"
    (out / "report.json.partial").write_text(before)

    def full(path, data, mode=0o666):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "write_atomically", full)
    with pytest.raises(OSError, match="No space"):
        run_files(source, out, inverter(), options=RunOptions(resume=True))
    monkeypatch.undo()
    assert (out / "report.json.partial").read_text() == before
    again = inverter()
    run_files(source, out, again, options=RunOptions(resume=True))
    assert not again.seen


@pytest.mark.parametrize("where", ["in/x", "elsewhere"])
def test_no_link_inside_the_output_leads_over_an_input(tmp_path, album, inverter, where):
    """`elsewhere` is read through a link, and lies outside the input folder."""
    source, out = album({"x/a.png": 1, "y/a.png": 2, "y/new.png": 3}), tmp_path / "out"
    album({"a.png": 4}, root="elsewhere")
    os.symlink(tmp_path / "elsewhere", source / "z")
    out.mkdir()
    os.symlink(tmp_path / where, out / "y")
    before = (tmp_path / where / "a.png").read_bytes()
    for options in (RunOptions(overwrite=True), RunOptions(resume=True)):
        run_files(source, out, inverter(), options=options)
        entry = _report(out / "report.json")[1]["y/a.png"]
        assert entry["outcome"] == "failed" and "input" in entry["reason"]
        assert (tmp_path / where / "a.png").read_bytes() == before
    assert not (source / "x/new.png").exists()


def test_an_output_that_became_an_input_is_not_deleted(tmp_path, album, inverter):
    """The earlier run wrote it, but meanwhile its folder is a link to an input."""
    source, out = album({"x/a.png": 1, "y/a.png": 2}), tmp_path / "out"
    run_files(source, out, inverter())
    (out / "y/a.png").unlink()
    (out / "y").rmdir()
    os.symlink(source / "x", out / "y")
    before = (source / "x/a.png").read_bytes()
    run_files(source, out, inverter(), options=RunOptions(resume=True))
    assert (source / "x/a.png").read_bytes() == before


def test_what_another_run_wrote_meanwhile_is_not_gone_on_with(tmp_path, album, inverter):
    source, out = album({"a.png": 1}), tmp_path / "out"
    late = Run.plan(source, out, options=RunOptions(resume=True))
    run_files(source, out, inverter())
    before = (out / "report.json").read_bytes()
    with pytest.raises(InputError, match="meanwhile"), late:
        pass
    assert (out / "report.json").read_bytes() == before
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "report.json"]


def test_folders_that_cannot_be_locked_are_written_nevertheless(
    tmp_path, album, inverter, monkeypatch, caplog
):
    def acquire(self):
        raise OSError(errno.ENOTSUP, "no locks here")

    monkeypatch.setattr(_alone.FileLock, "acquire", acquire)
    assert run_files(album({"a.png": 1}), tmp_path / "out", inverter()).fine
    assert "cannot be locked" in caplog.text


def test_a_report_names_no_file_to_delete_but_its_own(tmp_path, album, inverter):
    source, out = album({"a.png": 1}), tmp_path / "out"
    run_files(source, out, inverter())
    (tmp_path / "mine.png").write_bytes(b"mine")
    plain = json.loads((out / "report.json").read_text())
    plain["pictures"][0]["output"] = "../mine.png"
    (out / "report.json").write_text(json.dumps(plain))
    run_files(source, out, inverter(), options=RunOptions(resume=True))
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


@pytest.mark.parametrize("options", [RunOptions(), RunOptions(overwrite=True)])
def test_an_output_belongs_to_one_picture(tmp_path, album, inverter, options):
    source, out = album({"a.gif.png": 2, "x/a.png": 1, "y/a.png": 3}), tmp_path / "out"
    Image.new("P", (12, 10)).save(source / "a.gif")
    (out / "x").mkdir(parents=True)
    os.symlink(out / "x", out / "y")
    for again in (options, RunOptions(resume=True), RunOptions(resume=True, overwrite=True)):
        assert run_files(source, out, inverter(), options=again).counts == {"anonymised": 2, "failed": 2}
        entries = _report(out / "report.json")[1]
        assert {name for name, entry in entries.items() if entry["output"]} == {"a.gif", "x/a.png"}
        if again.overwrite:
            assert (
                "Another picture" in entries["a.gif.png"]["reason"]
                and "Another" in entries["y/a.png"]["reason"]
            )


def test_the_command_line_goes_on_with_the_same_settings_only(tmp_path, album, inverter, monkeypatch, capsys):
    source, out = album({"a.png": 1}), tmp_path / "out"
    monkeypatch.setattr(cli, "make_anonymizer", lambda args: inverter())
    assert cli.main(["anonymize", str(source), str(out)]) == 0
    settings = _report(out / "report.json")[0]["settings"]
    assert settings["engine"] == "torch" and settings["refine"] is None
    for other in (["--refine", "3"], ["--engine", "openvino"]):
        assert cli.main(["anonymize", str(source), str(out), "--resume", *other]) == 2
    assert "other settings" in capsys.readouterr().err
    assert cli.main(["anonymize", str(source), str(out), "--resume"]) == 0
