"""Landmarks of crops that are aligned already."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from styleid.faces import align_faces, aligned_landmarks, detect_faces
from styleid.family import Family, load_family

SIZE = 256


@pytest.fixture(scope="module")
def family() -> Family:
    return load_family()


def test_they_are_where_the_face_was_found(family: Family) -> None:
    photo = torch.from_numpy(astronaut()).float() / 255
    (face,) = detect_faces(photo, landmark_net=family.landmarks, detector=family.detector)
    aligned = align_faces(photo[None], [[face]], SIZE)
    matrix = aligned.to_crop[0]
    expected = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
    found = aligned_landmarks(aligned.crops, family.landmarks)
    assert np.linalg.norm(found - expected, axis=1).max() < 0.02 * SIZE


def test_a_crop_that_shows_nothing_has_them_where_they_usually_are(family: Family) -> None:
    left, right, nose, left_mouth, right_mouth = aligned_landmarks(
        torch.zeros(1, SIZE, SIZE, 3), family.landmarks
    )
    assert left[1] == right[1] < nose[1] < left_mouth[1] == right_mouth[1]
    assert left[0] + right[0] == pytest.approx(SIZE) and nose[0] == pytest.approx(SIZE / 2)
