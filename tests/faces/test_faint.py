"""Faces in the dark, in haze and beyond the frame: how they are shown to the detectors, and that they are found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor, nn

from styleid.faces import Face, _warp, detect_faces
from styleid.faces._candidates import Candidate, from_landmarks, same_face
from styleid.faces._renderings import renderings
from styleid.faces._stretch import around, faint_places, stretched
from styleid.networks import load_network

FACE = Candidate(np.array([113.0, 117.0]), 78.0, 0.0, 1.0, 1, "")  # in the close-up


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return load_network("embedded-detector", "detector")


@pytest.fixture(scope="module")
def close_up() -> Tensor:
    """[220, 220, 3]: head and shoulders, quick to search."""
    return torch.from_numpy(data.astronaut()[10:230, 110:330].astype(np.float32)) / 255


def as_file(photo: Tensor) -> Tensor:
    """What is left of a picture in 0..1 in 8 bits."""
    return (photo.clamp(0, 1) * 255).round() / 255


def seen(faces: list[Face], where: Candidate) -> bool:
    return any(same_face(from_landmarks(face.landmarks, 0.0, ""), where) for face in faces)


@pytest.mark.parametrize("brightness", [0.1, 0.05, 0.03])
def test_a_face_in_the_dark_is_found(close_up: Tensor, net: nn.Module, brightness: float) -> None:
    faces = detect_faces(as_file(close_up * brightness), landmark_net=None, detector=net)
    assert len(faces) == 1 and seen(faces, FACE)


@pytest.mark.parametrize("middle", [0.1, 0.5, 0.9])
def test_a_face_in_haze_is_found(close_up: Tensor, net: nn.Module, middle: float) -> None:
    hazy = as_file(middle + 0.05 * (close_up - 0.5))
    faces = detect_faces(hazy, landmark_net=None, detector=net)
    assert len(faces) == 1 and seen(faces, FACE)


def test_a_dark_face_beside_a_bright_one_is_found(close_up: Tensor) -> None:
    pair = torch.cat([close_up, as_file(close_up * 0.05)], dim=1)
    faces = detect_faces(pair, landmark_net=None, detector=None)
    assert len(faces) == 2
    assert seen(faces, FACE)
    assert seen(faces, Candidate(np.add(FACE.centre, (220, 0)), FACE.side, 0.0, 1.0, 1, ""))


@pytest.mark.parametrize(("half_width", "half_height"), [(27, 27), (39, 27), (31, 31)])
def test_a_face_larger_than_the_frame_is_found(
    close_up: Tensor, net: nn.Module, half_width: int, half_height: int
) -> None:
    x, y = (int(n) for n in FACE.centre)
    cut = close_up[y - half_height : y + half_height, x - half_width : x + half_width]
    large = nn.functional.interpolate(
        cut.movedim(-1, 0)[None], scale_factor=4.0, mode="bicubic", antialias=True
    )[0].clamp(0, 1)
    faces = detect_faces(large.movedim(0, -1).contiguous(), landmark_net=None, detector=net)
    assert len(faces) == 1
    place = Candidate(np.array([half_width, half_height]) * 4.0, FACE.side * 4, 0.0, 1.0, 1, "")
    assert seen(faces, place)


@pytest.mark.parametrize("tone", [lambda x: x * 0.03, lambda x: 0.9 + 0.05 * (x - 0.5)])
def test_stretching_undoes_dark_and_haze(close_up: Tensor, tone: object) -> None:
    photo = close_up.movedim(-1, 0)
    luma = stretched(as_file(tone(photo))).mean(0)
    assert luma.mean() == pytest.approx(0.5, abs=0.1)
    assert luma.std() > 0.1
    both = torch.stack([luma.flatten(), photo.mean(0).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.6


def test_only_faint_places_are_shown_again(close_up: Tensor) -> None:
    photo = close_up.movedim(-1, 0)
    dark = as_file(photo * 0.05)
    pair = torch.cat([photo, dark], dim=2)
    assert around(faint_places(pair), *pair.shape[1:])[0] > 150
    assert around(faint_places(dark), *dark.shape[1:]) == (0, 0, 220, 220)
    assert not faint_places(torch.from_numpy(data.coins()).expand(3, -1, -1) / 255).any()


def test_mostly_dark_photographs_are_searched_in_full(close_up: Tensor) -> None:
    dark = as_file(close_up * 0.05).movedim(-1, 0)
    bright = close_up.movedim(-1, 0)
    assert [one.turns for one in renderings(dark, 16.0)] == [True, False, True, False]
    assert [one.turns for one in renderings(torch.cat([bright, bright, dark], 2), 16.0)][2:] == [False, False]
    assert [one.first for one in renderings(bright, 16.0)][:2] == [True, False]


@pytest.mark.parametrize("level", [0.0, 0.02, 0.5, 1.0])
def test_a_single_colour_is_not_searched_again(level: float) -> None:
    noise = torch.rand(3, 90, 120, generator=torch.Generator().manual_seed(0))
    assert not faint_places(torch.full((3, 90, 120), level)).any()
    assert not faint_places(as_file(level + (noise - 0.5) / 255)).any()


def test_every_rendering_maps_back_to_the_photograph(close_up: Tensor) -> None:
    """What a rendering shows in its middle is what the photograph shows at the mapped place."""
    photo = torch.cat([close_up * 0.05, torch.full((220, 300, 3), 0.8)], dim=1).movedim(-1, 0).contiguous()
    shown = [one.view for one in renderings(photo, 16.0)]
    assert len(shown) == 4 and shown[0].image is photo
    for view in shown:
        height, width = (n // 2 for n in view.image.shape[1:])
        part = view.image[:, height // 2 : height // 2 + height, width // 2 : width // 2 + width]
        to_photo = _warp.compose(view.to_photo, np.array([[1.0, 0, width // 2], [0, 1, height // 2]]))
        same = _warp.sample(photo, to_photo, height, width)
        assert torch.corrcoef(torch.stack([part.mean(0).flatten(), same.mean(0).flatten()]))[0, 1] > 0.6


def test_tiny_pictures() -> None:
    for shape in ((1, 1), (1, 300), (7, 5)):
        photo = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0)) * 0.05
        assert all(torch.isfinite(one.view.image).all() for one in renderings(photo, 16.0))
