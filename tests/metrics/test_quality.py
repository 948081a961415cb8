from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from styleid.errors import InputError
from styleid.metrics import Perceptual, attribute_changes, background_difference, psnr, ssim
from styleid.metrics import perceptual as module


@pytest.fixture
def pictures(photograph) -> tuple[torch.Tensor, torch.Tensor]:
    before = photograph(48, 48)[None].repeat(2, 1, 1, 1)
    after = before.clone()
    after[1, 10:30, 10:30] = 0.5
    return before, after


def test_psnr_and_ssim_are_scikit_images(pictures):
    before, after = pictures
    a, b = before[1].double().numpy(), after[1].double().numpy()
    assert psnr(before, after)[0] == math.inf
    assert psnr(before, after)[1] == pytest.approx(peak_signal_noise_ratio(a, b, data_range=1))
    assert ssim(before, after)[0] == pytest.approx(1)
    expected = structural_similarity(a, b, data_range=1, channel_axis=-1)
    assert ssim(before, after)[1] == pytest.approx(expected) != 1
    with pytest.raises(InputError):
        ssim(before, after[:1])
    with pytest.raises(InputError, match="7 pixels, found pictures of 48 x 6"):
        ssim(before[:, :6], after[:, :6])


def test_background_is_what_lies_outside_the_area(pictures):
    before, after = pictures[0][1], pictures[1][1]
    inside = torch.zeros(48, 48, dtype=torch.bool)
    inside[10:30, 10:30] = True
    clean = background_difference(before, after, inside)
    assert (clean.changed, clean.mean, clean.largest) == (0, 0, 0)
    assert clean.pixels == 48 * 48 - 400
    after[0, 0] += 0.25
    leak = background_difference(before, after, inside)
    assert leak.changed == pytest.approx(1 / clean.pixels)
    assert leak.largest == pytest.approx(0.25)
    assert background_difference(before, after, torch.ones(48, 48)).pixels == 0
    after[0, 0] = torch.nan
    with pytest.raises(InputError, match="NaN"):
        background_difference(before, after, inside)


def test_attribute_changes_count_faces():
    before = torch.tensor([[0.9, 0.1], [0.8, 0.6]])
    after = torch.tensor([[0.7, 0.9], [0.2, 0.6]])
    male, young = attribute_changes(("Male", "Young"), before, after)
    assert (male.before, male.after, male.preserved) == (1.0, 0.5, 0.5)
    assert (young.before, young.after, young.preserved) == (0.5, 1.0, 0.5)
    assert male.moved == pytest.approx(0.4)
    with pytest.raises(InputError):
        attribute_changes(("Male",), before, after)


def test_perceptual_metrics_say_what_they_lack(pictures, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    metric = Perceptual()
    metric.update(*pictures)
    assert metric.result() == {
        "lpips": "not computed: install torchmetrics, torchvision",
        "fid": "not computed: install torchmetrics, torchvision, torch-fidelity",
    }
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())
    assert "alexnet-owt-7be5be79.pth" in Perceptual().result()["lpips"]


def test_perceptual_metrics_are_the_packages_own(pictures, monkeypatch):
    """The packages compute; here stand-ins show that they get [N, 3, H, W] in 0..1, clean pictures as the real ones."""

    class Stub:
        def __init__(self, **options):
            self.seen = []

        def update(self, *pictures, **options):
            self.seen.append(([tuple(p.shape) for p in pictures], options))

        def compute(self):
            return torch.tensor(float(len(self.seen)))

    class Modules:
        LearnedPerceptualImagePatchSimilarity = FrechetInceptionDistance = Stub

    monkeypatch.setattr(module, "why_unavailable", lambda name: None)
    monkeypatch.setattr(module.importlib, "import_module", lambda name: Modules)
    metric = Perceptual()
    metric.update(*pictures)
    assert metric.result() == {"lpips": 1.0, "fid": 2.0}
    assert metric._metrics["fid"].seen[0] == ([(2, 3, 48, 48)], {"real": True})
    assert np.isfinite(metric.result()["fid"])


def test_packages_that_do_not_work_are_a_note(monkeypatch):
    def broken(name):
        raise RuntimeError("operator does not exist")

    monkeypatch.setattr(module, "why_unavailable", lambda name: None)
    monkeypatch.setattr(module.importlib, "import_module", broken)
    assert "do not work together" in Perceptual().result()["fid"]
