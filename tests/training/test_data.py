"""Batches of heads, and augmentation with its geometry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from styleid.errors import InputError
from training import __main__ as training
from training import data
from training.augment import backdrop, erase, photometric, strands, toned, tones, warp
from training.data import ARRAYS, Heads, pack, split
from training.generator import with_partners


def test_images_are_in_the_networks_range(heads: Heads) -> None:
    images = heads.images(np.arange(3))
    assert images.shape == (3, 3, 128, 128)
    assert images.min() >= -1
    assert images.max() <= 1


def test_pictures_at_half_the_rendered_size(heads: Heads) -> None:
    index = np.array([4, 9])
    full, half = heads.images(index), heads.images(index, 64)
    torch.testing.assert_close(half, torch.nn.functional.avg_pool2d(full, 2))
    assert torch.equal(heads.labels(index, 64), heads.labels(index)[:, 1::2, 1::2])


def test_landmarks_are_shares_of_the_picture(heads: Heads) -> None:
    torch.testing.assert_close(heads.landmarks(np.array([3]))[0], torch.from_numpy(heads.lm5[3]) / 128)


def test_other_pictures_of_a_person_never_include_the_picture_itself(heads: Heads) -> None:
    for index in (0, 7, 59):
        same = heads.same_identity(index)
        assert len(same) == (heads.ident == heads.ident[index]).sum() - 1
        assert index not in same
        assert set(heads.ident[same]) == {heads.ident[index]}


def test_mirroring_exchanges_left_and_right_labels(heads: Heads) -> None:
    images, labels = heads.images(np.arange(2)), heads.labels(np.arange(2))
    flipped, mirrored = heads.mirrored(images, labels, torch.tensor([True, False]))
    assert torch.equal(flipped[0], images[0].flip(2))
    assert torch.equal(flipped[1], images[1])
    left, right = labels[0] == 4, mirrored[0].flip(1) == 5
    assert torch.equal(left, right)


def test_points_follow_the_warp() -> None:
    torch.manual_seed(0)
    image = torch.full((4, 3, 64, 64), -1.0)
    image[:, :, 30:34, 38:42] = 1.0  # a white square around (40, 32)
    points = torch.tensor([[[40 / 64, 32 / 64]]]).repeat(4, 1, 1)
    crop, _, moved = warp(image, degrees=30, scale=(0.8, 1.2), shift=0.05, points=points)
    bright = (crop[:, 0] + 1).clamp(min=0)
    grid = (torch.arange(64) + 0.5) / 64
    x = (bright.sum(1) * grid).sum(1) / bright.sum((1, 2))
    y = (bright.sum(2) * grid).sum(1) / bright.sum((1, 2))
    assert torch.allclose(torch.stack([x, y], 1), moved[:, 0], atol=0.02)


def test_half_of_the_tones_are_those_of_the_picture(heads: Heads) -> None:
    torch.manual_seed(0)
    tone = tones(200)
    plain = (tone == 1).all(1)
    assert 70 < int(plain.sum()) < 130
    images = heads.images(np.arange(2))
    torch.testing.assert_close(toned(images, torch.ones(2, 5)), images, atol=1e-3, rtol=0)
    grey = toned(images, torch.tensor([[1.0, 1, 1, 1, 0]]).expand(2, 5))
    torch.testing.assert_close(grey[:, 0], grey[:, 2])
    assert toned(images, tone[:2] * 3).abs().max() <= 1


def test_augmentation_stays_in_range_and_keeps_the_shape() -> None:
    torch.manual_seed(0)
    x = torch.rand(4, 3, 64, 64) * 2 - 1
    y = erase(photometric(x))
    assert y.shape == x.shape
    assert y.isfinite().all()
    assert photometric(x).abs().max() <= 1


def test_another_backdrop_leaves_the_head(heads: Heads) -> None:
    images, labels = heads.images(np.arange(4)), torch.ones(4, 128, 128, dtype=torch.uint8)
    labels[:, :, :40] = 0
    behind = backdrop(images, labels, share=1.0)
    assert torch.equal(behind[..., 41:], images[..., 41:])
    assert (behind - images)[..., :39].abs().mean() > 0.1
    assert torch.equal(backdrop(images, labels, share=0.0), images)


def test_strands_change_hair_alone(heads: Heads) -> None:
    torch.manual_seed(0)
    images, labels = heads.images(np.arange(4)), torch.ones(4, 128, 128, dtype=torch.uint8)
    labels[:, :40] = 13
    fair = strands(images, labels, 13, 1, share=1.0)
    assert torch.equal(fair[:, :, 41:], images[:, :, 41:])
    assert (fair - images)[:, :, :39].abs().mean() > 0.1
    assert torch.equal(strands(images, labels, 13, 1, share=0.0), images)


def test_exchanged_pictures_are_of_the_same_heads(
    heads: Heads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "HELD_OUT", 2)

    def packed(found: Heads) -> Path:
        np.savez(tmp_path / "s0.npz", names=found.names, **{name: getattr(found, name) for name in ARRAYS})
        pack(tmp_path, tmp_path)
        return tmp_path

    within = np.where(heads.ident < 10, (heads.ident + 1) % 10, 21 - heads.ident)
    swapped = replace(heads, donor=within)
    assert np.array_equal(heads.exchanged(packed(swapped)).ident, heads.ident)
    fewer = replace(heads, ident=heads.ident[5:])
    with pytest.raises(ValueError, match="60 exchanged pictures are not those of the 55 heads"):
        fewer.exchanged(tmp_path)
    vec = heads.vec.copy()
    vec[:, :142] += 1  # of the donors
    heads.exchanged(packed(replace(swapped, vec=vec)))
    vec[7, 200] += 1
    with pytest.raises(ValueError, match="same --identities, --states and --seed"):
        heads.exchanged(packed(replace(swapped, vec=vec)))
    with pytest.raises(ValueError, match="faces of the heads themselves"):
        heads.exchanged(packed(heads))
    with pytest.raises(ValueError, match="between training and held-out pictures"):
        heads.exchanged(packed(replace(heads, donor=(heads.ident + 1) % 12)))


def test_a_picture_of_each_person(heads: Heads) -> None:
    persons = np.array([3, 11, 3, 0])
    assert np.array_equal(heads.ident[heads.pictures_of(persons)], persons)


def test_every_second_picture_is_of_the_person_before_it(heads: Heads) -> None:
    index = with_partners(heads, np.array([0, 1, 30, 7]))
    assert (heads.ident[index[::2]] == heads.ident[index[1::2]]).all()
    assert (index[::2] != index[1::2]).all()


def test_a_folder_without_shards_or_heads_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no shards .*training\.render"):
        pack(tmp_path, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    with pytest.raises(InputError, match=r"no cache of packed heads: it lacks img\.npy"):
        Heads.open(tmp_path)


def test_some_persons_are_left_to_train_on(heads: Heads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "HELD_OUT", 2)
    train, held_out = split(heads.ident)
    assert np.array_equal(train, heads.train) and np.array_equal(held_out, heads.held_out)
    monkeypatch.setattr(data, "HELD_OUT", 12)
    with pytest.raises(InputError, match="12 persons, and the last 12 are held out"):
        split(heads.ident)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shards=nowhere"], "nowhere holds no shards"),
        ([], "rendered with --exchanged"),
        (["--exchanged=nowhere"], "nowhere holds no shards"),
    ],
)
def test_training_says_in_a_line_which_heads_it_lacks(
    heads: Heads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, options: list[str], said: str
) -> None:
    monkeypatch.setattr(training.Heads, "open", lambda _: heads)
    fixed = [f"--cache={tmp_path}", f"--checkpoints={tmp_path / 'checkpoints'}"]
    monkeypatch.setattr("sys.argv", ["training", *fixed, *options])
    with pytest.raises(SystemExit) as ended:
        training.main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())
