"""SwapperNet's architecture, against a plain formulation of the public release's joint mapper."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from styleid.errors import InputError
from styleid.networks import load_network
from styleid.networks.files import write_network
from styleid.networks.swapper import Swapper, SwapperConfig, swapper_config


def plain_group(state: dict[str, torch.Tensor], name: str, pair: torch.Tensor, dim: int) -> torch.Tensor:
    """Normalise, two linear layers with learning-rate factor 0.01 and scaled leaky ReLU, sigmoid."""
    x = pair / (pair.pow(2).mean(dim, keepdim=True) + 1e-8).sqrt()
    for number in (1, 2):
        weight = state[f"{name}.mapping.{number}.weight"]
        bias = state[f"{name}.mapping.{number}.bias"]
        x = x @ (weight * 0.01 / math.sqrt(weight.shape[1])).T + bias * 0.01
        x = math.sqrt(2) * F.leaky_relu(x, 0.2)
    return torch.sigmoid(x)


@pytest.fixture
def codes() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(2, 18, 512, generator=draw), torch.randn(2, 18, 512, generator=draw)


@pytest.mark.parametrize(("norm", "dim"), [("layers", 1), ("channels", 2)])
def test_the_mask_is_what_the_plain_formulation_gives(codes, norm, dim):
    torch.manual_seed(1)
    network = Swapper(SwapperConfig(norm=norm)).eval()
    for name, value in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(value, std=30.0)
    mask = network(*codes).detach()
    state, pair = network.state_dict(), torch.cat(codes, 2)
    for name, layers in (("course", slice(0, 5)), ("medium", slice(8, 12)), ("fine", slice(12, 18))):
        wanted = plain_group(state, f"{name}_mapping", pair[:, layers], dim)
        torch.testing.assert_close(mask[:, layers], wanted, rtol=1e-4, atol=1e-5)
    assert bool((mask[:, 5:8] == 1).all())
    assert 0 <= float(mask.min()) <= float(mask.max()) <= 1


def test_the_release_has_these_tensors():
    shapes = {name: tuple(x.shape) for name, x in Swapper(SwapperConfig()).state_dict().items()}
    groups = ("course", "medium", "fine")
    weights = {(f"{g}_mapping.mapping.1.weight", (512, 1024)) for g in groups}
    weights |= {(f"{g}_mapping.mapping.2.weight", (512, 512)) for g in groups}
    weights |= {(f"{g}_mapping.mapping.{n}.bias", (512,)) for g in groups for n in (1, 2)}
    assert set(shapes.items()) == weights


@pytest.mark.parametrize(
    ("layers", "identity"), [(12, (7, 8)), (18, (5, 6, 7)), (8, (0,)), (10, (8, 9)), (4, (0, 3))]
)
def test_every_group_keeps_a_layer(layers, identity):
    config = swapper_config(layers, identity)
    assert config.layers == layers
    assert min(config.coarse, config.identity, config.medium, config.fine) >= 1
    if min(identity) > 0 and max(identity) < layers - 2:
        assert config.coarse == min(identity)
        assert config.identity == max(identity) - min(identity) + 1


def test_a_file_gives_back_the_same_mask(codes, tmp_path):
    torch.manual_seed(2)
    network = Swapper(swapper_config(18, (5, 6, 7), hidden=16)).eval()
    write_network(network, tmp_path / "own.safetensors", "swapper", dtype=torch.float32)
    loaded = load_network(tmp_path / "own.safetensors", "swapper")
    assert torch.equal(loaded(*codes), network(*codes))


def test_codes_of_another_generator_are_refused(codes):
    network = Swapper(swapper_config(12, (7, 8), hidden=8))
    with pytest.raises(InputError, match="12"):
        network(*codes)
    with pytest.raises(InputError, match="identity layers"):
        swapper_config(12, ())
