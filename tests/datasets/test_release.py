"""Sets of pictures: chosen attributes, two passes, and what stands out is withheld."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from styleid import Anonymizer
from styleid.datasets import release_folder, release_pictures
from styleid.errors import InputError
from styleid.pipeline import propose
from styleid.privacy import Release

pytestmark = pytest.mark.usefixtures("small_crops")
RELEASE = Release(attributes=("Male",), sensitive="Young", k=2)


@pytest.fixture
def anonymizer(tiny_family, make_face, monkeypatch):
    monkeypatch.setattr(propose, "PLANNED", 4)
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
    """Over several identities, more faces show an attribute that was asked for than one that was not."""
    counts = []
    for value in (True, False):
        results = anonymizer(pictures, wanted=[[{"Smiling": value}]] * len(pictures))
        counts.append(sum(r.faces[0].attributes["Smiling"]["after"] >= 0.5 for r in results))
    assert counts[0] >= counts[1]


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
    for number, result in enumerate(results):
        path = target / f"{number}.png"
        assert path.exists() == (result.output is not None)
        assert entries[f"{number}.png"]["outcome"] == result.outcome
        if path.exists():
            assert np.array_equal(np.asarray(Image.open(path)), result.output)
    assert summary.written == len(list(target.glob("*.png")))


def test_withheld_pictures_are_gone(anonymizer, pictures, tmp_path, monkeypatch):
    from styleid.datasets import release

    monkeypatch.setattr(release, "to_withhold", lambda shown, owners, asked: {0})
    results, report = release_pictures(anonymizer, pictures, RELEASE)
    assert results[0].outcome == "blocked" and results[0].output is None and report.withheld == 1
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number, picture in enumerate(pictures[:3]):
        Image.fromarray((picture.numpy() * 255).round().astype(np.uint8)).save(source / f"{number}.png")
    summary, _ = release_folder(source, target, anonymizer, RELEASE)
    assert not (target / "0.png").exists() and (target / "1.png").exists()
    entry = json.loads((target / "report.json").read_text())["pictures"][0]
    assert entry["output"] is None and entry["outcome"] == "blocked" and summary.counts["blocked"] == 1


def test_too_few_faces_and_unknown_attributes_are_refused(anonymizer, pictures):
    with pytest.raises(InputError, match="cannot be 9-anonymous"):
        release_pictures(anonymizer, pictures, Release(attributes=("Male",), k=9))
    with pytest.raises(InputError, match="does not know Tall"):
        anonymizer.confidences(torch.zeros(64, 64, 3), ["Tall"])
