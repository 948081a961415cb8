"""StyleGAN2 in NVIDIA's pickles: read as data, equal to the same weights in the other container, never run."""

from __future__ import annotations

import pickle
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from styleid.errors import WeightsError
from styleid.networks import load_network, read_weights, write_network

from .test_rosinality import TAPS, container

SOURCE = "class Generator: pass"


class Persistent:
    """Pickles as NVIDIA's persistent classes do: a named function, called with state and source code."""

    def __init__(self, class_name: str, **state: Any) -> None:
        self.meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": class_name}
        self.meta["state"] = {"training": False, "_parameters": {}, "_buffers": {}, "_modules": {}, **state}

    def __reduce__(self) -> tuple:
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)

    def put(self, name: str, tensor: Tensor) -> None:
        first, _, rest = name.partition(".")
        if rest:
            modules = self.meta["state"]["_modules"]
            modules.setdefault(first, Persistent(first, architecture="skip")).put(rest, tensor)
        else:
            group = "_buffers" if first in ("noise_const", "resample_filter", "w_avg") else "_parameters"
            self.meta["state"][group][first] = nn.Parameter(tensor) if group == "_parameters" else tensor


@pytest.fixture(autouse=True)
def _persistence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module that the public code pickles by name; unpickling with it would run the source, and fails here."""

    def _reconstruct_persistent_obj(meta: dict) -> None:
        raise RuntimeError("the source inside was run")

    module = types.ModuleType("torch_utils.persistence")
    _reconstruct_persistent_obj.__module__ = module.__name__
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    module._reconstruct_persistent_obj = _reconstruct_persistent_obj
    monkeypatch.setitem(sys.modules, "torch_utils", types.ModuleType("torch_utils"))
    monkeypatch.setitem(sys.modules, "torch_utils.persistence", module)


def nvidia(content: dict) -> Persistent:
    """The generator of a public container under NVIDIA's names and shapes."""
    parts = {
        "conv.weight": "weight",
        "conv.modulation.weight": "affine.weight",
        "conv.modulation.bias": "affine.bias",
        "noise.weight": "noise_strength",
        "activate.bias": "bias",
        "bias": "bias",
    }
    network = Persistent("Generator", c_dim=0, z_dim=512)
    network.put("mapping.w_avg", content["latent_avg"])
    for name, tensor in content["g_ema"].items():
        if name.endswith("kernel"):
            continue
        if found := re.fullmatch(r"style\.(\d+)\.(.+)", name):
            network.put(f"mapping.fc{int(found[1]) - 1}.{found[2]}", tensor)
        elif name == "input.input":
            network.put("synthesis.b4.const", tensor[0])
        elif found := re.fullmatch(r"noises\.noise_(\d+)", name):
            layer = int(found[1])
            network.put(
                f"synthesis.b{tensor.shape[-1]}.conv{1 - layer % 2}.noise_const"
                if layer
                else "synthesis.b4.conv1.noise_const",
                tensor[0, 0],
            )
        else:
            found = re.fullmatch(r"(conv1|to_rgb1|convs\.(\d+)|to_rgbs\.(\d+))\.(.+)", name)
            block = 0 if found[1][-1] == "1" and "." not in found[1] else None
            if found[2]:
                block, layer = int(found[2]) // 2 + 1, f"conv{int(found[2]) % 2}"
            elif found[3]:
                block, layer = int(found[3]) + 1, "torgb"
            else:
                layer = "conv1" if found[1] == "conv1" else "torgb"
            value = tensor[0] if name.endswith("conv.weight") else tensor
            value = value.reshape(()) if name.endswith("noise.weight") else value
            value = value.flatten() if "rgb" in name and found[4] == "bias" else value
            network.put(f"synthesis.b{4 * 2**block}.{layer}.{parts[found[4]]}", value)
    for side in (4, 8, 16):
        network.put(f"synthesis.b{side}.resample_filter", TAPS.clone())
    return network


def saved(content: Any, folder: Path) -> Path:
    (folder / "net.pkl").write_bytes(pickle.dumps(content))
    return folder / "net.pkl"


def small(**options: Any) -> dict:
    return container(16, {4: 12, 8: 8, 16: 6}, dim=32, **options)


@pytest.mark.parametrize("depth", [2, 8])
def test_a_pickle_gives_the_generator_of_its_weights(depth: int, tmp_path: Path) -> None:
    content = small(depth=depth)
    torch.save(content, tmp_path / "net.pt")
    path = saved({"G": None, "D": None, "G_ema": nvidia(content), "augment_pipe": None}, tmp_path)
    found, expected = load_network(path, "stylegan2"), load_network(tmp_path / "net.pt", "stylegan2")
    assert found.state_dict().keys() == expected.state_dict().keys()
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], tensor, rtol=0, atol=0)
    write_network(
        read_weights(path, "stylegan2"), tmp_path / "own.safetensors", "stylegan2", dtype=torch.float32
    )
    codes = torch.randn(2, found.num_layers, 32)
    again = load_network(tmp_path / "own.safetensors", "stylegan2")
    assert torch.equal(again.synthesis(codes), found.synthesis(codes))


def _layers(network: Persistent) -> list[dict]:
    blocks = network.meta["state"]["_modules"]["synthesis"].meta["state"]["_modules"]
    return [
        layer.meta["state"] for block in blocks.values() for layer in block.meta["state"]["_modules"].values()
    ]


@pytest.mark.parametrize("limit", [None, 256, 0.25])
def test_the_limit_of_activations_is_the_file_s(limit: float | None, tmp_path: Path) -> None:
    network = nvidia(small())
    for layer in _layers(network):
        layer["conv_clamp"] = limit
    read = read_weights(saved({"G_ema": network}, tmp_path), "stylegan2")
    write_network(read, tmp_path / "own.safetensors", "stylegan2", dtype=torch.float32)
    assert load_network(tmp_path / "own.safetensors", "stylegan2").config.clamp == read.config.clamp == limit


@pytest.mark.parametrize("limits", [(256, None), (0, 0), ("a", "a"), (float("nan"), float("nan"))])
def test_limits_that_make_no_sense_are_refused(limits: tuple, tmp_path: Path) -> None:
    network = nvidia(small())
    for index, layer in enumerate(_layers(network)):
        layer["conv_clamp"] = limits[index % 2]
    with pytest.raises(WeightsError, match="conv_clamp"):
        load_network(saved({"G_ema": network}, tmp_path), "stylegan2")


class Trap:
    def __reduce__(self) -> tuple:
        return print, ("run",)


def test_any_other_global_is_refused_by_name_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(WeightsError, match=r"builtins\.print"):
        load_network(saved({"G_ema": nvidia(small()), "D": Trap()}, tmp_path), "stylegan2")
    assert capsys.readouterr().out == ""


def _conditional(network: Persistent) -> None:
    network.meta["state"]["c_dim"] = 10


def _residual(network: Persistent) -> None:
    block = network.meta["state"]["_modules"]["synthesis"].meta["state"]["_modules"]["b8"]
    block.meta["state"]["architecture"] = "resnet"


def _other_taps(network: Persistent) -> None:
    network.put("synthesis.b8.resample_filter", torch.ones(4, 4) / 16)


def _surplus(network: Persistent) -> None:
    network.put("synthesis.b8.extra.weight", torch.ones(2))


def _nan(network: Persistent) -> None:
    network.put("synthesis.b8.conv1.weight", torch.full((8, 8, 3, 3), torch.nan))


def _views(network: Persistent) -> None:
    network.put("synthesis.b8.conv1.bias", torch.zeros(1).expand(8))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_conditional, "unconditional"),
        (_residual, "resnet"),
        (_other_taps, "resampling kernel"),
        (_surplus, "surplus"),
        (_nan, "NaN"),
        (_views, "larger than the file"),
    ],
)
def test_other_networks_are_refused(change: Any, told: str, tmp_path: Path) -> None:
    network = nvidia(small())
    change(network)
    with pytest.raises(WeightsError, match=told):
        load_network(saved({"G_ema": network}, tmp_path), "stylegan2")


@pytest.mark.parametrize("content", [{"G": 1}, [], {"G_ema": {"_parameters": {}}}])
def test_other_pickles_are_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        load_network(saved(content, tmp_path), "stylegan2")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.99])
def test_truncated_pickles_are_refused(share: float, tmp_path: Path) -> None:
    path = saved({"G_ema": nvidia(small())}, tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError):
        load_network(path, "stylegan2")
