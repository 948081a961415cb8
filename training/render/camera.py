"""Projection matrices, and the framing of FFHQ's alignment as part of the projection."""

from __future__ import annotations

import numpy as np

__all__ = ["ffhq_camera", "light_camera", "look_at", "orthographic", "perspective", "project"]

FOCUS = np.array([0, 1.5, 9.0])  # the middle of the face
FOCAL_LENGTH = 5.0  # cancelled by the framing: only the distance shows in the picture


def look_at(eye: np.ndarray, target: np.ndarray, up: tuple[float, float, float] = (0, 1, 0)) -> np.ndarray:
    """[4, 4] world -> camera; the camera looks along its -z."""
    forward = np.array(target, float) - eye
    forward /= np.linalg.norm(forward)
    side = np.cross(forward, up)
    side /= np.linalg.norm(side)
    view = np.eye(4)
    view[0, :3] = side
    view[1, :3] = np.cross(side, forward)
    view[2, :3] = -forward
    view[:3, 3] = -view[:3, :3] @ np.asarray(eye, float)
    return view


def orthographic(radius: float, near: float, far: float) -> np.ndarray:
    m = np.eye(4)
    m[0, 0] = m[1, 1] = 1 / radius
    m[2, 2] = -2 / (far - near)
    m[2, 3] = -(far + near) / (far - near)
    return m


def perspective(focal_length: float, near: float, far: float) -> np.ndarray:
    m = np.zeros((4, 4))
    m[0, 0] = m[1, 1] = focal_length
    m[2, 2] = -(far + near) / (far - near)
    m[2, 3] = -2 * far * near / (far - near)
    m[3, 2] = -1
    return m


def project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[N, 3] points -> [N, 2] normalised device coordinates, -1..1 with y up."""
    q = np.c_[points, np.ones(len(points))] @ matrix.T
    return q[:, :2] / q[:, 3:]


def ffhq_camera(landmarks: np.ndarray, distance: float, margin: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Camera whose picture is FFHQ's aligned crop.

    landmarks: [68, 3] Multi-PIE points; distance: camera to face, cm; margin: side of the picture in units of
    FFHQ's crop. Returns the matrix [4, 4] and the
    camera's position [3]. FFHQ crops a rotated square found from the eyes and the mouth; here that square's
    rotation, shift and scale are multiplied onto the projection, so the picture is rendered straight into the
    crop.
    """
    eye = np.array([0, 1.5, distance + 9.0])
    matrix = perspective(FOCAL_LENGTH, 10, 300) @ look_at(eye, FOCUS)
    xy = project(matrix, landmarks)
    # Points 36:42 are the subject's right eye, which is image-left.
    right_eye, left_eye = xy[36:42].mean(0), xy[42:48].mean(0)
    eyes, mouth = (left_eye + right_eye) / 2, (xy[48] + xy[54]) / 2
    across, down = left_eye - right_eye, mouth - eyes
    x = across - np.array([-down[1], down[0]]) * -1.0
    x = x / np.hypot(*x) * max(np.hypot(*across) * 2.0, np.hypot(*down) * 1.8) * margin
    y = np.array([-x[1], x[0]])
    centre = eyes + down * 0.1
    size2 = x @ x
    framing = np.eye(4)
    framing[0, 0], framing[0, 1], framing[0, 3] = x[0] / size2, x[1] / size2, -(x @ centre) / size2
    framing[1, 0], framing[1, 1], framing[1, 3] = y[0] / size2, y[1] / size2, -(y @ centre) / size2
    return framing @ matrix, eye


def light_camera(direction: np.ndarray) -> np.ndarray:
    """[4, 4] matrix of the key light's shadow map."""
    centre = np.array([0, 1.0, 2.0])
    up = (0, 1, 0) if abs(direction[1]) < 0.97 else (0, 0, 1)
    return orthographic(19, 1, 90) @ look_at(centre + direction * 45, centre, up)
