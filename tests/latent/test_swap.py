from __future__ import annotations

import pytest
import torch

from styleid.errors import InputError
from styleid.latent import swap_channels, swap_layers


@pytest.fixture
def codes() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 6, 16, generator=generator), torch.randn(3, 6, 16, generator=generator)


def test_named_layers_are_the_targets_and_the_rest_the_sources_bit_for_bit(codes):
    w_s, w_t = codes
    w_o = swap_layers(w_s, w_t, [1, 4])
    for layer in range(6):
        expected = w_t if layer in (1, 4) else w_s
        assert torch.equal(w_o[:, layer], expected[:, layer])
    assert not torch.equal(w_s, w_o)


def test_nothing_named_is_the_source_and_a_new_tensor(codes):
    w_s, w_t = codes
    w_o = swap_layers(w_s, w_t, [])
    assert torch.equal(w_o, w_s)
    w_o.zero_()
    assert w_s.abs().sum() > 0


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.5, 0.8, 1.0, 1.5])
def test_strength_is_the_share_of_the_way_to_the_target(codes, strength):
    w_s, w_t = codes
    expected = w_s.clone()
    expected[:, 2] += strength * (w_t - w_s)[:, 2]
    torch.testing.assert_close(swap_layers(w_s, w_t, [2], strength), expected)


def test_one_target_serves_all_sources_and_single_codes_work(codes):
    w_s, w_t = codes
    assert torch.equal(swap_layers(w_s, w_t[:1], [0])[:, 0], w_t[:1, 0].expand(3, -1))
    assert torch.equal(swap_layers(w_s[0], w_t[0], (0,)), swap_layers(w_s, w_t, (0,))[0])
    assert torch.equal(swap_layers(w_s, w_t, torch.tensor([0, 3])), swap_layers(w_s, w_t, range(0, 6, 3)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtype_is_the_sources(codes, dtype):
    w_s, w_t = codes
    assert swap_layers(w_s.to(dtype), w_t, [1]).dtype == dtype


@pytest.mark.parametrize("layers", [[6], [-1], [1.0], [True], ["1"], 3.5, None])
def test_wrong_layers_raise(codes, layers):
    with pytest.raises(InputError, match=r"[Ll]ayer"):
        swap_layers(*codes, layers)


@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf"), "1", None])
def test_wrong_strength_raises(codes, strength):
    with pytest.raises(InputError, match="strength"):
        swap_layers(*codes, [1], strength)


def test_wrong_codes_raise(codes):
    w_s, w_t = codes
    bad = w_t.clone()
    bad[0, 0, 0] = torch.nan
    cases = [
        (w_s, w_t[:, :5]),
        (w_s, w_t[:2]),
        (w_s[:1], w_t),
        (w_s, w_t[0]),
        (w_s, bad),
        (bad, w_t),
        (w_s, None),
    ]
    cases += [(w_s.long(), w_t), (w_s[:0], w_t[:0]), (w_s[0, 0], w_t[0, 0])]
    for source, target in cases:
        with pytest.raises(InputError):
            swap_layers(source, target, [1])


def test_channel_mask_chooses_channels(codes):
    w_s, w_t = codes
    mask = torch.rand(6, 16, generator=torch.Generator().manual_seed(1)) > 0.5
    assert torch.equal(swap_channels(w_s, w_t, mask), torch.where(mask, w_t, w_s))
    per_face = mask.expand(3, 6, 16).clone()
    per_face[1] = False
    assert torch.equal(swap_channels(w_s, w_t, per_face)[1], w_s[1])


def test_float_mask_is_a_partial_swap(codes):
    w_s, w_t = codes
    mask = torch.rand(3, 6, 16, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(swap_channels(w_s, w_t, mask, 0.5), w_s + 0.5 * mask * (w_t - w_s))


def test_wrong_masks_raise(codes):
    good = torch.ones(6, 16)
    bad = [
        good[:5],
        good[:, :8],
        good.long(),
        good * 1.5,
        good * -0.1,
        good * torch.nan,
        good[None].expand(2, 6, 16),
        None,
    ]
    for mask in bad:
        with pytest.raises(InputError, match="mask"):
            swap_channels(*codes, mask)


def test_gradients_flow_to_codes_and_mask():
    generator = torch.Generator().manual_seed(2)
    w_s, w_t = (
        torch.randn(2, 3, 4, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(2)
    )
    mask = torch.rand(3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b, m: swap_channels(a, b, m, 0.7), (w_s, w_t, mask))
    assert torch.autograd.gradcheck(lambda a, b: swap_layers(a, b, [0, 2], 0.7), (w_s, w_t))
