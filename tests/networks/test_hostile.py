"""Damaged and hostile files end in a WeightsError, and nothing inside them runs."""

from __future__ import annotations

import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from styleid.errors import WeightsError
from styleid.networks import load_network, read_weights, write_network
from styleid.networks.irse import IRSE, IRSEConfig
from styleid.networks.swapper import Swapper, SwapperConfig


def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    network = Swapper(SwapperConfig(hidden=8, latent_dim=8))
    return {f"mapper.{name}": tensor for name, tensor in network.state_dict().items()}


def saved(folder: Path, content: Any, **options: Any) -> Path:
    torch.save(content, folder / "net.pt", **options)
    return folder / "net.pt"


@pytest.fixture(params=["zip", "old", "own"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same network in the three containers of its kind."""
    path = saved(tmp_path, {"state_dict": state()}, _use_new_zipfile_serialization=request.param != "old")
    if request.param == "own":
        write_network(read_weights(path, "swapper"), tmp_path / "net.safetensors", "swapper")
        return tmp_path / "net.safetensors"
    return path


def test_a_file_cut_anywhere_is_refused(file: Path) -> None:
    load_network(file, "swapper")
    whole, draw = file.read_bytes(), random.Random(1)
    for _ in range(20):
        file.write_bytes(whole[: draw.randrange(len(whole))])
        with pytest.raises(WeightsError):
            load_network(file, "swapper")


def test_changed_bytes_give_a_network_or_a_refusal(file: Path) -> None:
    """Bytes of weights may change unseen here (hashes see that); those of the structure end in no other error."""
    whole, draw = file.read_bytes(), random.Random(2)
    for _ in range(200):
        changed = bytearray(whole)
        for _ in range(draw.choice((1, 3, 20))):
            near_an_end = draw.choice((draw.randrange(1000), -1 - draw.randrange(1000)))
            changed[near_an_end] = draw.randrange(256)
        file.write_bytes(changed)
        try:
            load_network(file, "swapper")
        except WeightsError:
            continue


class Calls:
    def __init__(self, function: Callable, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("way", ["zip", "old", "pickle"])
@pytest.mark.parametrize("place", ["all", "weights", "beside"])
@pytest.mark.parametrize(("kind", "suffix"), [("swapper", ".pt"), ("ir-se50", ".pth"), ("stylegan2", ".pkl")])
def test_no_pickled_call_is_made(kind: str, suffix: str, place: str, way: str, tmp_path: Path) -> None:
    mark, path = tmp_path / "ran", tmp_path / f"net{suffix}"
    inner = saved(tmp_path, Calls(os.mkdir, str(mark)))
    calls = [
        Calls(os.system, f"mkdir {mark}"),
        Calls(eval, f"__import__('os').mkdir({str(mark)!r})"),
        Calls(exec, f"import os; os.mkdir({str(mark)!r})"),
        Calls(open, str(mark), "w"),
        Calls(torch.load, str(inner)),
        Calls(torch.hub.load_state_dict_from_url, "http://127.0.0.1:9/net.pt"),
    ]
    for call in calls:
        content = {
            "all": call,
            "weights": {"state_dict": {"mapper.a": call}, "G_ema": call},
            "beside": {"state_dict": state(), "opts": call, "D": call},
        }[place]
        with path.open("wb") as file:
            if way == "pickle":
                pickle.dump(content, file)
            else:
                torch.save(content, file, _use_new_zipfile_serialization=way == "zip")
        with pytest.raises(WeightsError):
            load_network(path, kind)
        assert not mark.exists()


ODD = {
    "sparse": torch.eye(4).to_sparse(),
    "quantised": torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8),
    "meta": torch.zeros(4, device="meta"),
    "eight bits": torch.zeros(8, dtype=torch.float8_e4m3fn),
    "complex": torch.zeros(8, dtype=torch.complex64),
    "whole numbers": torch.zeros(8, dtype=torch.int64),
    "views": torch.zeros(1).expand(10**9),
    "no tensor": "x",
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_tensors_are_refused(odd: str, tmp_path: Path) -> None:
    content = state() | {"mapper.fine_mapping.mapping.1.bias": ODD[odd]}
    with pytest.raises(WeightsError):
        load_network(saved(tmp_path, {"state_dict": content}), "swapper")


@pytest.mark.parametrize("name", [3, None, b"x", ("a",)])
def test_odd_names_are_refused(name: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        load_network(saved(tmp_path, {"state_dict": state() | {name: torch.zeros(1)}}), "swapper")


def test_negative_variances_are_refused(tmp_path: Path) -> None:
    network = IRSE(IRSEConfig(units=(1, 1, 1, 1), widths=(16, 16, 16, 16), input_size=32))
    network.input_layer[1].running_var[3] = -1.0
    write_network(network, tmp_path / "net.safetensors", "ir-se")
    with pytest.raises(WeightsError, match="variances"):
        load_network(tmp_path / "net.safetensors", "ir-se")


def test_an_archive_that_would_swell_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(10**8))
    with pytest.raises(WeightsError, match="compressed"):
        load_network(tmp_path / "net.pt", "swapper")


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [-1, 4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [400], "data_offsets": [0, 1600]},
        {"dtype": "F33", "shape": [4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
    ],
)
@pytest.mark.parametrize("config", ["{}", '{"hidden": null}', '{"hidden": 1e400}', "[" * 10**5])
@pytest.mark.parametrize("kind", ["swapper", "adaface"])
def test_tensors_that_cannot_be_are_refused(kind: str, config: str, entry: dict, tmp_path: Path) -> None:
    own = {"format": "styleid-1", "kind": kind, "config": config}
    header = json.dumps({"__metadata__": own, "a": entry}).encode()
    (tmp_path / "net.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    with pytest.raises(WeightsError):
        load_network(tmp_path / "net.safetensors", kind)
