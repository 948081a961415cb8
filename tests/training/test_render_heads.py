"""Heads of the real model, drawn: they need the model file (STYLEID_ICT_FACE), moderngl and an EGL driver."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl", reason="the renderer needs moderngl (pip install moderngl)")
pytest.importorskip("cv2", reason="the renderer needs OpenCV", exc_type=ImportError)
pytest.importorskip("scipy", reason="the renderer needs scipy")

from training.render.dataset import Job, draw_identity, draw_state, is_complete, shard_path, write_shard
from training.render.labels import LABELS, YAW
from training.render.model import FaceModel
from training.render.parameters import STYLES, Identity, State
from training.render.renderer import Picture, Renderer
from training.render.sampler import Sampler

Head = tuple[Identity, State]


@pytest.fixture(scope="module")
def model() -> FaceModel:
    path = os.environ.get("STYLEID_ICT_FACE", "")
    if not Path(path).is_file():
        pytest.skip(
            "set STYLEID_ICT_FACE to the file of `python -m training.render.convert` to test the renderer"
        )
    return FaceModel(Path(path))


@pytest.fixture(scope="module")
def renderer(model: FaceModel, tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    cache = tmp_path_factory.mktemp("cache")
    try:
        renderer = Renderer(model, cache=cache)
    except Exception as error:  # whatever the driver raises
        if "EGL" not in str(error).upper():
            raise
        pytest.skip(f"no EGL driver to render with ({error}); Debian: libegl1 libgl1-mesa-dri")
    assert len(list(cache.glob("*.npy"))) == 1
    return renderer


def head(model: FaceModel, i: int, j: int = 0) -> Head:
    sampler = Sampler(model.axes, model.expression_names)
    person = draw_identity(sampler, 7, i)
    return person, draw_state(sampler, 7, i, j, person)


def frontal(model: FaceModel, i: int, **changes) -> Head:
    """A head that looks into the camera without anything in front of its eyes."""
    person, state = head(model, i)
    quiet = np.zeros_like(state.expression)
    plain = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, "glasses": "none", "hat": False, "style": "short"}
    return person, replace(state, expression=quiet, gaze=(0.0, 0.0), **(plain | changes))


def pixels(picture: Picture, *names: str) -> np.ndarray:
    return np.isin(picture.labels, [LABELS.index(name) for name in names])


def test_no_modes_give_the_template(model: FaceModel) -> None:
    person, state = frontal(model, 0)
    neutral, posed = model.deform(replace(person, shape=np.zeros(100, np.float32)), state)
    np.testing.assert_array_equal(neutral, model.neutral)
    np.testing.assert_allclose(posed, model.neutral, atol=1e-5)
    np.testing.assert_allclose(model.pose(state, posed), posed, atol=1e-5)


def test_normals_have_unit_length(model: FaceModel) -> None:
    normals = model.normals(model.neutral)
    drawn = np.unique(np.concatenate(list(model.triangles.values())))
    np.testing.assert_allclose(np.linalg.norm(normals[drawn], axis=1), 1, atol=1e-3)


def test_axes_are_unit_and_sex_is_apart_from_weight(model: FaceModel) -> None:
    axes = model.axes
    for direction in (axes.sex, axes.weight, *axes.measurements.values()):
        assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-5)
    assert axes.sex @ axes.weight == pytest.approx(0, abs=1e-5)


def test_the_head_turns_to_the_side_of_its_yaw(model: FaceModel) -> None:
    _, state = frontal(model, 0, yaw=0.4)
    nose = model.neutral[model.landmarks[30:31]]
    assert model.pose(state, nose)[0, 0] > nose[0, 0] + 1


@pytest.mark.slow
def test_a_picture_has_the_announced_shapes(model: FaceModel, renderer: Renderer) -> None:
    picture = renderer.render(*head(model, 0))
    assert (picture.image.shape, picture.image.dtype) == ((128, 128, 3), np.uint8)
    assert (picture.labels.shape, picture.labels.dtype) == ((128, 128), np.uint8)
    assert picture.labels.max() < len(LABELS)
    assert picture.landmarks68.shape == (68, 2)
    assert picture.landmarks5.shape == (5, 2)
    assert picture.image.std() > 10


@pytest.mark.slow
def test_pictures_do_not_depend_on_what_was_drawn_before(model: FaceModel, renderer: Renderer) -> None:
    first = renderer.render(*head(model, 3))
    renderer.render(*head(model, 4))
    again = renderer.render(*head(model, 3))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.labels, again.labels)


@pytest.mark.slow
def test_labels_and_landmarks_agree(model: FaceModel, renderer: Renderer) -> None:
    """The image-left eye is the subject's right one; every feature lies where its landmarks say."""
    picture = renderer.render(*frontal(model, 3))
    points = picture.landmarks5
    assert points[0, 0] < points[1, 0]
    assert points[3, 0] < points[4, 0]
    for name, point in (("r_eye", points[0]), ("l_eye", points[1]), ("nose", points[2])):
        y, x = np.nonzero(pixels(picture, name))
        assert np.hypot(x.mean() + 0.5 - point[0], y.mean() + 0.5 - point[1]) < 10, name
    lips = np.nonzero(pixels(picture, "u_lip", "l_lip", "mouth"))
    assert abs(lips[1].mean() + 0.5 - points[3:, 0].mean()) < 4
    upper, lower = (np.nonzero(pixels(picture, name))[0].mean() for name in ("u_lip", "l_lip"))
    assert upper < lower


@pytest.mark.slow
def test_what_is_worn_is_labelled(model: FaceModel, renderer: Renderer) -> None:
    plain = renderer.render(*frontal(model, 3, earrings=False))
    worn = renderer.render(*frontal(model, 3, glasses="clear", hat=True, earrings=True, style="tied"))
    for name in ("eye_g", "hat", "ear_r"):
        assert not pixels(plain, name).any(), name
        assert pixels(worn, name).any(), name
    assert pixels(plain, "cloth").any()


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_every_style_grows(model: FaceModel, renderer: Renderer, style: str) -> None:
    variation = np.full(8, 0.5)
    picture = renderer.render(*frontal(model, 3, style=style, hair_variation=variation))
    share = pixels(picture, "hair").mean()
    assert share > (0.002 if style == "bald" else 0.03)
    eyes = pixels(picture, "l_eye", "r_eye")
    assert eyes.sum() > 20  # no style hides both eyes


@pytest.mark.slow
def test_shards_are_complete_or_rendered_again(model: FaceModel, renderer: Renderer, tmp_path: Path) -> None:
    job = Job(model=Path("unused"), out=tmp_path, identities=2, states=1)
    assert not is_complete(job, 0)
    write_shard(job, renderer, 0)
    assert is_complete(job, 0)
    assert not is_complete(replace(job, identities=3), 0)
    assert [path.name for path in tmp_path.iterdir()] == ["s0000.npz"]
    with np.load(shard_path(tmp_path, 0)) as shard:
        assert shard["img"].shape == (2, 128, 128, 3)
        assert shard["vec"].shape == (2, 296)
        assert shard["att"].shape == (2, 36)
        assert shard["att"].dtype == bool
        np.testing.assert_array_equal(shard["ident"], [0, 1])
        second = renderer.render(*head(model, 1))
        np.testing.assert_array_equal(shard["img"][1], second.image)


@pytest.mark.slow
def test_wide_jobs_turn_the_same_persons(model: FaceModel, renderer: Renderer, tmp_path: Path) -> None:
    shards = []
    for wide in (False, True):
        job = Job(model=Path("unused"), out=tmp_path / str(wide), identities=3, states=2, wide=wide)
        job.out.mkdir()
        write_shard(job, renderer, 0)
        with np.load(shard_path(job.out, 0)) as shard:
            shards.append(shard["vec"])
    np.testing.assert_array_equal(shards[0][:, :142], shards[1][:, :142])
    assert np.abs(shards[1][:, YAW]).max() > 1


@pytest.mark.slow
def test_an_exchange_changes_the_face_and_nothing_around_it(
    model: FaceModel, renderer: Renderer, tmp_path: Path
) -> None:
    shards = []
    for exchanged in (False, True):
        job = Job(
            model=Path("unused"), out=tmp_path / str(exchanged), identities=3, states=1, exchanged=exchanged
        )
        job.out.mkdir()
        write_shard(job, renderer, 0)
        with np.load(shard_path(job.out, 0)) as shard:
            shards.append(dict(shard))
    own, other = shards
    np.testing.assert_array_equal(own["ident"], own["donor"])
    np.testing.assert_array_equal(own["ident"], other["ident"])
    assert (other["donor"] != other["ident"]).all()
    np.testing.assert_array_equal(own["vec"][:, 142:], other["vec"][:, 142:])  # the state
    behind = (own["lab"] == 0) & (other["lab"] == 0)
    difference = np.abs(own["img"].astype(float) - other["img"]).mean(-1)
    assert difference[behind].mean() < 2 < difference[~behind].mean()
