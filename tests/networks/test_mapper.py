"""StyleID's `mapper.pt`, against its equations layer by layer."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleid.errors import WeightsError
from styleid.networks import load_network, write_network


def mapper_file(path: Path, *, dim: int = 32, drop: str = "", inputs: int = 2) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    state = {"decoder.input.input": torch.randn(1, 4, 4, 4, generator=draw)}
    for group in ("course", "medium", "fine"):
        for layer, width in ((1, inputs * dim), (2, dim)):
            name = f"mapper.{group}_mapping.mapping.{layer}"
            state[f"{name}.weight"] = 100 * torch.randn(dim, width, generator=draw)
            state[f"{name}.bias"] = 20 * torch.randn(dim, generator=draw)
    torch.save({"state_dict": {k: v for k, v in state.items() if k != drop}, "opts": {}}, path)
    return state


def expected_mask(state: dict[str, Tensor], w_s: Tensor, w_r: Tensor) -> Tensor:
    """Layer by layer; each entry is first divided by its root mean square over the layers of its group."""
    mask = torch.ones_like(w_s)
    groups = {"course": range(5), "medium": range(8, 12), "fine": range(12, 18)}
    for group, layers in groups.items():
        pair = torch.cat([w_s, w_r], dim=-1)[:, list(layers)]
        pair = pair / (sum(pair[:, [k]] ** 2 for k in range(len(layers))) / len(layers) + 1e-8).sqrt()
        for k, layer in enumerate(layers):
            x = pair[:, k]
            for number in (1, 2):
                name = f"mapper.{group}_mapping.mapping.{number}"
                weight = state[f"{name}.weight"] * 0.01 / math.sqrt(x.shape[1])
                x = math.sqrt(2) * F.leaky_relu(x @ weight.T + 0.01 * state[f"{name}.bias"], 0.2)
            mask[:, layer] = 1 / (1 + torch.exp(-x))
    return mask


def test_the_published_mapper_gives_its_own_masks(tmp_path: Path) -> None:
    state = mapper_file(tmp_path / "mapper.pt")
    swapper = load_network(tmp_path / "mapper.pt", "swapper")
    draw = torch.Generator().manual_seed(1)
    w_s, w_r = torch.randn(2, 3, 18, 32, generator=draw)
    torch.testing.assert_close(swapper(w_s, w_r), expected_mask(state, w_s, w_r), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(swapper(w_s[:1], w_r[:1]), swapper(w_s, w_r)[:1])
    write_network(swapper, tmp_path / "own.safetensors", "swapper", dtype=torch.float32)
    again = load_network(tmp_path / "own.safetensors", "swapper")
    assert torch.equal(again(w_s, w_r), swapper(w_s, w_r))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mapper.pt"
    mapper_file(path, drop="mapper.fine_mapping.mapping.2.bias")
    with pytest.raises(WeightsError, match="1 missing"):
        load_network(path, "swapper")
    mapper_file(path, inputs=1)
    with pytest.raises(WeightsError, match="shape"):
        load_network(path, "swapper")
    torch.save({"state_dict": {"encoder.x": torch.zeros(1)}}, path)
    with pytest.raises(WeightsError, match="mapper"):
        load_network(path, "swapper")
