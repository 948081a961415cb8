"""Attempts to slip a face through: each must end with no output, or with that face blurred, and never with its pixels."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from styleid import Anonymizer
from styleid.errors import StyleIDError
from styleid.family import Recogniser
from styleid.pipeline import face as face_steps
from styleid.pipeline import picture as picture_steps
from styleid.pipeline import propose

LEFT, RIGHT = (60, 70, 60), (170, 80, 70)

pytestmark = pytest.mark.usefixtures("small_crops")


@pytest.fixture(autouse=True)
def one_target_per_face(monkeypatch):
    """Fewer attempts before a face is given up: these tests give up a lot."""
    monkeypatch.setattr(propose, "TARGETS", 1)
    monkeypatch.setattr(propose, "CHOICES", 1)


@pytest.fixture
def faces(make_face):
    return [make_face(*LEFT), make_face(*RIGHT)]


@pytest.fixture
def anonymizer(tiny_family, faces):
    def make(**options):
        return Anonymizer(
            options.pop("family", tiny_family), **{"detect": lambda picture: faces, "seed": 1, **options}
        )

    return make


class Broken(nn.Module):
    """Stands in for a network of a family: the same attributes, another result."""

    def __init__(self, network, call):
        super().__init__()
        self.network, self.call, self.input_size = network, call, getattr(network, "input_size", None)

    def forward(self, *args):
        return self.call(self.network, *args)

    def synthesis(self, *args):
        return self.call(self.network.synthesis, *args)

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("network"), name)


def nan_of(call, *args):
    return call(*args) * torch.nan


def crash(call, *args):
    raise RuntimeError("secret detail 4242")


def centre(result, picture, face):
    """Whether the middle of a face is still the source's own pixels."""
    x, y, size = face
    part = (slice(y - size // 4, y + size // 4), slice(x - size // 4, x + size // 4))
    return float((result.output[part] - picture[part]).abs().mean()) < 0.01


def assert_withheld(result, *, faces=2):
    assert result.outcome == "blocked" and result.output is None and result.changed is None and result.reason
    assert len(result.faces) == faces and all(face.outcome == "blocked" for face in result.faces)
    assert "4242" not in json.dumps(result.to_dict())


def assert_blurred(result, picture, *, blurred=(LEFT, RIGHT)):
    assert result.outcome == "blurred"
    assert [face.outcome for face in result.faces].count("blurred") == len(blurred)
    assert not any(centre(result, picture, face) for face in (LEFT, RIGHT))


@pytest.mark.parametrize("failure", [nan_of, crash])
@pytest.mark.parametrize("part", ["generator"])
def test_a_generator_that_fails_from_the_start(anonymizer, tiny_family, photograph, part, failure):
    family = replace(tiny_family, **{part: Broken(tiny_family.generator, failure)})
    for on_failure in (
        "block",
        "blur",
    ):  # without a reconstruction the face was not measured: no blur can be verified
        assert_withheld(anonymizer(family=family, on_failure=on_failure)(photograph())[0])


@pytest.mark.parametrize("failure", [nan_of, crash])
@pytest.mark.parametrize("part", ["encoder", "parser", "attributes"])
def test_a_network_that_fails_on_every_face(anonymizer, tiny_family, photograph, part, failure):
    family = replace(tiny_family, **{part: Broken(getattr(tiny_family, part), failure)})
    for on_failure in ("block", "blur"):
        assert_withheld(anonymizer(family=family, on_failure=on_failure)(photograph())[0])


@pytest.mark.parametrize("failure", [nan_of, crash])
@pytest.mark.parametrize("role", ["recogniser", "judge"])
def test_a_recogniser_that_fails(anonymizer, tiny_family, photograph, role, failure):
    whole = getattr(tiny_family, role)
    family = replace(
        tiny_family, **{role: Recogniser(whole.name, Broken(whole.network, failure), whole.threshold)}
    )
    for on_failure in ("block", "blur"):
        assert_withheld(anonymizer(family=family, on_failure=on_failure)(photograph())[0])


@pytest.mark.parametrize("failure", [nan_of, crash])
def test_a_generator_that_fails_on_every_swapped_code(anonymizer, tiny_family, photograph, failure):
    calls = []

    def later(call, *args):
        calls.append(1)
        return call(*args) if len(calls) <= 2 else failure(call, *args)  # two reconstructions first

    picture = photograph()
    family = replace(tiny_family, generator=Broken(tiny_family.generator, later))
    assert_withheld(anonymizer(family=family)(picture)[0])
    calls.clear()
    assert_blurred(anonymizer(family=family, on_failure="blur")(picture)[0], picture)


@pytest.mark.parametrize("step", ["match_parts", "region_mask"])
@pytest.mark.parametrize("failure", ["nan", "crash"])
def test_a_step_on_the_crop_that_fails(anonymizer, photograph, monkeypatch, step, failure):
    real = getattr(face_steps, step)

    def broken(*args, **options):
        if failure == "crash":
            raise ValueError("4242")
        return real(*args, **options) * torch.nan

    monkeypatch.setattr(face_steps, step, broken)
    picture = photograph()
    assert_withheld(anonymizer()(picture)[0])
    assert_blurred(anonymizer(on_failure="blur")(picture)[0], picture)


@pytest.mark.parametrize("step", ["compose", "verify_faces", "finished"])
@pytest.mark.parametrize("on_failure", ["block", "blur"])
def test_an_exception_after_the_faces_were_replaced(anonymizer, photograph, monkeypatch, step, on_failure):
    def broken(*args, **options):
        raise MemoryError("4242")

    monkeypatch.setattr(picture_steps, step, broken)
    assert_withheld(anonymizer(on_failure=on_failure)(photograph())[0])


def test_a_detector_that_fails_is_not_a_picture_without_faces(anonymizer, photograph):
    def broken(picture):
        raise RuntimeError("4242")

    for on_failure in ("block", "blur"):
        assert_withheld(anonymizer(detect=broken, on_failure=on_failure)(photograph())[0], faces=0)


def test_a_detector_that_fails_on_the_output_blocks(anonymizer, photograph, faces):
    calls = []

    def second_time(picture):
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError
        return faces

    assert_withheld(anonymizer(detect=second_time, on_failure="blur")(photograph())[0])


@pytest.mark.parametrize("on_failure", ["block", "blur", "pass"])
def test_a_face_that_only_transparency_shows_blocks(anonymizer, photograph, faces, on_failure):
    drawn = torch.linspace(0.92, 1, 240).expand(160, 240)  # faint: it is looked at with all its contrast

    def sees(picture):
        steps = picture[0, :, 0]
        return faces if steps[0] == 0 and steps[-1] == 1 and bool((steps.diff() > 0).all()) else []

    picture = torch.cat([photograph(160, 240), drawn[..., None]], -1)
    assert_withheld(anonymizer(detect=sees, on_failure=on_failure)(picture)[0], faces=0)
    picture[..., 3] = 1
    assert anonymizer(detect=sees)(picture)[0].outcome == "no_face"


def test_no_face_is_its_own_outcome_without_output(anonymizer, photograph):
    for on_failure in ("block", "blur", "pass"):
        (result,) = anonymizer(detect=lambda picture: [], on_failure=on_failure)(photograph())
        assert result.outcome == "no_face" and result.output is None and not result.faces


def test_a_face_that_is_first_seen_in_the_output_is_handled_too(anonymizer, photograph, faces):
    picture, calls = photograph(), []

    def shy(image):
        calls.append(1)
        return faces[:1] if len(calls) == 1 else faces

    (result,) = anonymizer(detect=shy)(picture)
    assert result.outcome == "anonymised" and len(result.faces) == 2
    assert not centre(result, picture, LEFT) and not centre(result, picture, RIGHT)


def test_faces_that_keep_appearing_are_never_let_out(anonymizer, photograph, make_face):
    places, seen = [(x, y) for y in (25, 75, 125) for x in (25, 75, 125, 175, 215)], []

    def one_more(image):
        seen.append(1)
        return [make_face(*place, 30) for place in places[: len(seen)]]

    result = anonymizer(detect=one_more)(photograph())[0]
    assert result.outcome == "blocked" and result.output is None


def test_a_judge_that_always_sees_the_same_person(anonymizer, tiny_family, photograph):
    same = Recogniser(
        "judge", Broken(tiny_family.judge.network, lambda call, x: torch.ones(len(x), 512)), 0.2
    )
    for on_failure in ("block", "blur"):  # even blurred faces are recognised by it
        assert_withheld(
            anonymizer(family=replace(tiny_family, judge=same), on_failure=on_failure)(photograph())[0]
        )


def test_a_judge_that_recognises_all_but_one_colour(anonymizer, tiny_family, photograph):
    """The blur gets stronger until nothing is recognised."""

    def sees(call, x):
        detail = x.std(dim=(2, 3)).amax(1, keepdim=True) > 0.01
        return torch.where(detail, torch.ones(512), torch.tensor([1.0, -1.0]).repeat(256))

    eager = Recogniser("judge", Broken(tiny_family.judge.network, sees), 0.2)
    picture = photograph()
    (result,) = anonymizer(family=replace(tiny_family, judge=eager), on_failure="blur")(picture)
    assert_blurred(result, picture)


def test_a_threshold_that_nothing_passes(anonymizer, tiny_family, photograph):
    picture = photograph()
    strict = replace(tiny_family, recogniser=replace(tiny_family.recogniser, threshold=2.0))
    assert_withheld(anonymizer(family=strict)(picture)[0])
    (result,) = anonymizer(family=strict, on_failure="blur")(picture)
    assert_blurred(result, picture)
    assert all(face.reason and face.distances["judge"]["after"] > 0.2 for face in result.faces)


def test_a_judge_that_recognises_one_face_blurs_that_one(anonymizer, tiny_family, photograph, faces):
    picture, judge = photograph(), tiny_family.judge
    left = judge.embed(face_steps.prepare_face(picture, faces[0], tiny_family)[0].crops)

    class Stubborn(Recogniser):
        """Takes whatever is sharp for the left face."""

        def embed(self, crops):
            embeddings = judge.embed(crops).clone()
            sharp = (crops[:, 1:] - crops[:, :-1]).abs().mean((1, 2, 3)) > 0.0035
            embeddings[sharp] = left
            return embeddings

    family = replace(tiny_family, judge=Stubborn("judge", judge.network, 0.2))
    assert_withheld(anonymizer(family=family)(picture)[0])


def test_an_output_that_is_near_another_source_face_is_refused(anonymizer, tiny_family, photograph, faces):
    """A face of the picture must not turn into its neighbour."""
    picture, judge = photograph(), tiny_family.judge
    crops = [face_steps.prepare_face(picture, face, tiny_family)[0].crops for face in faces]
    left, right = (judge.embed(crop) for crop in crops)

    class Swapper(Recogniser):
        def embed(self, given):
            rows = [left if torch.equal(crop[None], crops[0]) else right for crop in given]
            return torch.cat(rows)

    family = replace(tiny_family, judge=Swapper("judge", judge.network, 0.2))
    result = anonymizer(family=family)(picture)[0]
    assert_withheld(result)


def test_a_paste_that_does_nothing_is_noticed(anonymizer, photograph, monkeypatch):
    from styleid.pipeline import compose

    monkeypatch.setattr(compose, "paste_faces", lambda images, *_: images.clone())
    picture = photograph()
    assert_withheld(anonymizer()(picture)[0])
    assert_blurred(anonymizer(on_failure="blur")(picture)[0], picture)


def test_a_blur_that_does_nothing_is_noticed(anonymizer, tiny_family, photograph, monkeypatch):
    from styleid.pipeline import compose

    monkeypatch.setattr(compose, "blur_faces", lambda images, *_: images.clone())
    strict = replace(tiny_family, recogniser=replace(tiny_family.recogniser, threshold=2.0))
    assert_withheld(anonymizer(family=strict, on_failure="blur")(photograph())[0])


def test_landmarks_that_span_no_face_are_not_let_through(anonymizer, photograph, make_face, faces):
    flat = make_face(*RIGHT)
    object.__setattr__(flat, "landmarks", flat.landmarks * 0 + 80)
    for on_failure in ("block", "blur"):
        assert_withheld(anonymizer(detect=lambda _: [faces[0], flat], on_failure=on_failure)(photograph())[0])


def test_pass_lets_failed_faces_through_only_by_name_and_says_so(anonymizer, tiny_family, photograph):
    picture = photograph()
    strict = replace(tiny_family, recogniser=replace(tiny_family.recogniser, threshold=2.0))
    (result,) = anonymizer(family=strict, on_failure="pass")(picture)
    assert result.outcome == "passed" and [face.outcome for face in result.faces] == ["passed"] * 2
    assert torch.equal(result.output, picture) and all(face.reason for face in result.faces)


def test_one_bad_picture_does_not_stop_the_others(anonymizer, photograph, faces):
    bad = photograph(seed=9)

    def detect(picture):
        if torch.equal(picture, bad):
            raise StyleIDError("4242")
        return faces

    good = photograph(seed=1)
    results = anonymizer(detect=detect)([good, bad, good])
    assert [result.outcome for result in results] == ["anonymised", "blocked", "anonymised"]
    assert results[1].output is None


def test_beside_boxes_everybody_who_is_seen_must_not_be_recognised(anonymizer, photograph, monkeypatch):
    """A box may lie beside its face: what was cut out by it is then not who must not be recognised."""
    compared, verify = [], picture_steps.verify_faces

    def counting(*picture, sources, **options):
        compared.append(len(sources))
        return verify(*picture, sources=sources, **options)

    monkeypatch.setattr(picture_steps, "verify_faces", counting)
    anonymizer()(photograph(), boxes=[[(30, 40, 90, 100)]])
    assert compared[0] == 1 + 2
