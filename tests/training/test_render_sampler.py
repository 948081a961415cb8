"""Persons and pictures are drawn from seeds alone, and their labels follow from the parameters."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from styleid.errors import InputError
from training.render import __main__ as command
from training.render.axes import SEX, WEIGHT, ShapeAxes
from training.render.dataset import SHARD_IDENTITIES, Job, claim, draw_donor, exchanged, render_dataset
from training.render.labels import LABELS, YAW, attributes, parameter_vector
from training.render.parameters import BEARDS, GLASSES, HAIR_COLOURS, IRIS_COLOURS, STYLES, Identity, State
from training.render.sampler import Sampler
from training.render.wide import turned

MEASUREMENTS = sorted({*SEX, *WEIGHT, "nose_depth", "face_height"})
EXPRESSIONS = (
    *(f"{name}_{side}" for name in (
        "browDown", "browInnerUp", "browOuterUp", "cheekSquint", "eyeBlink", "eyeSquint", "eyeWide",
        "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile", "mouthUpperUp",
    ) for side in "LR"),
    "jawOpen",
    "mouthPucker",
)  # fmt: skip
IDENTITY_COLUMNS = 142
CELEBA = frozenset({
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips",
    "Big_Nose", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin",
    "Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open",
    "Mustache", "Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline",
    "Rosy_Cheeks", "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat",
    "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young",
})  # fmt: skip


def axes() -> ShapeAxes:
    """Axes of no real model: orthogonal unit vectors."""
    basis = np.eye(100, dtype=np.float32)
    measured = {name: basis[i + 2] for i, name in enumerate(MEASUREMENTS)}
    return ShapeAxes(measured, sex=basis[0], weight=basis[1])


def sampler() -> Sampler:
    return Sampler(axes(), EXPRESSIONS)


def identity(i: int) -> Identity:
    return sampler().identity(np.random.default_rng([7, 0, i]))


def state(i: int, j: int) -> State:
    return sampler().state(np.random.default_rng([7, 1, i, j]), identity(i))


def equal(a: Identity | State, b: Identity | State) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))


def known(person: Identity, picture: State) -> dict[str, bool]:
    return attributes(axes(), EXPRESSIONS, person, picture)


def test_a_seed_gives_the_same_person_and_picture() -> None:
    assert equal(identity(3), identity(3))
    assert equal(state(3, 1), state(3, 1))
    assert not equal(identity(3), identity(4))
    assert not equal(state(3, 1), state(3, 2))


def test_the_draws_of_a_seed_stay_what_they_were() -> None:
    """A data set is its seed: these numbers belong to pictures that networks were trained on."""
    person, picture = identity(0), state(0, 0)
    drawn = [person.melanin, person.age, person.iris_radius, picture.yaw, picture.distance, picture.exposure]
    np.testing.assert_allclose(drawn, [0.587051, 0.851875, 0.610034, 0.147688, 84.4084, 0.738521], rtol=1e-4)
    assert (person.hair_colour, person.iris_colour, picture.style) == ("black", "brown", "long")
    assert picture.background_seed == 998797775


def test_states_change_nothing_of_the_identity() -> None:
    person = identity(5)
    rows = [parameter_vector(person, state(5, j)) for j in range(4)]
    for row in rows[1:]:
        np.testing.assert_array_equal(row[:IDENTITY_COLUMNS], rows[0][:IDENTITY_COLUMNS])
        assert not np.array_equal(row[IDENTITY_COLUMNS:], rows[0][IDENTITY_COLUMNS:])


def test_identity_and_state_share_no_field() -> None:
    assert not {f.name for f in fields(Identity)} & {f.name for f in fields(State)}


def test_shapes_carry_the_drawn_sex_and_weight() -> None:
    for i in range(20):
        person = identity(i)
        assert person.shape @ axes().sex == pytest.approx(person.masculinity, abs=1e-5)
        assert person.shape @ axes().weight == pytest.approx(person.weight, abs=1e-5)


def test_values_stay_in_their_ranges() -> None:
    for i in range(60):
        person, picture = identity(i), state(i, 0)
        assert person.sex in (-1.0, 1.0)
        assert 0 <= person.age <= 1
        assert 0.03 <= person.melanin <= 1
        assert 0 <= person.grey <= 1
        assert person.hair_colour in HAIR_COLOURS
        assert person.iris_colour in IRIS_COLOURS
        assert abs(picture.yaw) <= 0.785
        assert abs(picture.pitch) <= 0.35
        assert picture.expression.min() >= 0
        assert picture.expression.max() <= 1.1
        assert picture.style in STYLES
        assert picture.beard in BEARDS
        assert picture.glasses in GLASSES
        assert picture.exposure > 0
        np.testing.assert_allclose(np.linalg.norm(picture.light_dirs, axis=1), 1, atol=1e-9)


def test_only_men_have_beards_and_only_women_wear_makeup() -> None:
    for i in range(80):
        person, picture = identity(i), state(i, 0)
        if person.sex > 0:
            assert not any(picture.makeup)
            assert not picture.earrings
        else:
            assert picture.beard == "none"


def test_the_vector_holds_every_parameter_once() -> None:
    width = parameter_vector(identity(1), state(1, 0)).size
    assert width == 296 - 53 + len(EXPRESSIONS)
    for name in ("yaw", "distance", "exposure", "stubble"):
        picture = state(1, 0)
        other = replace(picture, **{name: getattr(picture, name) + 1})
        changed = parameter_vector(identity(1), picture) != parameter_vector(identity(1), other)
        assert changed.sum() == 1, name


def test_attributes_have_celeba_names() -> None:
    values = known(identity(1), state(1, 0))
    assert len(values) == 36
    assert set(values) <= CELEBA
    assert all(type(value) is bool for value in values.values())


def test_the_order_of_attributes_does_not_depend_on_the_head() -> None:
    orders = {tuple(known(identity(i), state(i, 0))) for i in range(30)}
    assert len(orders) == 1


def test_attributes_follow_the_parameters() -> None:
    person = replace(identity(2), hair_colour="blond", grey=0.0, sex=-1.0)
    picture = replace(state(2, 0), style="long", beard="none", glasses="none", hat=False, smile=0.9)
    before = known(person, picture)
    assert before["Blond_Hair"]
    assert before["Smiling"]
    assert before["No_Beard"]
    after = known(replace(person, grey=0.9), replace(picture, glasses="sun", hat=True, beard="full"))
    changes = {name for name in before if before[name] != after[name]}
    assert changes == {
        "Blond_Hair", "Gray_Hair", "Eyeglasses", "Wearing_Hat", "No_Beard", "Mustache", "Sideburns",
    }  # fmt: skip


def test_a_bald_head_has_no_hair_colour() -> None:
    values = known(identity(2), replace(state(2, 0), style="bald"))
    assert values["Bald"]
    assert not any(values[name] for name in ("Black_Hair", "Brown_Hair", "Blond_Hair", "Gray_Hair"))


def test_labels_are_the_classes_of_celebamask() -> None:
    assert len(LABELS) == 19
    assert LABELS[0] == "background"
    assert LABELS[18] == "cloth"


def test_wide_poses_reach_profiles_and_backs() -> None:
    rng, picture = np.random.default_rng(0), state(0, 0)
    poses = [turned(rng, picture) for _ in range(300)]
    yaw = np.degrees([pose.yaw for pose in poses])
    shown = yaw < 100
    assert 0.8 < shown.mean() < 0.97
    assert yaw[shown].min() < -80
    assert yaw[shown].max() > 80
    assert ((yaw[~shown] > 125) & (yaw[~shown] < 235)).all()
    assert np.degrees([abs(pose.pitch) for pose in poses]).max() < 45
    column = YAW - 53 + len(EXPRESSIONS)  # the model has 53 expressions
    assert parameter_vector(identity(0), poses[0])[column] == np.float32(poses[0].yaw)


def test_an_exchanged_face_keeps_skin_tone_and_hair() -> None:
    person, donor = identity(1), identity(2)
    shown = exchanged(person, donor)
    assert np.array_equal(shown.shape, donor.shape)
    assert (shown.age, shown.brow) == (donor.age, donor.brow)
    assert (shown.melanin, shown.hair_colour, shown.hairline) == (
        person.melanin, person.hair_colour, person.hairline,
    )  # fmt: skip


def test_faces_are_exchanged_within_a_shard() -> None:
    job = Job(model=Path("m"), out=Path("o"), identities=60, states=2)
    for number in (0, 19, 20, 59):
        donors = {draw_donor(job, number, state) for state in range(40)}
        assert number not in donors
        assert {donor // SHARD_IDENTITIES for donor in donors} == {number // SHARD_IDENTITIES}
        assert len(donors) > 5


def test_faces_are_exchanged_in_full_shards_only(tmp_path: Path) -> None:
    job = Job(model=Path("m"), out=tmp_path / "shards", identities=41, states=2, exchanged=True)
    with pytest.raises(ValueError, match=r"41 identities do not fill shards of 20.*take 60"):
        next(render_dataset(job))
    assert not job.out.exists()


def test_a_folder_holds_the_shards_of_one_job(tmp_path: Path) -> None:
    job = Job(model=Path("m"), out=tmp_path / "shards", identities=20, states=2, seed=8, size=256)
    claim(job)
    claim(replace(job, identities=40))
    for other in ({"seed": 7}, {"size": 128}, {"states": 5}, {"wide": True}, {"exchanged": True}):
        with pytest.raises(InputError, match=f"another job, with {next(iter(other))} .*another --out"):
            next(render_dataset(replace(job, **other)))
    (job.out / "s0000.npz").touch()
    claim(job)
    (job.out / "job.json").unlink()
    with pytest.raises(InputError, match=r"has no job\.json"):
        claim(job)


def test_the_command_says_in_a_line_what_it_cannot_render(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    model = tmp_path / "model.npz"
    model.touch()
    options = [f"--model={model}", f"--out={tmp_path / 'shards'}", "--identities=10", "--exchanged"]
    monkeypatch.setattr("sys.argv", ["render", *options])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert "10 identities do not fill shards of 20" in capsys.readouterr().err.splitlines()[-1]
