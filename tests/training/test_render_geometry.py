"""Rotations, small meshes and the camera's framing."""

from __future__ import annotations

import numpy as np
import pytest

from training.render.camera import ffhq_camera, project
from training.render.geometry import rotation, smoothstep, sphere, tube, unit


def face_landmarks(tilt: float = 0.0) -> np.ndarray:
    """[68, 3] with the eyes and the mouth where they matter."""
    points = np.zeros((68, 3))
    points[:, 2] = 10
    points[36:42] = (-3.1, 3.6, 9)  # the subject's right eye is image-left
    points[42:48] = (3.1, 3.6, 9)
    points[48], points[54] = (-2.5, -3, 10), (2.5, -3, 10)
    return points @ rotation(0, 0, tilt).T


def test_rotation_is_orthonormal() -> None:
    m = rotation(0.3, -0.2, 0.1)
    np.testing.assert_allclose(m @ m.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(m) == pytest.approx(1)


def test_smoothstep_rises_and_falls() -> None:
    x = np.array([0.0, 1.0, 1.5, 2.0, 3.0])
    np.testing.assert_allclose(smoothstep(1, 2, x), [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(smoothstep(2, 1, x), [1, 1, 0.5, 0, 0])


def test_unit_leaves_zero_alone() -> None:
    np.testing.assert_allclose(unit(np.array([[0, 0, 0], [0, 3.0, 4.0]])), [[0, 0, 0], [0, 0.6, 0.8]])


def test_a_sphere_lies_at_its_radius() -> None:
    ball = sphere(np.array([1.0, 2.0, 3.0]), 0.5)
    np.testing.assert_allclose(np.linalg.norm(ball.vertices - [1, 2, 3], axis=1), 0.5)
    assert ball.triangles.max() < len(ball.vertices)


def test_a_closed_tube_uses_every_ring() -> None:
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    part = tube(ring, 0.1, sides=6)
    assert len(part.triangles) == 12 * 6 * 2
    assert set(part.triangles.ravel()) == set(range(len(part.vertices)))
    np.testing.assert_allclose(np.abs(np.linalg.norm(part.vertices, axis=1) - 1).max(), 0.1, atol=1e-6)


@pytest.mark.parametrize("tilt", [0.0, 0.4])
@pytest.mark.parametrize("distance", [55.0, 120.0])
def test_the_camera_frames_the_face_as_ffhq_does(tilt: float, distance: float) -> None:
    """Level eyes; the crop's centre a tenth of the way to the mouth; the size from eyes and mouth."""
    landmarks = face_landmarks(tilt)
    matrix, eye = ffhq_camera(landmarks, distance)
    xy = project(matrix, landmarks)
    left, right = xy[36:42].mean(0), xy[42:48].mean(0)
    mouth = (xy[48] + xy[54]) / 2
    eyes = (left + right) / 2
    assert left[1] == pytest.approx(right[1], abs=0.01)
    np.testing.assert_allclose(eyes + 0.1 * (mouth - eyes), 0, atol=0.01)
    # Half of the crop is the larger of twice the eyes' distance and 1.8 times the distance to the mouth.
    assert max(2 * (right[0] - left[0]), 1.8 * (eyes[1] - mouth[1])) == pytest.approx(1, abs=0.01)
    assert eye[2] == distance + 9


def test_a_margin_shows_more_around_the_same_centre() -> None:
    landmarks = face_landmarks(0.2)
    close, wide = (project(ffhq_camera(landmarks, 80.0, margin)[0], landmarks) for margin in (1.0, 1.8))
    np.testing.assert_allclose(close, wide * 1.8, atol=1e-6)
