"""Sets of pictures: chosen attributes, two passes, and what stands out is withheld."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from styleid import Anonymizer
from styleid.datasets import RunOptions, release, release_folder, release_pictures
from styleid.errors import ImageError, InputError
from styleid.privacy import Release, Wish

pytestmark = pytest.mark.usefixtures("small_crops")
RELEASE = Release(attributes=("Male",), sensitive="Young", k=2)


@pytest.fixture
def anonymizer(tiny_family, make_face, monkeypatch):
    monkeypatch.setattr(release, "TRIES", 2)
    return Anonymizer(
        tiny_family, "high", 1, detect=lambda picture: [make_face(60, 70, 60)], on_failure="blur"
    )


@pytest.fixture
def pictures(photograph):
    return [photograph(130, 130, seed=i) for i in range(5)]


def test_what_is_reported_is_what_the_outputs_show(anonymizer, pictures):
    results, report = release_pictures(anonymizer, pictures, RELEASE)
    published = [r for r in results if r.output is not None]
    shown = [face.attributes["Male"]["after"] >= 0.5 for r in published for face in r.faces]
    assert report.after.faces == len(shown) and report.withheld == len(pictures) - len(published)
    assert not shown or report.after.k == min(shown.count(value) for value in set(shown)) >= 2
    assert not shown or report.after.meets(RELEASE)


def test_wishes_steer_the_choice_of_targets(anonymizer, pictures):
    """More faces show an attribute that was asked for than one that was asked not to be shown."""
    counts = []
    for value in (True, False):
        asked = Wish(choices=({"Smiling": value},), tries=6)
        results = anonymizer(pictures, wanted=[[asked]] * len(pictures))
        counts.append(sum(r.faces[0].attributes["Smiling"]["after"] >= 0.5 for r in results))
    assert counts[0] > counts[1]


def test_a_folder_gives_the_same_pictures_as_the_list(anonymizer, pictures, tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    arrays = [(picture.numpy() * 255).round().astype(np.uint8) for picture in pictures]
    for number, array in enumerate(arrays):
        Image.fromarray(array).save(source / f"{number}.png")
    (source / "broken.png").write_bytes(b"no picture")
    results, expected = release_pictures(anonymizer, arrays, RELEASE)
    summary, report = release_folder(source, target, anonymizer, RELEASE)
    assert report == expected and summary.counts["failed"] == 1
    plain = json.loads((target / "report.json").read_text())
    assert plain["release"]["after"]["k"] == report.after.k and plain["summary"] == dict(summary.counts)
    entries = {entry["source"]: entry for entry in plain["pictures"]}
    told = [face["attributes"] for entry in plain["pictures"] for face in entry["faces"]]
    assert told and {key for each in told for values in each.values() for key in values} == {"after"}
    for number, result in enumerate(results):
        path = target / f"{number}.png"
        assert path.exists() == (result.output is not None)
        assert entries[f"{number}.png"]["outcome"] == result.outcome
        if path.exists():
            assert np.array_equal(np.asarray(Image.open(path)), result.output)
    assert summary.written == len(list(target.glob("*.png")))


@pytest.fixture
def one_stands_out(monkeypatch):
    """Whatever is tried, the first picture stands out."""
    monkeypatch.setattr(release, "to_withhold", lambda shown, owners, asked, unfit=(): {0})


@pytest.mark.usefixtures("one_stands_out")
def test_withheld_pictures_are_tried_again_and_then_gone(anonymizer, pictures, tmp_path):
    results, report = release_pictures(anonymizer, pictures[:2], RELEASE)
    assert results[0].outcome == "blocked" and results[0].output is None
    assert report.withheld == 1 and report.rounds == release.ROUNDS
    source, target = _album(tmp_path / "in", pictures[:2]), tmp_path / "out"
    told = []
    summary, _ = release_folder(source, target, anonymizer, RELEASE, on_file=told.append)
    assert not (target / "0.png").exists() and (target / "1.png").exists()
    plain = json.loads((target / "report.json").read_text())
    entries = {entry["source"]: entry for entry in plain["pictures"]}
    assert len(entries) == len(plain["pictures"]) == 2 and plain["summary"] == dict(summary.counts)
    gone = entries["0.png"]
    assert gone["output"] is None and gone["outcome"] == "blocked" and summary.counts["blocked"] == 1
    assert {face["outcome"] for face in gone["faces"]} == {"blocked"}
    assert [one.source for one in told].count("0.png") == release.ROUNDS + 1


def _album(folder, pictures):
    folder.mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray((picture.numpy() * 255).round().astype(np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.mark.usefixtures("one_stands_out")
@pytest.mark.parametrize("ends_at", [2, 4])  # the third picture; the first one again, whose output is gone
def test_a_run_that_ends_early_publishes_nothing(anonymizer, pictures, tmp_path, monkeypatch, ends_at):
    source, target = _album(tmp_path / "in", pictures[:4]), tmp_path / "out"
    make, calls = Anonymizer.__call__, []

    def ends(self, *args, **options):
        calls.append(len(list(target.glob("*.png"))))
        if len(calls) > ends_at:
            raise KeyboardInterrupt
        return make(self, *args, **options)

    monkeypatch.setattr(Anonymizer, "__call__", ends)
    with pytest.raises(KeyboardInterrupt):
        release_folder(source, target, anonymizer, RELEASE)
    assert calls[-1] >= 2 and not list(target.glob("*.png"))
    plain = json.loads((target / "report.json").read_text())
    assert not plain["complete"] and plain["summary"] == {"blocked": ends_at if ends_at < 4 else 4}
    assert all(entry["output"] is None for entry in plain["pictures"])


@pytest.mark.parametrize("name", ["in", "in/0.png"])
def test_an_output_that_cannot_be_measured_is_not_published(
    anonymizer, pictures, tmp_path, monkeypatch, name
):
    """Nor is a single file, of which there need not be a report."""
    _album(tmp_path / "in", pictures[:2])
    target, read = tmp_path / "out", release.read_photo

    def unreadable(path, **options):
        if path.is_relative_to(target):
            raise ImageError("cannot be read")
        return read(path, **options)

    monkeypatch.setattr(release, "read_photo", unreadable)
    with pytest.raises(ImageError, match="cannot be read"):
        release_folder(tmp_path / name, target, anonymizer, Release(attributes=("Male",), k=1))
    assert target.is_dir() and not list(target.glob("*.png"))


@pytest.mark.usefixtures("one_stands_out")
def test_a_resumed_run_that_ends_early_leaves_nothing_of_the_earlier_one(
    anonymizer, pictures, tmp_path, monkeypatch
):
    source, target = _album(tmp_path / "in", pictures[:3]), tmp_path / "out"
    release_folder(source, target, anonymizer, RELEASE)
    assert len(list(target.glob("*.png"))) == 2

    def ends(self, *args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Anonymizer, "__call__", ends)
    with pytest.raises(KeyboardInterrupt):
        release_folder(source, target, anonymizer, RELEASE, options=RunOptions(resume=True))
    assert not list(target.glob("*.png"))


def test_a_set_is_not_gone_on_with_when_pictures_are_gone(anonymizer, pictures, tmp_path):
    source, target = _album(tmp_path / "in", pictures[:3]), tmp_path / "out"
    release_folder(source, target, anonymizer, RELEASE)
    (source / "0.png").unlink()
    before = sorted(path.name for path in target.iterdir())
    with pytest.raises(InputError, match="no longer in the input"):
        release_folder(source, target, anonymizer, RELEASE, options=RunOptions(resume=True))
    assert sorted(path.name for path in target.iterdir()) == before


def test_what_is_seen_in_the_output_and_what_is_reported_must_agree(anonymizer, pictures, monkeypatch):
    """Nothing rests on a face whose attributes depend on how one looks."""
    look = Anonymizer.confidences

    def other_eyes(self, image, names, *, boxes=None):
        seen = look(self, image, names, boxes=boxes)
        return 1 - seen if boxes is not None else seen

    monkeypatch.setattr(Anonymizer, "confidences", other_eyes)
    results, report = release_pictures(anonymizer, pictures[:2], RELEASE)
    assert all(result.output is None for result in results) and report.after.faces == 0


def test_own_boxes_are_the_faces(tiny_family, pictures, monkeypatch):
    """With boxes the detector is not asked about the sources."""
    found = Anonymizer(tiny_family, "high", 1, detect=lambda picture: [], on_failure="blur")
    boxes = [[(30.0, 40.0, 90.0, 100.0)]] * 2
    results, report = release_pictures(found, pictures[:2], RELEASE, boxes=boxes)
    assert report.before.faces == 2 == sum(len(result.faces) for result in results)
    with pytest.raises(InputError, match="lists of boxes"):
        release_pictures(found, pictures, RELEASE, boxes=boxes)


@pytest.mark.parametrize(("obedient", "published"), [(True, 9), (False, 6)])
def test_the_plan_fills_classes(obedient, published):
    """Nine portraits, three of which stand out: whoever follows the wishes loses none of them."""
    asked = Release(attributes=("Male", "Smiling"), k=3)
    sources = [
        torch.tensor([row], dtype=torch.float32)
        for row in [(0.9, 0.9)] * 6 + [(0.1, 0.9), (0.9, 0.1), (0.1, 0.1)]
    ]

    def make(number, wishes):
        (wish,) = wishes
        own = sources[number] >= 0.5
        return torch.tensor([[wish.choices[0][name] for name in asked.names]]) if obedient else own

    out, report = release._Set(asked, sources, make).run()
    assert report.after.faces == published == 9 - len(out) and report.after.meets(asked)


def test_too_few_faces_and_unknown_attributes_are_refused(anonymizer, pictures):
    with pytest.raises(InputError, match="cannot be 9-anonymous"):
        release_pictures(anonymizer, pictures, Release(attributes=("Male",), k=9))
    with pytest.raises(InputError, match="does not know Tall"):
        anonymizer.confidences(torch.zeros(64, 64, 3), ["Tall"])
