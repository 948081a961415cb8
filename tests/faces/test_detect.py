"""Detection on the photographs that installed packages ship, and on what is known about its parts."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from styleid.errors import InputError
from styleid.faces import Face, _mtcnn, _refine, _scrfd, _search, detect, detect_faces
from styleid.faces._candidates import Candidate, from_landmarks, group, make_view, same_face

ASTRONAUT = (223.0, 127.0)  # centre of the face, brow to chin
SIX = ((110, 347), (318, 226), (510, 358), (784, 425), (939, 153), (1173, 352))


def photo_of(array: np.ndarray) -> torch.Tensor:
    array = np.stack([array] * 3, -1) if array.ndim == 2 else array[..., :3]
    return torch.from_numpy(array.astype(np.float32)) / 255


def centre(face: Face) -> tuple[float, float]:
    return (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2


def find(photo: torch.Tensor, **options: object) -> list[Face]:
    return detect_faces(photo, landmark_net=None, detector=None, **options)


@pytest.fixture(scope="module")
def astronaut() -> torch.Tensor:
    return photo_of(data.astronaut())


@pytest.fixture(scope="module")
def close_up(astronaut: torch.Tensor) -> torch.Tensor:
    """[220, 220, 3]: head and shoulders, quick to search."""
    return astronaut[10:230, 110:330].contiguous()


def test_one_face_in_the_astronaut(astronaut: torch.Tensor) -> None:
    (face,) = find(astronaut)
    assert repr(face).startswith("Face(box=(")
    assert np.hypot(*(np.array(centre(face)) - ASTRONAUT)) < 15
    left, right, nose, mouth_left, mouth_right = face.landmarks
    assert left[0] < nose[0] < right[0] and mouth_left[0] < mouth_right[0]
    assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
    assert "mtcnn" in face.detector and face.score > 0.9


def test_six_faces_in_the_group_photograph() -> None:
    spec = importlib.util.find_spec("insightface")
    path = spec and spec.origin and Path(spec.origin).parent / "data" / "images" / "t1.jpg"
    if not path or not path.is_file():
        pytest.skip("insightface with its photograph t1.jpg is not installed")
    faces = find(photo_of(np.asarray(Image.open(path).convert("RGB"))))
    assert len(faces) == 6
    nearest = [
        min(range(6), key=lambda n, f=face: np.hypot(*np.subtract(centre(f), SIX[n]))) for face in faces
    ]
    assert nearest == [1, 4, 0, 2, 5, 3]  # by rows, each from the left


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_turned_photographs(close_up: torch.Tensor, angle: int) -> None:
    turned = torch.rot90(close_up, -(angle // 90), (0, 1)).contiguous()
    (face,) = find(turned)
    found = from_landmarks(face.landmarks, 0, "").angle
    assert abs((found - angle + 180) % 360 - 180) < 20


@pytest.mark.parametrize("angle", [40, 145, 230])
def test_slanted_faces(close_up: torch.Tensor, angle: int) -> None:
    view = make_view(close_up.movedim(-1, 0).contiguous(), -angle, 600)
    (face,) = find(view.image.movedim(0, -1).contiguous())
    found = from_landmarks(face.landmarks, 0, "").angle
    assert abs((found - angle + 180) % 360 - 180) < 20


def test_small_dark_and_cut_faces(close_up: torch.Tensor) -> None:
    small = torch.nn.functional.interpolate(close_up.movedim(-1, 0)[None], scale_factor=0.4, mode="area")
    assert len(find(small[0].movedim(0, -1).contiguous())) == 1
    assert len(find(close_up**2.5 * 0.5)) == 1
    assert len(find(close_up[:, 85:].contiguous())) == 1


@pytest.mark.parametrize("name", ["coffee", "chelsea", "gravel", "coins"])
def test_pictures_without_people(name: str) -> None:
    assert find(photo_of(getattr(data, name)()[:320, :320])) == []


def test_blank_and_tiny_pictures() -> None:
    assert find(torch.zeros(64, 48, 3)) == []
    assert find(torch.full((1, 1, 3), 0.5)) == []
    assert find(torch.rand(7, 300, 3, generator=torch.Generator().manual_seed(0))) == []


def test_the_same_photograph_gives_the_same_faces(close_up: torch.Tensor) -> None:
    first, second = find(close_up), find(close_up)
    assert [f.box for f in first] == [f.box for f in second]


def test_boxes_of_the_user_are_faces_in_any_rotation(close_up: torch.Tensor) -> None:
    (face,) = find(close_up, boxes=[(68, 52, 156, 162)])
    assert face.detector == "boxes" and face.box == (68, 52, 156, 162)
    assert abs(face.landmarks[0] - [93, 91]).max() < 6
    upside_down = torch.rot90(close_up, 2, (0, 1)).contiguous()
    (face,) = find(upside_down, boxes=[(220 - 156, 220 - 162, 220 - 68, 220 - 52)])
    assert face.landmarks[:2, 1].mean() > face.landmarks[3:, 1].mean()


def test_a_dab_on_a_face_means_the_whole_face(close_up: torch.Tensor) -> None:
    (whole,) = find(close_up)
    x, y = whole.landmarks[3]  # a corner of the mouth
    (face,) = find(close_up, boxes=[(x - 8, y - 8, x + 8, y + 8)])
    assert face.detector == "boxes" and np.array_equal(face.landmarks, whole.landmarks)


def test_no_box_does_not_mean_no_face(close_up: torch.Tensor) -> None:
    assert [face.box for face in find(close_up, boxes=[])] == [face.box for face in find(close_up)]


def test_a_box_stays_a_face_where_no_network_sees_one() -> None:
    (face,) = find(torch.full((100, 120, 3), 0.4), boxes=[(20, 10, 80, 90)])
    low, high = face.landmarks.min(0), face.landmarks.max(0)
    assert (low > [20, 10]).all() and (high < [80, 90]).all()


def test_the_landmark_net_is_asked_where_nothing_else_is_there(
    close_up: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stub(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            assert x.shape[1:] == (3, 96, 96) and x.min() >= -1 and x.max() <= 1
            points = torch.tensor([[0.36, 0.33], [0.64, 0.33], [0.5, 0.5], [0.4, 0.6], [0.6, 0.6]])
            return points.expand(len(x), -1, -1), torch.full((len(x),), 0.99)

    for module in (detect, _search):
        monkeypatch.setattr(module, "load_mtcnn", lambda: None)
    faces = detect_faces(close_up, landmark_net=Stub(), detector=None)
    here = min(faces, key=lambda f: np.hypot(*np.subtract(centre(f), (113, 117))))
    assert here.detector in ("lbp", "haar+lbp")
    assert np.hypot(*np.subtract(centre(here), (113, 117))) < 20


def test_most_detectors_tell_which_way_up_a_face_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cascade takes a beard for hair: its surest window sees the face upside down."""
    upright = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    points = {"mtcnn": 120 - upright, "styleid": upright, "lbp": upright}
    scores = {"mtcnn": 0.99, "styleid": 0.9, "lbp": 0.4}
    candidates = [from_landmarks(points[name], score, name) for name, score in scores.items()]
    monkeypatch.setattr(detect, "search", lambda *_, cascades, **__: candidates if cascades else [])
    monkeypatch.setattr(
        detect, "look_again", lambda _, one, **__: detect.Look(one.landmarks, onet=0.99, net=None)
    )
    (face,) = find(torch.zeros(120, 120, 3))
    assert np.array_equal(face.landmarks, upright)
    assert face.detector == "lbp+mtcnn+styleid"


def test_two_networks_points_are_averaged_where_they_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    upright = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    candidate = from_landmarks(upright, 0.9, "mtcnn")
    answers = {"onet": (upright, 0.9), "net": (upright + np.array([4, 2]), 0.9)}
    monkeypatch.setattr(_refine, "_ask_onet", lambda _, some, __: [answers["onet"]] * len(some))
    monkeypatch.setattr(_refine, "_ask_net", lambda _, some, __: [answers["net"]] * len(some))
    look = partial(
        _refine.look_again, torch.zeros(3, 120, 120), candidate, mtcnn=object(), landmark_net=object()
    )
    assert np.allclose(look().landmarks, upright + np.array([2, 1]))
    answers["net"] = (120 - upright, 0.9)  # the other way up
    assert np.array_equal(look().landmarks, upright)


def test_reading_order() -> None:
    def face(x: float, y: float) -> Face:
        points = np.array([[-15, -10], [15, -10], [0, 5], [-10, 20], [10, 20]]) + np.array([x, y])
        return Face((x - 25, y - 25, x + 25, y + 25), points, 1.0, "test")

    rows = [face(40, 50), face(120, 62), face(300, 40), face(30, 160), face(200, 150)]
    assert [f.box for f in detect._reading_order(rows[::-1])] == [f.box for f in rows]


def test_groups_keep_neighbours_apart_and_join_one_face() -> None:
    def candidate(x: float, side: float, score: float) -> Candidate:
        return Candidate(np.array([x, 50.0]), side, 0.0, score, 1, "test")

    groups = group([candidate(50, 40, 0.9), candidate(55, 46, 0.5), candidate(95, 40, 0.8)])
    assert [len(members) for members in groups] == [2, 1]
    assert not same_face(candidate(50, 40, 1), candidate(50, 120, 1))


def test_views_map_back_to_the_photograph() -> None:
    photo = torch.zeros(3, 90, 150)
    photo[:, 30:33, 100:103] = 1
    for angle in (0, 60, 180, 270):
        view = make_view(photo, angle, 100)
        bright = np.unravel_index(int(view.image[0].argmax()), view.image.shape[1:])[::-1]
        spot = view.to_photo[:, :2] @ np.array(bright) + view.to_photo[:, 2]
        assert np.abs(spot - [101, 31]).max() < 2.5


def test_mtcnn_refuses_other_files(tmp_path: Path) -> None:
    from styleid.errors import WeightsError

    (tmp_path / "pnet.lz4").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"mtcnn==1\.0\.0"):
        _mtcnn._read_arrays(tmp_path / "pnet.lz4", "pnet")


def test_scrfd_outputs_are_decoded_as_insightface_does() -> None:
    sizes = [640 // stride for stride in (8, 16, 32)]
    outputs = [np.zeros((2 * s * s, n), np.float32) for n in (1, 4, 10) for s in sizes]
    cell = 2 * (20 * sizes[1] + 10) + 1  # stride 16, row 20, column 10, second anchor
    outputs[1][cell] = 0.9
    outputs[4][cell] = [2, 3, 2, 3]
    outputs[7][cell] = np.arange(10) / 10
    scores, points = _scrfd.decode(outputs)
    assert scores == pytest.approx([0.9])
    assert np.allclose(points[0], np.array([160, 320]) + np.arange(10).reshape(5, 2) / 10 * 16)


def test_wrong_arguments_are_refused() -> None:
    photo = torch.zeros(50, 50, 3)
    for bad in (
        lambda: find(photo[None]),
        lambda: find(photo * float("nan")),
        lambda: find(photo, min_size=0),
        lambda: find(photo, boxes=[(10, 10, 5, 20)]),
        lambda: find(photo, boxes=[(0, 0, float("inf"), 20)]),
    ):
        with pytest.raises(InputError):
            bad()
