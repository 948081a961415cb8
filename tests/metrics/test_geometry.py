"""Pose and expression from five landmarks and label maps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from styleid.errors import InputError
from styleid.metrics import expression_measures, gaze_yaw, head_pose, landmark_drift, pose_drift

# Eyes, nose tip and mouth corners of some head (not the fitted one): x right, y down, z away from the camera.
HEAD = np.array([[-0.5, -0.5, 0.2], [0.5, -0.5, 0.2], [0.0, -0.02, -0.4], [-0.4, 0.5, 0.0], [0.4, 0.5, 0.0]])


def seen(yaw: float, pitch: float, roll: float, distance: float = 12.0) -> np.ndarray:
    """Landmarks [5, 2] of the head turned by degrees, in perspective at `distance` eye distances."""
    turn = Rotation.from_euler("ZYX", [roll, -yaw, pitch], degrees=True)
    points = turn.apply(HEAD) + np.array([0, 0, distance])
    return points[:, :2] / points[:, 2:] * 900 + 250


@pytest.mark.parametrize("pose", [(0, 0, 0), (25, 0, 0), (-40, 5, 10), (0, 15, -30), (10, -20, 170)])
def test_pose_of_a_projected_head(pose):
    found = head_pose(seen(*pose))[0]
    difference = (found - np.array(pose) + 180) % 360 - 180
    assert np.abs(difference).max() < 8  # this head is not the fitted one


def test_signs():
    yaw, pitch, roll = head_pose(seen(30, 20, 10))[0]
    assert yaw > 20  # the nose points to image right
    assert pitch > 10  # and down
    assert roll > 5  # clockwise: the image-right eye is lower
    points = seen(30, 0, 0)
    assert points[2, 0] > points[:2, 0].mean()
    assert seen(0, 0, 10)[1, 1] > seen(0, 0, 10)[0, 1]


def test_drift_is_the_angle_between_poses():
    before = np.stack([seen(0, 0, 0), seen(10, 5, 0)])
    after = np.stack([seen(20, 0, 0), seen(10, 5, 0)])
    drift = pose_drift(before, after)
    assert drift[0] == pytest.approx(20, abs=4)
    assert drift[1] == pytest.approx(0, abs=1e-4)


def test_landmark_drift_is_relative_to_the_eyes():
    before = seen(0, 0, 0)
    eyes = np.linalg.norm(before[1] - before[0])
    shift = np.array([0.1 * eyes, 0])
    np.testing.assert_allclose(landmark_drift(before, before + shift), [0.1])
    np.testing.assert_allclose(landmark_drift(before * 3, 3 * (before + shift)), [0.1])


def test_expression_from_labels():
    labels = np.ones((3, 64, 64), dtype=np.int64)
    labels[0, 40:44, 20:40] = 11  # closed lips
    labels[1, 40:44, 20:40], labels[1, 44:52, 20:40] = 11, 10  # an open mouth below a lip
    labels[0, 20:22, 10:30] = 4
    labels[1, 20:26, 10:30] = 5
    found = expression_measures(labels)
    np.testing.assert_allclose(found["mouth_open"], [0, 8 / 12, np.nan])
    closed, opened, unseen = found["eye_open"]
    assert closed < opened and np.isnan(unseen)


def looking(aside: float) -> tuple[np.ndarray, np.ndarray]:
    """Two bright eyes, their dark irises `aside` pixels to image right of the middle, and the label map."""
    rows, columns = np.mgrid[:64, :64]
    image, labels = np.full((64, 64, 3), 0.5), np.ones((64, 64), dtype=np.int64)
    for eye, x in ((4, 20), (5, 44)):
        opening = ((columns - x) / 10) ** 2 + ((rows - 30) / 5) ** 2 <= 1
        iris = (columns - x - aside) ** 2 + (rows - 30) ** 2 <= 16
        labels[opening], image[opening] = eye, 0.9
        image[opening & iris] = 0.2
    return image, labels


def test_gaze_follows_the_irises():
    views = [looking(aside) for aside in (-3, 0, 3)]
    images, labels = (np.stack(parts) for parts in zip(*views, strict=True))
    left, ahead, right = gaze_yaw(images, labels)
    assert ahead == pytest.approx(0, abs=0.5) and right == pytest.approx(-left, abs=0.5) and 10 < right < 40
    np.testing.assert_allclose(gaze_yaw(0.3 * images, labels), [left, ahead, right], atol=1)  # in dim light
    assert np.isnan(gaze_yaw(images[:1], np.ones_like(labels[:1])))
    with pytest.raises(InputError, match="label maps"):
        gaze_yaw(images, labels[:, :32])


def test_landmarks_that_span_no_face_raise():
    line = np.stack([np.arange(5.0), np.arange(5.0)], axis=1)
    for bad in (line, np.full((5, 2), np.nan), np.zeros((5, 3))):
        with pytest.raises(InputError):
            head_pose(bad)
    with pytest.raises(InputError):
        landmark_drift(np.zeros((5, 2)), seen(0, 0, 0))


@pytest.mark.parametrize("drift", [landmark_drift, pose_drift])
def test_landmarks_must_pair_up(drift):
    with pytest.raises(InputError, match="pair up"):
        drift(np.stack([seen(0, 0, 0)] * 2), seen(0, 0, 0))
