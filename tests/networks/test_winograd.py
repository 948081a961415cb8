"""Tiled convolutions are convolutions: the same numbers, the same gradients, on every map and in every precision."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from styleid.networks.winograd import WIDE, TiledConv


def layer(*, bias: bool = True, stride: int = 1, frozen: bool = True) -> TiledConv:
    torch.manual_seed(0)
    return TiledConv(WIDE, 5, 3, stride, 1, bias=bias).requires_grad_(not frozen)


@pytest.mark.parametrize(("side", "tile"), [((32, 36), 4), ((16, 8), 2), ((2, 2), 2), ((33, 32), None)])
@pytest.mark.parametrize("bias", [True, False])
def test_tiles_give_the_convolution(side: tuple[int, int], tile: int | None, bias: bool) -> None:
    conv, x = layer(bias=bias), torch.randn(3, WIDE, *side, generator=torch.Generator().manual_seed(1))
    exact = F.conv2d(x.double(), conv.weight.double(), None if not bias else conv.bias.double(), padding=1)
    torch.testing.assert_close(conv(x).double(), exact, rtol=1e-5, atol=1e-5)
    assert list(conv._tiles or {}) == ([] if tile is None else [tile])


def test_gradients_reach_the_input() -> None:
    conv, x = layer(), torch.randn(1, WIDE, 32, 32, requires_grad=True)
    with torch.inference_mode():
        conv(x.detach())  # whoever was first
    plain = F.conv2d(x, conv.weight, conv.bias, padding=1)
    found, expected = (torch.autograd.grad(y.square().sum(), x)[0] for y in (conv(x), plain))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("other", [{"stride": 2}, {"frozen": False}])
def test_other_layers_are_ordinary(other: dict) -> None:
    conv, x = layer(**other), torch.randn(1, WIDE, 32, 32)
    assert torch.equal(conv(x), F.conv2d(x, conv.weight, conv.bias, conv.stride, 1))
    assert conv._tiles is None


def test_another_precision_computes_with_its_own_weight() -> None:
    conv, x = layer(), torch.randn(1, WIDE, 32, 32)
    conv(x)
    conv.to(torch.bfloat16)
    assert conv(x.bfloat16()).dtype == torch.bfloat16 and conv._tiles is None


def test_a_batch_of_none_gives_none() -> None:
    assert layer()(torch.zeros(0, WIDE, 32, 32)).shape == (0, 5, 32, 32)


def test_tiles_are_no_part_of_the_state() -> None:
    conv = layer()
    conv(torch.randn(1, WIDE, 32, 32))
    assert set(conv.state_dict()) == {"weight", "bias"}
