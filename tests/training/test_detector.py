"""The face detector's scenes, targets and training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("cv2", reason="scenes need OpenCV", exc_type=ImportError)

from styleid.networks.detector import STRIDE, FaceDetector
from training import detector, scenes
from training.scenes import SIDE, Scene, TurnedHeads, compose, face_places, paste_head, surroundings

POINTS = np.array([[50, 60], [90, 60], [70, 80], [55, 100], [85, 100]], np.float32)


@pytest.fixture
def heads() -> TurnedHeads:
    """Eight discs with bright points, the last one seen from behind."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:160, :160]
    lab = np.where((x - 70) ** 2 + (y - 80) ** 2 < 60**2, 1, 0).astype(np.uint8)
    img = np.full((160, 160, 3), 60, np.uint8)
    for column, row in POINTS.astype(int):
        img[row - 3 : row + 3, column - 3 : column + 3] = 255
    return TurnedHeads(
        img=np.repeat(img[None], 8, 0),
        lab=np.repeat(lab[None], 8, 0),
        points=np.repeat(POINTS[None], 8, 0),
        yaw=np.radians([0, 80, -90, 30, 0, 10, 20, 180]) + rng.normal(size=8) * 0.01,
        ident=np.arange(8),
        train=np.arange(6),
        held_out=np.arange(6, 8),
    )


def test_a_pasted_head_lies_where_its_points_say(heads: TurnedHeads) -> None:
    rng = np.random.default_rng(3)
    for angle in (0.0, 2.0, -1.2):
        image = np.zeros((SIDE, SIDE, 3), np.float32)
        points, covers = paste_head(rng, image, heads, 0, 50.0, angle, np.array([80.0, 70.0]))
        np.testing.assert_allclose(face_places(points[None])[0], [80, 70, 50], atol=1e-3)
        column, row = points.astype(int).T
        assert (image[row, column].mean(1) > 1.8 * np.median(image[covers])).all()
        assert covers[70, 80]


def test_scenes_are_in_range_and_hold_faces_of_the_sizes_that_are_sought(heads: TurnedHeads) -> None:
    rng = np.random.default_rng(1)
    composed = [compose(rng, heads, heads.train) for _ in range(12)]
    assert all(scene.image.shape == (SIDE, SIDE, 3) and np.isfinite(scene.image).all() for scene in composed)
    places = np.concatenate([face_places(scene.faces) for scene in composed])
    assert len(places) > 5
    assert (places[:, :2] > 0).all() and (places[:, :2] < SIDE).all()
    assert (places[:, 2] > 13).all() and (places[:, 2] < 60).all()


def test_heads_from_behind_are_no_faces(heads: TurnedHeads) -> None:
    rng = np.random.default_rng(2)
    composed = [compose(rng, heads, np.array([7])) for _ in range(8)]
    assert sum(len(scene.faces) + len(scene.tolerated) for scene in composed) == 0


def test_heads_on_their_head_are_left_to_another_turn_of_the_picture(
    heads: TurnedHeads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "_angle", lambda rng: 180.0)
    rng = np.random.default_rng(2)
    composed = [compose(rng, heads, heads.train) for _ in range(8)]
    assert sum(len(scene.faces) for scene in composed) == 0


def test_the_same_seed_gives_the_same_scene(heads: TurnedHeads) -> None:
    one, other = (surroundings(np.random.default_rng(5), heads, heads.train) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_targets_say_where_the_face_is() -> None:
    scene = Scene(np.zeros((SIDE, SIDE, 3), np.float32), POINTS[None] * 0.5, np.array([[110.0, 110.0, 30.0]]))
    truth = detector.targets([scene])
    x, y, size = face_places(scene.faces)[0]
    row, column = int(y / STRIDE), int(x / STRIDE)
    assert truth.weight[0, row, column] > 0 and truth.weight.sum() == pytest.approx(1)
    assert np.exp(float(truth.size[0, row, column])) * 32 == pytest.approx(size, rel=1e-5)
    middle = STRIDE * (np.array([column, row]) + 0.5)
    np.testing.assert_allclose(
        truth.offset[0, row, column].numpy() * size + middle, scene.faces[0], atol=1e-3
    )
    assert not truth.counts[0, 110 // STRIDE, 110 // STRIDE] and truth.counts[0, row, column]


def test_training_moves_every_part_and_resumes(
    heads: TurnedHeads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector, "BATCH", 2)
    monkeypatch.setattr(detector, "evaluate_detector", lambda *_: {})
    first = detector.train_detector(heads, tmp_path, steps=2)
    assert isinstance(first, FaceDetector)
    before = first.head.weight.clone()
    assert torch.equal(detector.train_detector(heads, tmp_path, steps=2).head.weight, before)
    after = detector.train_detector(heads, tmp_path, steps=3).head.weight
    assert after.isfinite().all() and not torch.equal(after, before)


def test_no_figure_rests_on_a_training_head(heads: TurnedHeads, watch: Callable) -> None:
    watched, read = watch(heads, "img", "lab", "points")
    net = FaceDetector(detector.DetectorConfig(widths=(8, 8, 8, 8)))
    detector.evaluate_detector(net, watched, 12)
    assert read == set(heads.held_out)


def test_figures_are_shares(heads: TurnedHeads) -> None:
    torch.manual_seed(0)
    figures = detector.evaluate_detector(FaceDetector(detector.DetectorConfig(widths=(8, 8, 8, 8))), heads, 8)
    assert {"recall_yaw_0_30", "false_alarms_per_scene"} <= set(figures)
    assert all(0 <= value <= 1 for name, value in figures.items() if name.startswith("recall"))
