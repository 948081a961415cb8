"""Folder runs: every file has an outcome, none stops the others, nothing is half written, runs resume."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from PIL import Image

from styleid.datasets import RunOptions, read_photo, run_files
from styleid.datasets.folder import Run
from styleid.errors import InputError


def _report(path):
    report = json.loads(path.read_text())
    return report, {entry["source"]: entry for entry in report["pictures"]}


def test_a_tree_is_mirrored_in_a_stable_order(tmp_path, album, inverter):
    source = album(
        {"b/2.png": 2, "b/10.png": 3, "a.jpg": 1, ".hidden/x.png": 4, ".secret.png": 5, "Thumbs.db": b"x"}
    )
    seen = []
    summary = run_files(source, tmp_path / "out", inverter(), on_file=lambda entry: seen.append(entry.source))
    assert seen == ["a.jpg", "b/10.png", "b/2.png"]
    assert summary.fine
    assert summary.counts == {"anonymised": 3}
    written = sorted(
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    assert written == ["a.jpg", "b/10.png", "b/2.png", "report.json"]
    assert [entry["output"] for entry in _report(tmp_path / "out/report.json")[1].values()] == seen
    values = read_photo(tmp_path / "out/b/2.png").values
    assert (values[0] == 253).all()
    assert (values[1:] == 2).all()


def test_every_failure_is_reported_and_the_run_goes_on(tmp_path, album, inverter):
    source = album(
        {"0.png": 0, "1.png": 1, "2.png": 2, "3.png": 3, "4.txt": b"hello", "5.png": b"", "6.png": 6}
    )
    outcomes = {1: MemoryError("secret"), 2: ValueError("secret"), 3: "blocked"}
    summary = run_files(source, tmp_path / "out", inverter(outcomes))
    report, entries = _report(tmp_path / "out/report.json")
    assert {name: entry["outcome"] for name, entry in entries.items()} == {
        "0.png": "anonymised",
        "1.png": "failed",
        "2.png": "failed",
        "3.png": "blocked",
        "4.txt": "failed",
        "5.png": "failed",
        "6.png": "anonymised",
    }
    assert "MemoryError" in entries["1.png"]["reason"]
    assert "ValueError" in entries["2.png"]["reason"]
    assert "secret" not in json.dumps(report)
    assert str(tmp_path) not in json.dumps(report)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "6.png", "report.json"]
    assert not summary.fine
    assert report["complete"]
    assert report["summary"] == {"anonymised": 2, "blocked": 1, "failed": 4}


def test_only_outcomes_that_allow_it_are_written(tmp_path, album, inverter):
    """An output next to the outcome `blocked` would be a mistake of whoever was called: it is not written."""

    class Careless:
        def __call__(self, pictures, progress=None, **_):
            result = inverter()(pictures)[0]
            return [type(result)(result.output, "blocked", reason="a face is left")]

    run_files(album({"a.png": 1}), tmp_path / "out", Careless())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.json"]


def test_a_picture_without_faces_is_skipped_or_copied(tmp_path, album, inverter, private_exif):
    source = album({"a.png": 1})
    Image.new("RGB", (12, 10)).save(source / "b.jpg", exif=private_exif)
    summary = run_files(source, tmp_path / "out", inverter({1: "no_face", 0: "no_face"}))
    assert summary.counts == {"no_face": 2}
    assert not summary.fine  # nothing was written
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.json"]
    options = RunOptions(no_face="copy")
    assert run_files(
        source, tmp_path / "copies", inverter({1: "no_face", 0: "no_face"}), options=options
    ).fine
    assert np.array_equal(read_photo(tmp_path / "copies/a.png").values, read_photo(source / "a.png").values)
    assert b"SECRET" not in (tmp_path / "copies/b.jpg").read_bytes()


def test_existing_outputs_are_kept_unless_asked(tmp_path, album, inverter):
    source, out = album({"a.png": 1}), tmp_path / "out"
    run_files(source, out, inverter())
    before = (out / "a.png").read_bytes()
    summary = run_files(source, out, inverter({1: "blurred"}))
    assert summary.counts == {"failed": 1}
    assert (out / "a.png").read_bytes() == before
    assert run_files(source, out, inverter({1: "blurred"}), options=RunOptions(overwrite=True)).counts == {
        "blurred": 1
    }


@pytest.mark.parametrize("fault", ["blocked", "too large", "damaged"])
def test_what_is_withheld_now_leaves_no_output_of_before(tmp_path, album, inverter, fault):
    source, out = album({"a.png": 1}), tmp_path / "out"
    Image.new("P", (12, 10)).save(source / "b.gif")
    run_files(source, out, inverter())
    for folder in (source, out):
        (folder / "a.txt").write_text("a caption, which is nobody's output")
    for path in source.iterdir() if fault == "damaged" else ():
        path.write_bytes(path.read_bytes()[:20])
    options = RunOptions(overwrite=True, max_pixels=5 if fault == "too large" else 200)
    stand_in = inverter({0: "blocked", 1: "blocked"})
    assert run_files(source, out, stand_in, options=options).written == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.txt", "report.json"]


def test_of_two_runs_into_one_folder_the_second_is_refused(tmp_path, album, inverter):
    one, other, out = album({"a.png": 1}), album({"b.png": 1}, "other"), tmp_path / "out"
    with Run.plan(one, out) as run:
        with pytest.raises(InputError, match="Another run"):
            run_files(other, out, inverter())
        run.do(run.jobs[0], inverter())
        assert run.close().fine
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "report.json"]
    assert _report(out / "report.json")[1].keys() == {"a.png"}
    assert run_files(other, out, inverter()).fine


def test_a_report_replaces_reports_only(tmp_path, album, inverter):
    boxes, folder = tmp_path / "boxes.json", tmp_path / "folder.json"
    boxes.write_text('{"a.png": []}')
    folder.mkdir()
    for report in (boxes, folder):
        with pytest.raises(InputError, match="no report of an earlier run"):
            run_files(album({"a.png": 1}), tmp_path / "out", inverter(), report=report)
    assert boxes.read_text() == '{"a.png": []}'


def test_files_of_ones_own_among_the_pictures_are_left_out(tmp_path, album, inverter):
    source = album({"a.png": 1, "boxes.json": b"{}"})
    options = RunOptions(leave_out=[source / "boxes.json"])
    assert run_files(source, tmp_path / "out", inverter(), options=options).counts == {"anonymised": 1}


def test_output_inside_the_input_is_not_read(tmp_path, album, inverter):
    source = album({"a.png": 1})
    for _ in range(2):
        summary = run_files(source, source / "done", inverter(), options=RunOptions(overwrite=True))
        assert summary.counts == {"anonymised": 1}


def test_loops_end_and_links_are_followed_once(tmp_path, album, inverter):
    source = album({"a/1.png": 1})
    album({"2.png": 2}, root="elsewhere")
    os.symlink(source, source / "a/loop")
    os.symlink(tmp_path / "elsewhere", source / "b")
    os.symlink("missing.png", source / "broken.png")
    run_files(source, tmp_path / "out", inverter())
    _, entries = _report(tmp_path / "out/report.json")
    outcomes = {name: entry["outcome"] for name, entry in entries.items()}
    assert outcomes == {
        "a/1.png": "anonymised",
        "a/loop": "failed",
        "b/2.png": "anonymised",
        "broken.png": "failed",
    }
    assert "read before" in entries["a/loop"]["reason"]


def test_inputs_are_never_overwritten(tmp_path, album, inverter):
    source = album({"a.png": 1})
    before = (source / "a.png").read_bytes()
    for target in (source, source / "../in", tmp_path):
        with pytest.raises(InputError, match="holds the input"):
            run_files(source, target, inverter(), options=RunOptions(overwrite=True))
    with pytest.raises(InputError, match="never overwritten"):
        run_files(source / "a.png", source, inverter(), options=RunOptions(overwrite=True))
    (tmp_path / "out").mkdir()
    os.link(source / "a.png", tmp_path / "out/a.png")
    assert run_files(source, tmp_path / "out", inverter(), options=RunOptions(overwrite=True)).counts == {
        "failed": 1
    }
    assert (source / "a.png").read_bytes() == before


def test_one_file(tmp_path, album, inverter):
    photo = album({"a.png": 1}) / "a.png"
    assert run_files(photo, tmp_path / "b.jpg", inverter(), report=tmp_path / "r.json").fine
    assert read_photo(tmp_path / "b.jpg").format == "JPEG"
    assert _report(tmp_path / "r.json")[1]["a.png"]["output"] == "b.jpg"
    assert run_files(photo, tmp_path / "new folder", inverter()).fine
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["a.png"]
    assert run_files(photo, tmp_path / "b.gif", inverter()).counts == {"failed": 1}


def test_contents_and_names_that_differ(tmp_path, album, inverter):
    """A PNG called .jpg stays a PNG, with its transparency; a GIF becomes a PNG, whose colours are not limited."""
    source = album({})
    source.mkdir()
    Image.new("RGBA", (12, 10), (9, 9, 9, 9)).save(source / "a.jpg", "PNG")
    Image.new("P", (12, 10)).save(source / "b.gif")
    run_files(source, tmp_path / "out", inverter())
    assert read_photo(tmp_path / "out/a.jpg").format == "PNG"
    assert read_photo(tmp_path / "out/b.gif.png").format == "PNG"


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_looked_at_and_kept(tmp_path, inverter, mode):
    picture, stand_in = Image.new(mode, (12, 10)), inverter()
    picture.putalpha(Image.linear_gradient("L").resize((12, 10)))
    picture.save(tmp_path / "a.png")
    assert run_files(tmp_path / "a.png", tmp_path / "b.png", stand_in).fine
    alpha = np.asarray(picture)[..., -1]
    assert np.array_equal(stand_in.seen[0][..., -1], alpha)
    output = Image.open(tmp_path / "b.png")
    assert output.mode == mode
    assert np.array_equal(np.asarray(output)[..., -1], alpha)


def test_boxes_reach_their_picture(tmp_path, album, inverter):
    source, stand_in = album({"a.png": 1, "b/c.png": 2}), inverter()
    run_files(source, tmp_path / "out", stand_in, options=RunOptions(boxes={"b/c.png": [(1, 2, 3, 4)]}))
    assert stand_in.boxes == [None, [[(1, 2, 3, 4)]]]
    with pytest.raises(InputError, match="boxes for 1 picture"):
        run_files(source, tmp_path / "out", stand_in, options=RunOptions(boxes={"c.png": []}))


def test_progress_ends_at_the_number_of_files(tmp_path, album, inverter):
    steps = []
    run_files(
        album({"a.png": 1, "b.png": b""}),
        tmp_path / "out",
        inverter(),
        progress=lambda *step: steps.append(step),
    )
    assert steps == sorted(steps)
    assert steps[-1] == (2, 2)


def test_what_cannot_be_meant(tmp_path, album, inverter):
    source = album({"a.png": 1})
    for arguments, says in (
        ({"source": tmp_path / "none", "target": tmp_path / "out"}, "does not exist"),
        ({"source": source, "target": source / "a.png"}, "is a file"),
        ({"source": source, "target": tmp_path / "out", "report": source / "a.png"}, r"\.json"),
        (
            {"source": source / "a.png", "target": tmp_path / "b.png", "options": RunOptions(resume=True)},
            "--report",
        ),
    ):
        with pytest.raises(InputError, match=says):
            run_files(anonymize=inverter(), **arguments)
    with pytest.raises(InputError, match="skip or copy"):
        RunOptions(no_face="keep")
