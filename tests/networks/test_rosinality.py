"""StyleGAN2 in rosinality's container, against a plain implementation of the paper's equations."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleid.errors import WeightsError
from styleid.networks import load_network

TAPS = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64
ROOT2 = math.sqrt(2)


def container(size: int, channels: dict[int, int], *, depth: int = 8, dim: int = 512, seed: int = 0) -> dict:
    """A state dict with the public key names and random values, noise strengths and biases not zero."""
    draw = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def put(name: str, *shape: int, around: float = 0.0) -> None:
        state[name] = around + torch.randn(*shape, generator=draw)

    def modulated(name: str, inputs: int, outputs: int, kernel: int) -> None:
        put(f"{name}.weight", 1, outputs, inputs, kernel, kernel)
        put(f"{name}.modulation.weight", inputs, dim)
        put(f"{name}.modulation.bias", inputs, around=1.0)

    def styled(name: str, inputs: int, outputs: int, *, up: bool) -> None:
        modulated(f"{name}.conv", inputs, outputs, 3)
        put(f"{name}.noise.weight", 1)
        put(f"{name}.activate.bias", outputs)
        if up:
            state[f"{name}.conv.blur.kernel"] = TAPS * 4

    def to_rgb(name: str, inputs: int, *, up: bool) -> None:
        modulated(f"{name}.conv", inputs, 3, 1)
        put(f"{name}.bias", 1, 3, 1, 1)
        if up:
            state[f"{name}.upsample.kernel"] = TAPS * 4

    for layer in range(1, depth + 1):
        put(f"style.{layer}.weight", dim, dim)
        state[f"style.{layer}.weight"] *= 100
        put(f"style.{layer}.bias", dim)
    put("input.input", 1, channels[4], 4, 4)
    styled("conv1", channels[4], channels[4], up=False)
    to_rgb("to_rgb1", channels[4], up=False)
    for block in range(int(math.log2(size)) - 2):
        side = 8 * 2**block
        styled(f"convs.{2 * block}", channels[side // 2], channels[side], up=True)
        styled(f"convs.{2 * block + 1}", channels[side], channels[side], up=False)
        to_rgb(f"to_rgbs.{block}", channels[side], up=True)
    for index in range(2 * int(math.log2(size)) - 3):
        side = 2 ** ((index + 5) // 2)
        put(f"noises.noise_{index}", 1, 1, side, side)
    return {"g_ema": state, "latent_avg": torch.randn(dim, generator=draw)}


class Reference:
    """One sample at a time, each convolution with its own modulated weights, up-sampling by zeros and a filter."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.p = {name: value.double() for name, value in state.items()}

    def mapping(self, z: Tensor) -> Tensor:
        x = z.double()
        x = x / torch.sqrt((x**2).mean(dim=1, keepdim=True) + 1e-8)
        layer = 1
        while f"style.{layer}.weight" in self.p:
            weight = self.p[f"style.{layer}.weight"] * (0.01 / math.sqrt(x.shape[1]))
            x = ROOT2 * F.leaky_relu(x @ weight.T + 0.01 * self.p[f"style.{layer}.bias"], 0.2)
            layer += 1
        return x

    def synthesis(self, w_plus: Tensor) -> Tensor:
        return torch.cat([self._one(w) for w in w_plus.double()])

    def _one(self, w: Tensor) -> Tensor:  # [L, 512] -> [1, 3, S, S]
        x = self._styled("conv1", self.p["input.input"], w[0], 0, up=False)
        rgb = self._rgb("to_rgb1", x, w[1])
        block = 0
        while f"to_rgbs.{block}.bias" in self.p:
            index = 2 * block + 1
            x = self._styled(f"convs.{2 * block}", x, w[index], index, up=True)
            x = self._styled(f"convs.{2 * block + 1}", x, w[index + 1], index + 1, up=False)
            rgb = self._rgb(f"to_rgbs.{block}", x, w[index + 2]) + self._filtered(rgb, up=2, pad=(2, 1))
            block += 1
        return rgb

    def _weights(self, name: str, w: Tensor, *, demodulate: bool) -> Tensor:
        weight = self.p[f"{name}.weight"][0]  # [O, I, k, k]
        affine = self.p[f"{name}.modulation.weight"] / math.sqrt(len(w))
        style = affine @ w + self.p[f"{name}.modulation.bias"]  # [I]
        weight = style[None, :, None, None] * weight / math.sqrt(weight[0].numel())
        if demodulate:
            weight = weight / torch.sqrt((weight**2).sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
        return weight

    def _styled(self, name: str, x: Tensor, w: Tensor, index: int, *, up: bool) -> Tensor:
        weight = self._weights(f"{name}.conv", w, demodulate=True)
        if up:
            spread = x.new_zeros(1, x.shape[1], 2 * x.shape[2] - 1, 2 * x.shape[3] - 1)
            spread[:, :, ::2, ::2] = x
            x = self._filtered(F.conv2d(F.pad(spread, (2, 2, 2, 2)), weight.flip(2, 3)), up=1, pad=(1, 1))
        else:
            x = F.conv2d(x, weight, padding=1)
        x = x + self.p[f"{name}.noise.weight"] * self.p[f"noises.noise_{index}"]
        return ROOT2 * F.leaky_relu(x + self.p[f"{name}.activate.bias"][None, :, None, None], 0.2)

    def _rgb(self, name: str, x: Tensor, w: Tensor) -> Tensor:
        return F.conv2d(x, self._weights(f"{name}.conv", w, demodulate=False)) + self.p[f"{name}.bias"]

    @staticmethod
    def _filtered(x: Tensor, *, up: int, pad: tuple[int, int]) -> Tensor:
        count, channels, height, width = x.shape
        spread = x.new_zeros(count, channels, height * up, width * up)
        spread[:, :, ::up, ::up] = x
        kernel = (TAPS * 4).double().expand(channels, 1, 4, 4)
        return F.conv2d(F.pad(spread, (*pad, *pad)), kernel, groups=channels)


def saved(content: object, tmp_path: Path) -> Path:
    path = tmp_path / "stylegan2.pt"
    torch.save(content, path)
    return path


SMALL = {4: 24, 8: 16, 16: 12, 32: 8, 64: 8, 128: 4, 256: 4}


@pytest.mark.parametrize("size", [8, 16, 64, 256])
@pytest.mark.parametrize("batch", [1, 3])
def test_pictures_equal_the_paper_s_equations(size: int, batch: int, tmp_path: Path) -> None:
    content = container(size, SMALL, seed=size)
    network = load_network(saved(content, tmp_path), "stylegan2")
    reference = Reference(content["g_ema"])
    torch.manual_seed(1)
    z = torch.randn(batch, 512)
    w_plus = torch.randn(batch, network.num_layers, 512)
    with torch.no_grad():
        w, picture = network.mapping(z), network.synthesis(w_plus)
    assert network.size == size
    assert network.num_layers == 2 * int(math.log2(size)) - 2
    assert picture.shape == (batch, 3, size, size)
    torch.testing.assert_close(w, reference.mapping(z).float(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(picture, reference.synthesis(w_plus).float(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network.w_mean, content["latent_avg"])


@pytest.mark.parametrize("legacy", [False, True])
def test_shapes_are_inferred_from_either_format(legacy: bool, tmp_path: Path) -> None:
    content = container(32, {4: 10, 8: 20, 16: 7, 32: 3}, depth=3, dim=64)
    path = tmp_path / "stylegan2.pth"
    torch.save({**content, "g": content["g_ema"], "d": {}}, path, _use_new_zipfile_serialization=not legacy)
    network = load_network(path, "stylegan2")
    assert network.config.channels == (10, 20, 7, 3)
    assert (network.config.mapping_layers, network.config.latent_dim) == (3, 64)


def test_a_checkpoint_without_a_mean_code_gets_a_measured_one(tmp_path: Path) -> None:
    content = container(8, SMALL, depth=4, dim=64)
    del content["latent_avg"]
    network = load_network(saved(content, tmp_path), "stylegan2")
    torch.manual_seed(5)
    expected = Reference(content["g_ema"]).mapping(torch.randn(16384, 64)).mean(0).float()
    spread = (network.w_mean - expected).norm() / expected.norm()
    assert spread < 0.05


def changed(**tensors: Tensor | None) -> dict:
    content = container(16, SMALL)
    for name, tensor in tensors.items():
        if tensor is None:
            del content["g_ema"][name]
        else:
            content["g_ema"][name] = tensor
    return content


BROKEN = {
    "no dictionary": lambda: [torch.zeros(3)],
    "no g_ema": lambda: {"g": container(16, SMALL)["g_ema"]},
    "an encoder": lambda: {"state_dict": {"encoder.x": torch.zeros(2)}, "latent_avg": torch.zeros(18, 512)},
    "g_ema of numbers": lambda: {"g_ema": {"input.input": 3}},
    "an empty g_ema": lambda: {"g_ema": {}},
    "a missing tensor": lambda: changed(**{"convs.1.noise.weight": None}),
    "missing noise": lambda: changed(**{"noises.noise_2": None}),
    "a missing block": lambda: changed(**{"convs.0.conv.weight": None}),
    "a surplus tensor": lambda: changed(**{"convs.9.conv.weight": torch.zeros(1)}),
    "a wrong shape": lambda: changed(**{"to_rgbs.0.bias": torch.zeros(3)}),
    "a wrong rank": lambda: changed(**{"input.input": torch.zeros(4)}),
    "NaN": lambda: changed(**{"conv1.noise.weight": torch.tensor([float("nan")])}),
    "another filter": lambda: changed(**{"convs.0.conv.blur.kernel": torch.full((4, 4), 0.25)}),
    "a mean of rows": lambda: {**container(16, SMALL), "latent_avg": torch.zeros(18, 512)},
    "views that expand": lambda: changed(**{"style.1.weight": torch.zeros(1).expand(4096, 4096)}),
}


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_other_contents_are_refused(what: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"stylegan2\.pt: .*(found|holds)"):
        load_network(saved(BROKEN[what](), tmp_path), "stylegan2")


def test_a_foreign_class_is_refused_by_name(tmp_path: Path) -> None:
    content = {**container(8, SMALL), "args": argparse.Namespace(size=8)}
    with pytest.raises(WeightsError, match=r"argparse\.Namespace"):
        load_network(saved(content, tmp_path), "stylegan2")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("legacy", [False, True])
def test_truncated_containers_are_refused(share: float, legacy: bool, tmp_path: Path) -> None:
    path = tmp_path / "stylegan2.pt"
    torch.save(container(8, SMALL), path, _use_new_zipfile_serialization=not legacy)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError):
        load_network(path, "stylegan2")
