"""Pictures before and after: what is counted, what is measured, and what is never in a report."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from styleid.errors import InputError
from styleid.evaluate import examiners_of
from styleid.evaluate.faces import pair_faces
from styleid.evaluate.sample import Sample
from styleid.metrics import identity_distance


def test_faces_pair_by_place(make_face):
    before = [make_face(50, 50, 40), make_face(120, 50, 40), make_face(300, 50, 40)]
    after = [make_face(118, 52, 42), make_face(55, 49, 38), make_face(200, 200, 40)]
    assert pair_faces(before, after) == [1, 0, None]
    assert pair_faces(before, []) == [None, None, None]
    assert pair_faces([], after) == []


def test_unchanged_pictures_are_recognised(evaluation, photograph):
    run = evaluation()
    for seed in range(4):
        image = photograph(seed=seed)
        run.add(f"{seed}.png", image, image)
    data = run.report().data
    assert data["pictures"] == {"compared": 4, "without a face": 0, "resized outputs": 0}
    for name in ("judge", "tuner"):
        assert data["identity"][name]["output"]["mean"] == pytest.approx(0, abs=1e-6)
        assert data["identity"][name]["output"]["beyond"]["value"] == 0
        assert data["reidentification"][name]["naive"]["rank"]["1"]["value"] == 1
        assert data["identity"][name]["role"] == name
    assert data["judge"] == "judge"
    assert data["attributes"]["preserved"] == 1
    assert data["quality"]["psnr"] == {"faces": 0, "equal": 8}
    assert data["quality"]["ssim"]["mean"] == pytest.approx(1)
    assert data["background"]["untouched"] == 4
    assert data["drift"]["landmarks"]["mean"] == 0
    assert data["drift"]["gaze"].get("mean", 0) == 0


def test_distances_are_those_of_the_recogniser(evaluation, photograph, changed, tiny_family, faces):
    from styleid.faces import align_faces

    before = photograph()
    after = changed(before)
    run = evaluation()
    run.add("a.png", before, after)
    crops = [align_faces(image[None], [faces], 64).crops for image in (before, after)]
    expected = identity_distance(*crops, tiny_family.judge)
    rows = run.report().faces
    for row, distance in zip(rows, expected.tolist(), strict=True):
        assert row["judge output"] == row["judge place"] == pytest.approx(distance, abs=1e-5)
        assert row["judge reconstruction"] > 0 and row["judge swap"] > 0


def test_a_face_that_is_not_found_is_counted_and_never_a_distance(evaluation, photograph, changed, faces):
    calls = []

    def detect(image):  # outputs are looked at second: there the first face is missing
        calls.append(image)
        return faces if len(calls) % 2 else faces[1:]

    run = evaluation(detect, sample=0)
    for seed in range(3):
        run.add(f"{seed}.png", photograph(seed=seed), changed(photograph(seed=seed), seed + 50))
    report = run.report()
    data = report.data
    assert data["faces"] == {
        "in originals": 6, "found": 3, "not found": 3, "withheld": 0, "new in outputs": 0, "not measured": 0,
    }  # fmt: skip
    table = data["identity"]["judge"]
    assert table["output"]["faces"] == 3 and table["place"]["faces"] == 6
    assert table["output"]["beyond"]["value"] == 1
    assert table["output"]["beyond_conservative"]["value"] == 0.5
    attack = data["reidentification"]["judge"]["naive"]
    assert (attack["probes"], attack["not_found"]) == (6, 3)
    assert attack["rank_conservative"]["1"]["value"] >= 0.5
    assert attack["auc_conservative"]["value"] == pytest.approx(0.5 * attack["auc"]["value"] + 0.5)
    assert data["attributes"]["preserved_conservative"] == pytest.approx(
        data["attributes"]["preserved"] / 2, abs=1e-5
    )
    assert all("judge output" not in row for row in report.faces if row["outcome"] == "not found")


def test_withheld_pictures_are_no_probes(evaluation, photograph):
    run = evaluation()
    run.add("a.png", photograph(), None)
    run.add("b.png", photograph(seed=1), photograph(seed=1))
    data = run.report().data
    assert data["pictures"]["withheld"] == 1
    assert data["faces"]["withheld"] == 2
    assert data["reidentification"]["judge"]["naive"]["probes"] == 2
    assert data["reidentification"]["judge"]["naive"]["gallery_identities"] == 4


def test_the_parrot_needs_two_pictures_of_one_person(evaluation, photograph, changed):
    alone = evaluation(sample=0)
    together = evaluation(sample=0)
    for seed in range(4):
        image = photograph(seed=seed)
        alone.add(f"{seed}.png", image, image)
        together.add(f"{seed}.png", image, image, identity="ann" if seed % 2 else "bob")
    assert "two pictures" in alone.report().data["reidentification"]["judge"]["parrot"]["note"]
    attacks = together.report(labels="list").data["reidentification"]["judge"]
    for name in ("clean", "parrot", "naive, other pictures"):
        assert attacks[name]["genuine_pairs"] == (4 if "other" in name else 2)
    # the largest face is the named one, the others are people of their own
    assert together.report().data["labels"]["identities"] == 2 + 4


def test_baselines_stand_beside_the_output(evaluation, photograph, changed):
    run = evaluation()
    for seed in range(3):
        run.add(f"{seed}.png", photograph(seed=seed), changed(photograph(seed=seed), seed + 50))
    rows = {row["method"]: row for row in run.report().data["baselines"]["methods"]}
    assert list(rows) == [
        "nothing", "reconstruction only", "blur", "pixelation", "black bar", "5-same-pixel", "the output",
    ]  # fmt: skip
    assert rows["nothing"]["recognisers"]["judge"]["distance"] == pytest.approx(0, abs=1e-6)
    assert rows["nothing"]["recognisers"]["judge"]["rank_1"] == 1
    assert rows["blur"]["ssim"] < rows["nothing"]["ssim"] == pytest.approx(1)
    assert all(row["faces"] == 6 for row in rows.values())
    few = evaluation()
    few.add("a.png", photograph(), photograph())
    rows = {row["method"]: row for row in few.report().data["baselines"]["methods"]}
    assert "at least k faces" in rows["5-same-pixel"]["note"]


def test_background_is_outside_the_reported_areas(evaluation, photograph):
    before = photograph()
    after = before.clone()
    after[0, 0] = 1 - after[0, 0].round()
    run = evaluation(sample=0)
    run.add("a.png", before, after, areas=[(10, 10, 200, 150)])
    background = run.report().data["background"]
    assert background["untouched"] == 0 and background["largest"] > 0.4
    run = evaluation(sample=0)
    run.add("a.png", before, after, areas=[(0, 0, 1, 1)])
    assert run.report().data["background"]["untouched"] == 1


def test_an_output_of_another_size_is_compared_at_the_originals(evaluation, photograph):
    before = photograph()
    small = torch.nn.functional.interpolate(before.movedim(-1, 0)[None], size=(80, 120), mode="area")[0]
    run = evaluation(sample=0)
    run.add("a.png", before, small.movedim(0, -1))
    data = run.report().data
    assert data["pictures"]["resized outputs"] == 1
    assert data["faces"]["found"] == 2
    assert "note" in data["background"]


def test_a_family_without_parts_measures_the_rest(evaluation, photograph, tiny_family):
    from dataclasses import replace

    run = evaluation()
    run.family = replace(tiny_family, attributes=None, parser=None, seg_encoder=None, ranking=None)
    run.add("a.png", photograph(), photograph())
    data = run.report().data
    assert "no attribute net" in data["attributes"]["note"]
    assert data["drift"]["mouth_open"]["faces"] == 0
    assert data["identity"]["judge"]["output"]["faces"] == 2


def test_no_face_at_all_is_a_report_without_rates(evaluation, photograph):
    run = evaluation(lambda image: [])
    run.add("a.png", photograph(), photograph())
    data = run.report().data
    assert data["pictures"]["without a face"] == 1
    assert data["identity"] == data["reidentification"] == {}
    assert data["faces"]["in originals"] == 0


def test_a_report_holds_no_embedding(evaluation, photograph):
    run = evaluation()
    for seed in range(3):
        run.add(f"{seed}.png", photograph(seed=seed), photograph(seed=seed), identity="ann")
    report = run.report()
    text = json.dumps(report.to_dict(), allow_nan=False)
    numbers = {round(float(v), 6) for face in run.faces for v in face.before["judge"]}
    written = {float(number) for number in re.findall(r"-?\d+\.\d+", text)}
    assert len(numbers & written - {0.0, 1.0}) < 3  # chance, not a vector of hundreds
    assert "tensor" not in repr(report) + repr(run.faces)


def test_thresholds_measured_on_these_people(evaluation, photograph, changed):
    run = evaluation(sample=0)
    for seed in range(8):  # 16 faces, 120 pairs of two people: enough for a rate of 1e-2, not of 1e-3
        run.add(f"{seed}.png", photograph(seed=seed), changed(photograph(seed=seed), seed + 50))
    table = run.report().data["identity"]["judge"]
    clean = torch.stack([face.before["judge"] for face in run.faces])
    closest = torch.pdist(clean).sort().values
    assert table["threshold_measured_here"] == {
        "0.01": pytest.approx(float(closest[1]), abs=1e-5),
        "0.001": None,
    }
    expected = [face.distances["judge"]["output"] > float(closest[1]) for face in run.faces]
    assert table["output"]["beyond_measured_here"] == {"0.01": np.mean(expected)}


def test_who_chose_may_not_judge(tiny_family):
    by_name = {one.name: one.role for one in examiners_of(tiny_family)}
    assert by_name == {"judge": "judge", "tuner": "tuner"}
    with pytest.raises(InputError, match="none can judge"):
        examiners_of(tiny_family, chosen_by=["judge"])
    with pytest.raises(InputError, match="no recogniser 'x'"):
        examiners_of(tiny_family, ["x"])


def test_a_named_recogniser_brings_its_threshold(tiny_family):
    *_, extra = examiners_of(tiny_family, ["embedded-judge"])
    assert (extra.name, extra.role) == ("embedded-judge", "judge")
    assert extra.threshold > 0
    assert "rendered" in extra.trained_on


def test_the_sample_is_bounded_and_fair(faces, photograph):
    from styleid.faces import align_faces

    aligned = align_faces(photograph()[None], [faces[:1]], 16)
    counts = np.zeros(40)
    for round_ in range(200):
        sample = Sample(10)
        sample._rng = np.random.default_rng(round_)
        for number in range(40):
            sample.offer(number, aligned, aligned.crops[0])
        assert len(sample) == 10 and sample.offered == 40
        counts[sample.numbers] += 1
    assert counts.min() > 20 and counts.max() < 85  # 50 each on average
