"""Nodes that measure: numbers for other nodes, a text for people, a chart for the preview."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import pytest
import torch


@pytest.fixture
def crops(photograph) -> tuple[torch.Tensor, torch.Tensor]:
    """Six aligned crops [6, 64, 64, 3] and as many others."""
    source = torch.stack([photograph(64, 64, seed) for seed in range(6)])
    return source, torch.stack([photograph(64, 64, seed) for seed in range(20, 26)])


@pytest.fixture
def two_faces(pack: ModuleType, monkeypatch, make_face) -> None:
    """Every photograph has its two faces at known places; they are measured at 64 pixels, which is faster."""
    module, places = (
        sys.modules[f"{pack.__name__}.styleid.evaluate.{name}"] for name in ("evaluation", "faces")
    )
    monkeypatch.setattr(module, "CROP", 64)
    monkeypatch.setattr(places, "CROP", 64)
    face_class = sys.modules[f"{pack.__name__}.styleid.faces.face"].Face
    known = [make_face(60, 70, 60), make_face(170, 80, 70)]
    faces = [face_class(face.box, face.landmarks, face.score, face.detector) for face in known]
    monkeypatch.setattr(module, "detect_faces", lambda image, **options: faces)


def is_chart(image: torch.Tensor, count: int = 1) -> bool:
    return image.shape == (count, 540, 900, 3) and float(image.std()) > 0.05 and float(image.min()) >= 0


def test_attribute_distance(node, crops, tiny_family):
    source, output = crops
    mean, preserved, report, chart = node("StyleIDAttributeDistance")(
        models=tiny_family, source=source, output=output
    )
    before, after = (tiny_family.attribute_confidences(part) for part in crops)
    assert mean == pytest.approx(float((before - after).norm(dim=1).mean()), abs=1e-5)
    assert preserved == pytest.approx(float(((before >= 0.5) == (after >= 0.5)).float().mean()))
    assert report.count("face ") == 6 and is_chart(chart)
    same = node("StyleIDAttributeDistance")(models=tiny_family, source=source, output=source)
    assert same[:2] == (0.0, 1.0)


def test_disentanglement_score_uses_the_rankings_constants(node, crops, tiny_family, errors):
    from dataclasses import replace

    source, output = crops
    constants = {"id_low": 0.0, "id_high": 0.5, "attr_low": 0.0, "attr_high": 0.25}
    ranking = replace(tiny_family.ranking, provenance={"reference": json.dumps(constants)})
    models = replace(tiny_family, ranking=ranking)
    run = node("StyleIDDisentanglementScore")
    score, report, chart = run(models=models, source=source, output=output, alpha=2.0, beta=0.5)
    a, b = (models.recogniser.embed(part) for part in crops)
    c, d = (models.attribute_confidences(part) for part in crops)
    expected = 2 * (a - b).norm(dim=1).mean() / 0.5 - 0.5 * (c - d).norm(dim=1).mean() / 0.25
    assert score == pytest.approx(float(expected), abs=1e-4)
    assert report.count("face ") == 6 and is_chart(chart)
    assert run(models=models, source=source, output=source, alpha=1.0, beta=1.0)[0] == 0
    with pytest.raises(errors.InputError, match="Rank them first"):
        run(models=tiny_family, source=source, output=output, alpha=1.0, beta=1.0)


def test_unchanged_faces_are_recognised(node, crops, tiny_family):
    source, _ = crops
    auc, rank, report, chart = node("StyleIDReidentificationReport")(
        models=tiny_family, source=source, output=source
    )
    assert (auc, rank) == (1.0, 1.0)
    assert "6 people" in report and "naive: rank-1 1.00" in report and is_chart(chart)


def test_a_parrot_needs_identities(node, crops, tiny_family, errors):
    source, output = crops
    inputs = {"models": tiny_family, "source": source, "output": output, "attacker": "parrot"}
    with pytest.raises(errors.InputError, match="two pictures of one person"):
        node("StyleIDReidentificationReport")(**inputs)
    with pytest.raises(errors.InputError, match="each of the 6 in order, found 2"):
        node("StyleIDReidentificationReport")(**inputs, identities="A, B")
    one_each = output.clone()
    one_each[1], one_each[3], one_each[5] = output[0], output[2], output[4]
    auc, rank, *_ = node("StyleIDReidentificationReport")(
        **inputs | {"output": one_each}, identities="A, A\nB, B, C, C"
    )
    assert (auc, rank) == (1.0, 1.0)


def test_everybody_behind_one_face_collides(node, crops, tiny_family):
    source, output = crops
    run = node("StyleIDIdentityDiversity")
    before, after, pairs, report, chart = run(
        models=tiny_family, source=source, output=output[:1].expand(6, -1, -1, -1)
    )
    assert before > after == 1
    assert pairs == 15 and "faces that collide: 1, 2, 3, 4, 5, 6" in report and is_chart(chart)
    alike = output[:1].expand(6, -1, -1, -1)
    assert run(models=tiny_family, source=source, output=alike, identities="A,A,A,A,A,A")[2] == 0


@pytest.mark.parametrize(
    "kind",
    [
        "IdentityDistance",
        "AttributeDistance",
        "DisentanglementScore",
        "ReidentificationReport",
        "IdentityDiversity",
    ],
)
def test_no_face_is_no_number_and_one_found_again_says_nothing_of_the_others(
    node, crops, tiny_family, errors, kind
):
    source, output = crops
    for found, says in (
        ((source[:0], source[:0]), "no face"),
        ((source, output[:1]), "6 source faces and 1 "),
    ):
        with pytest.raises(errors.InputError, match=says):
            node(f"StyleID{kind}")(models=tiny_family, source=found[0], output=found[1])


def test_privacy_report_of_finished_photographs(node, photograph, tiny_family, two_faces):
    images = torch.stack([photograph(seed=seed) for seed in range(3)])
    outputs = torch.stack([photograph(seed=seed) for seed in range(10, 13)])
    run = node("StyleIDPrivacyReport")
    hidden, recognised, preserved, report, table, charts = run(
        models=tiny_family, images=images, anonymised=outputs
    )
    assert hidden == 1.0 and 0 <= recognised < 1 and 0 <= preserved <= 1
    data = json.loads(table)
    assert data["judge"] == "judge" and data["faces"]["found"] == 6
    assert "blur" in report
    assert is_chart(charts, 4)
    hidden, recognised, preserved, report, _, charts = run(
        models=tiny_family, images=images, anonymised=images, baselines=False, identities="A, B, B"
    )
    assert (hidden, recognised, preserved) == (0.0, 1.0, 1.0)
    assert "parrot: rank-1" in report and is_chart(charts, 3)


def test_pictures_that_do_not_pair_are_counted_as_pictures(node, tiny_family, errors, modules):
    images = torch.zeros(3, 64, 64, 3)
    with pytest.raises(errors.InputError, match="3 originals and 1 outputs"):
        node("StyleIDPrivacyReport")(models=tiny_family, images=images, anonymised=images[:1])
    with pytest.raises(errors.InputError, match="one per image"):
        modules("nodes.faces").boxes_of(torch.zeros(2, 64, 64), images)


def test_privacy_report_of_nobody_stops(node, photograph, tiny_family, errors, pack, monkeypatch):
    module = sys.modules[f"{pack.__name__}.styleid.evaluate.evaluation"]
    monkeypatch.setattr(module, "detect_faces", lambda image, **options: [])
    image = photograph()[None]
    with pytest.raises(errors.InputError, match="not privacy"):
        node("StyleIDPrivacyReport")(models=tiny_family, images=image, anonymised=image)
