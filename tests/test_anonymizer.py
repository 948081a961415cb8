from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from styleid import Anonymizer
from styleid.errors import InputError

FACES = [(60, 70, 60), (170, 80, 70)]

pytestmark = pytest.mark.usefixtures("small_crops")


@pytest.fixture
def two_faces(make_face):
    return lambda picture: [make_face(*face) for face in FACES]


@pytest.fixture
def anonymizer(tiny_family, two_faces):
    def make(**options):
        return Anonymizer(options.pop("family", tiny_family), **{"detect": two_faces, **options})

    return make


@pytest.mark.parametrize("level", ["low", "medium", "high"])
def test_every_level_replaces_every_face_and_reports_it(anonymizer, photograph, level):
    picture = photograph()
    (result,) = anonymizer(level=level)(picture)
    assert result.outcome == "anonymised"
    assert [face.outcome for face in result.faces] == ["anonymised"] * 2
    for face, (x, y, _) in zip(result.faces, FACES, strict=True):
        assert result.changed[y, x]
        assert set(face.distances) == {"tuner", "judge"} and face.judge == "judge" and face.tuner == "tuner"
        assert face.distances["judge"]["after"] > face.distances["judge"]["threshold"]
        assert face.distances["tuner"]["before"] >= 0
        assert set(face.attributes) == {"Male", "Smiling", "Young"}
        assert face.attempts >= 1 and face.method and face.area
    assert json.loads(json.dumps(result.to_dict()))["outcome"] == "anonymised"


def test_pixels_outside_the_changed_boxes_are_the_sources(anonymizer, photograph):
    picture = photograph()
    (result,) = anonymizer(level="high", seed=1)(picture)
    outside = torch.ones(picture.shape[:2], dtype=torch.bool)
    for face in result.faces:
        x0, y0, x1, y1 = face.changed_box
        outside[y0:y1, x0:x1] = False
    assert outside.any()
    assert torch.equal(result.output[outside], picture[outside])
    assert torch.equal(
        result.output[~torch.from_numpy(result.changed)], picture[~torch.from_numpy(result.changed)]
    )


def test_a_seed_repeats_whatever_else_is_in_the_batch(anonymizer, photograph):
    run = anonymizer(seed=5)
    first, second = photograph(seed=1), photograph(seed=2)
    together = run([first, second])
    alone = run(second)
    assert torch.equal(together[1].output, alone[0].output)
    assert not torch.equal(alone[0].output, anonymizer(seed=6)(second)[0].output)


def test_without_a_seed_every_run_gives_another_face(anonymizer, photograph):
    run = anonymizer()
    assert not torch.equal(run(photograph())[0].output, run(photograph())[0].output)


def test_two_copies_of_one_face_get_two_identities(anonymizer, photograph, make_face):
    half = photograph(160, 120)
    picture = torch.cat([half, half], dim=1)
    (result,) = anonymizer(detect=lambda _: [make_face(60, 80, 60), make_face(180, 80, 60)], seed=3)(picture)
    assert not torch.equal(result.output[:, :120], result.output[:, 120:])


def as_numpy(picture, dtype):
    scale = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    return (picture.numpy() * scale).round(6).astype(dtype)


TYPES = [(dtype, 3) for dtype in ("uint8", "uint16", "float16", "float32", "float64")]
TYPES += [("uint8", channels) for channels in (0, 1, 2, 4)] + [("uint16", 0), ("float32", 4)]


@pytest.mark.parametrize(("dtype", "channels"), TYPES)
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_output_has_the_type_of_the_input_and_its_exact_background(
    anonymizer, photograph, dtype, channels, kind
):
    picture = as_numpy(photograph(), dtype)
    alpha = np.ones_like(picture[..., :1])
    colours = picture[..., : 3 if channels > 2 else 1]
    picture = np.concatenate([colours, alpha], -1) if channels in (2, 4) else colours
    picture = np.ascontiguousarray(picture[..., 0] if channels == 0 else picture)
    given = torch.from_numpy(picture) if kind == "torch" else picture
    keep = picture.copy()
    (result,) = anonymizer(seed=1)(given)
    assert type(result.output) is type(given) and result.output.dtype == given.dtype
    output = np.asarray(result.output)
    assert output.shape == keep.shape
    assert np.array_equal(output[~result.changed], keep[~result.changed])
    assert not np.array_equal(output[result.changed], keep[result.changed])
    assert np.array_equal(np.asarray(given), keep), "the input was written to"
    if channels in (2, 4):
        assert np.array_equal(output[..., -1], keep[..., -1])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("RGB", "RGB"),
        ("L", "L"),
        ("RGBA", "RGBA"),
        ("LA", "LA"),
        ("I;16", "I;16"),
        ("CMYK", "RGB"),
        ("P", "RGB"),
        ("1", "L"),
    ],
)
def test_pil_images_come_back_as_pil_images_without_metadata(anonymizer, photograph, mode, expected):
    picture = Image.fromarray(as_numpy(photograph(), "uint8"))
    if mode == "I;16":
        picture = Image.fromarray(as_numpy(photograph()[..., 0], "uint16"))
    picture = picture if picture.mode == mode else picture.convert(mode)
    picture.info["comment"] = "private"
    (result,) = anonymizer(seed=1)(picture)
    assert isinstance(result.output, Image.Image) and result.output.mode == expected
    assert result.output.size == picture.size
    assert "comment" not in result.output.info and not result.output.getexif()
    if mode == expected:
        assert np.array_equal(
            np.asarray(result.output)[~result.changed], np.asarray(picture)[~result.changed]
        )


def test_batches_and_lists_keep_their_order(anonymizer, photograph):
    batch = torch.stack([photograph(seed=i) for i in range(3)])
    results = anonymizer(seed=1)(batch)
    assert len(results) == 3 and [r.output.shape for r in results] == [batch.shape[1:]] * 3
    mixed = anonymizer(seed=1)([batch[0], as_numpy(batch[1], "uint8")])
    assert torch.equal(mixed[0].output, results[0].output) and mixed[1].output.dtype == np.uint8
    assert len(anonymizer()([])) == 0


@pytest.mark.parametrize(
    "bad",
    [
        "a string",
        None,
        torch.rand(3, 64, 64),
        torch.rand(64, 64, 3) * 255,
        torch.rand(64, 64, 3) * 2 - 1,
        torch.full((64, 64, 3), torch.nan),
        torch.zeros(64, 64, 3, dtype=torch.int32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        [[1, 2, 3]],
        Image.new("F", (8, 8)),
    ],
)
def test_what_is_no_picture_raises(anonymizer, bad):
    with pytest.raises(InputError):
        anonymizer()(bad)


@pytest.mark.parametrize(
    "options",
    [
        {"level": "extreme"},
        {"method": "magic"},
        {"area": "everywhere"},
        {"on_failure": "ignore"},
        {"seed": -1},
        {"seed": "42"},
    ],
)
def test_wrong_options_raise(anonymizer, options):
    with pytest.raises(InputError):
        anonymizer(**options)


def test_a_family_that_cannot_do_the_method_says_so(anonymizer, tiny_family):
    with pytest.raises(InputError, match="channel ranking"):
        anonymizer(family=replace(tiny_family, ranking=None), level="low")
    with pytest.raises(InputError, match="parser"):
        anonymizer(family=replace(tiny_family, parser=None), level="high")
    with pytest.raises(InputError, match="judge"):
        anonymizer(family=replace(tiny_family, judge=tiny_family.recogniser))


def test_a_family_without_ranking_parser_or_attributes_still_swaps_layers_and_says_so(
    anonymizer, tiny_family, photograph
):
    family = replace(tiny_family, ranking=None, parser=None, attributes=None)
    (result,) = anonymizer(family=family)(photograph())
    assert result.outcome == "anonymised"
    assert any("ranking" in note for note in result.faces[0].notes) and not result.faces[0].attributes


def test_area_and_method_can_be_chosen(anonymizer, photograph):
    (result,) = anonymizer(method="mask", area="eyes", seed=1)(photograph())
    assert {(face.method, face.area) for face in result.faces} == {("mask", "eyes")}


def test_progress_grows_to_its_total_and_can_cancel(anonymizer, photograph):
    seen = []
    anonymizer()([photograph(), photograph(seed=1)], progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1][0] == seen[-1][1]

    class Cancelled(Exception):
        pass

    def cancel(done, total):
        raise Cancelled

    for on_failure in ("block", "blur", "pass"):
        with pytest.raises(Cancelled):
            anonymizer(on_failure=on_failure)(photograph(), progress=cancel)


def test_nothing_secret_in_reprs_or_reports(anonymizer, photograph):
    run = anonymizer(seed=987654321)
    results = run(photograph())
    texts = [repr(run), repr(run._settings), repr(results), repr(results[0]), json.dumps(results.to_dict())]
    for text in texts:
        assert "987654321" not in text and "tensor" not in text and "array" not in text


def test_outputs_are_ordinary_tensors(anonymizer, photograph):
    with torch.inference_mode():
        (result,) = anonymizer()(photograph())
    (result,) = anonymizer()(photograph())
    result.output.add_(1)
