from __future__ import annotations

import pytest
import torch

from styleid.errors import InputError
from styleid.evaluate.baselines import BASELINES, black_bar, blur, k_same_pixel, pixelate


@pytest.fixture
def crops(photograph) -> torch.Tensor:
    return torch.stack([photograph(64, 64, seed) for seed in range(7)])


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_only_the_face_changes(crops, name):
    out = BASELINES[name](crops)
    assert out.shape == crops.shape and float(out.min()) >= 0 and float(out.max()) <= 1
    corner = slice(0, 10)
    assert torch.equal(out[:, corner, corner], crops[:, corner, corner])
    assert not torch.equal(out[:, 24:40, 24:40], crops[:, 24:40, 24:40])


def test_blur_is_a_gaussian():
    point = torch.zeros(1, 65, 65, 3)
    point[0, 36, 32] = 1
    out = blur(point, sigma=0.05)[0, :, :, 0]
    sigma = 0.05 * 65
    ratio = float(out[36, 35] / out[36, 32])
    assert ratio == pytest.approx(float(torch.exp(torch.tensor(-0.5 * (3 / sigma) ** 2))), rel=1e-4)


def test_pixels_of_a_cell_are_alike(crops):
    out = pixelate(crops, cells=8)
    cell = out[:, 32:40, 24:32]
    assert float((cell - cell[:, :1, :1]).abs().max()) == 0
    torch.testing.assert_close(cell[:, 0, 0], crops[:, 32:40, 24:32].mean((1, 2)))


def test_the_bar_is_black(crops):
    assert float(black_bar(crops)[:, 28:34, 20:44].max()) == 0


def test_k_same_gives_every_face_at_least_k_times(crops):
    out = k_same_pixel(crops, 3)[:, 24:40, 24:40]
    copies = [sum(torch.equal(a, b) for b in out) for a in out]
    assert min(copies) >= 3 and sorted(copies) == [3, 3, 3, 4, 4, 4, 4]
    group = [n for n, one in enumerate(out) if torch.equal(one, out[0])]
    torch.testing.assert_close(out[0], crops[group, 24:40, 24:40].mean(0))
    with pytest.raises(InputError, match="at least k"):
        k_same_pixel(crops[:2], 3)
