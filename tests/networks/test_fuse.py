"""Folding normalisations changes no number beyond rounding, for every network and at every edge of a picture."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from styleid.errors import InputError
from styleid.networks import load_network, read_weights, write_network
from styleid.networks.fuse import BorderedConv, fuse
from styleid.networks.irse import IRSE, IRSEConfig


def lived_in(network: nn.Module, seed: int = 0) -> nn.Module:
    """Running statistics and slopes as training leaves them, not as construction does."""
    draw = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_(0, 1, generator=draw)
            module.running_var.uniform_(0.3, 2, generator=draw)
            if module.affine:
                module.weight.data.uniform_(-1.5, 1.5, generator=draw)
                module.bias.data.normal_(0, 1, generator=draw)
        elif isinstance(module, nn.PReLU):
            module.weight.data.uniform_(-0.5, 1.5, generator=draw)
    return network.eval().requires_grad_(False)


def norms_in(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("size", [(7, 5), (3, 3), (1, 4), (1, 1)])
def test_a_shift_before_zero_padding_is_exact_at_the_edges(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    plain = lived_in(nn.Sequential(nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3, 1, 1)))
    fused = fuse(copy.deepcopy(plain))
    x = torch.randn(3, 6, *size)
    assert isinstance(fused[1], BorderedConv) and norms_in(fused) == 0
    torch.testing.assert_close(fused(x), plain(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("layers", "shape", "left"),
    [
        ([nn.Conv2d(4, 6, 3, 2, bias=False), nn.BatchNorm2d(6), nn.PReLU(6)], (2, 4, 9, 9), 0),
        ([nn.Conv2d(4, 4, 3, 1, 1, groups=4), nn.BatchNorm2d(4, affine=False)], (2, 4, 8, 8), 0),
        ([nn.Linear(5, 3), nn.BatchNorm1d(3)], (4, 5), 0),
        ([nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3, 1, 1), nn.BatchNorm2d(6)], (2, 4, 8, 8), 0),
        ([nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3, 2, 1)], (2, 4, 8, 8), 1),
        ([nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 3)], (2, 4, 3, 3), 1),
        ([nn.Conv2d(4, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)], (2, 4, 3, 3), 1),
    ],
)
def test_neighbours_are_folded_where_that_is_exact(
    layers: list[nn.Module], shape: tuple[int, ...], left: int
) -> None:
    torch.manual_seed(1)
    plain = lived_in(nn.Sequential(*copy.deepcopy(layers)))
    fused = fuse(copy.deepcopy(plain))
    x = torch.randn(shape)
    assert norms_in(fused) == left
    torch.testing.assert_close(fused(x), plain(x), rtol=1e-5, atol=1e-5)


def test_a_loaded_network_is_fused_and_answers_the_same(tmp_path: Path) -> None:
    torch.manual_seed(2)
    plain = lived_in(IRSE(IRSEConfig(units=(2, 1, 1, 1), widths=(16, 16, 24, 32), input_size=32)))
    write_network(plain, tmp_path / "net.safetensors", "ir-se", dtype=torch.float32)
    fused = load_network(tmp_path / "net.safetensors", "ir-se")
    x = torch.randn(3, 3, 32, 32)
    assert norms_in(fused) < norms_in(plain)
    torch.testing.assert_close(fused(x), plain(x), rtol=1e-5, atol=1e-5)


def test_weights_are_rewritten_where_they_lie() -> None:
    network = lived_in(nn.Sequential(nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3, 1, 1), nn.BatchNorm2d(4)))
    place = network[1].weight.data_ptr()
    assert fuse(network)[1].conv.weight.data_ptr() == place


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_loading_never_writes_to_the_file(tmp_path: Path, suffix: str) -> None:
    plain = lived_in(IRSE(IRSEConfig(units=(3, 4, 14, 3), widths=(16, 20, 24, 32), input_size=32)))
    file = tmp_path / f"net{suffix}"
    if suffix == ".pt":
        torch.save(plain.state_dict(), file)
    else:
        write_network(plain, file, "ir-se50", dtype=torch.float32)
    before = file.read_bytes()
    load_network(file, "ir-se50")
    assert file.read_bytes() == before


def test_numbers_that_a_file_names_twice_are_folded_once_each(tmp_path: Path) -> None:
    plain = lived_in(IRSE(IRSEConfig(units=(3, 4, 14, 3), widths=(16, 20, 24, 32), input_size=32)))
    state = plain.state_dict()
    state["body.2.res_layer.1.weight"] = state["body.1.res_layer.1.weight"]
    state["body.2.res_layer.3.weight"] = state["body.2.res_layer.3.weight"][:1].expand(16, -1, -1, -1)
    plain.load_state_dict(state)
    torch.save(state, tmp_path / "net.pth")
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(
        load_network(tmp_path / "net.pth", "ir-se50")(x), plain(x), rtol=1e-5, atol=1e-5
    )


def test_gradients_reach_the_input_of_a_fused_network() -> None:
    torch.manual_seed(3)
    plain = lived_in(IRSE(IRSEConfig(units=(1, 1, 1, 1), widths=(16, 16, 24, 32), input_size=32)))
    found = []
    for network in (plain, fuse(copy.deepcopy(plain))):
        x = torch.full((1, 3, 32, 32), 0.2, requires_grad=True)
        network(x)[:, 0].sum().backward()
        found.append(x.grad)
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-6)


def test_a_network_without_normalisation_is_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    network.train()
    assert fuse(network) is network and network.training and network[0].weight.requires_grad


def test_a_fused_network_is_not_written(tmp_path: Path) -> None:
    plain = IRSE(IRSEConfig(units=(1, 1, 1, 1), widths=(16, 16, 16, 16), input_size=32)).eval()
    write_network(plain, tmp_path / "net.safetensors", "ir-se")
    with pytest.raises(InputError, match="read_weights"):
        write_network(
            load_network(tmp_path / "net.safetensors", "ir-se"), tmp_path / "two.safetensors", "ir-se"
        )
    write_network(read_weights(tmp_path / "net.safetensors", "ir-se"), tmp_path / "two.safetensors", "ir-se")
    assert load_network(tmp_path / "two.safetensors", "ir-se")
