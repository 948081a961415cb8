"""How the generator computes: strips on a CPU, gradients, threads, and half precision.

That its pictures are the paper's is shown in test_rosinality.py.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from styleid.networks import _strips
from styleid.networks.engine import accelerate
from styleid.networks.stylegan2 import Generator, GeneratorConfig

CHANNELS = (16, 16, 12, 12, 8)


def generator(channels: tuple[int, ...] = CHANNELS, *, style: float = 0.2, seed: int = 0) -> Generator:
    """64 pixels, random, its noise strengths and biases not zero; `style` is the spread of the style biases."""
    torch.manual_seed(seed)
    network = Generator(GeneratorConfig(size=64, channels=channels, latent_dim=32, mapping_layers=2))
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if name.endswith("modulation.bias"):
                tensor.copy_(1 + style * torch.randn_like(tensor))
            elif name.endswith(("noise.weight", "activate.bias")) or (
                name.startswith("to_rgb") and name.endswith(".bias")
            ):
                tensor.copy_(0.5 * torch.randn_like(tensor))
    return network.eval().requires_grad_(False)


def codes(count: int, seed: int = 1) -> Tensor:
    return torch.randn(count, 10, 32, generator=torch.Generator().manual_seed(seed))


def plainly(network: Generator, w_plus: Tensor, **options: object) -> Tensor:
    """Without strips, since a gradient is wanted."""
    return network.synthesis(w_plus.clone().requires_grad_(), **options).detach()


@pytest.fixture
def strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even these small maps are cut: at 64 pixels into eight strips."""
    monkeypatch.setattr(_strips, "STRIP", 8 * 8 * 64)


@pytest.mark.parametrize("noise", ["const", "none"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("size", [None, 32, 16])
@pytest.mark.parametrize("rows", [8, 16, 32])
def test_strips_give_the_same_pictures(
    rows: int, size: int | None, count: int, noise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_strips, "STRIP", rows * 8 * 64)
    network = generator()
    found = network.synthesis(codes(count), noise, size)
    assert found.shape == (count, 3, size or 64, size or 64)
    torch.testing.assert_close(found, plainly(network, codes(count), noise=noise, size=size))


def test_a_limit_holds_for_activations_and_colours_in_every_way_to_compute(strips: None) -> None:
    """As in generators of StyleGAN2-ADA: each layer's activations, each block's colours before they are summed."""
    network, limit = generator(), 0.5
    limited = Generator(dataclasses.replace(network.config, clamp=limit)).eval().requires_grad_(False)
    limited.load_state_dict(network.state_dict())

    def clamped(module: object, given: tuple, found: Tensor) -> Tensor:
        return found.clamp(-limit, limit)

    for name, module in network.named_modules():
        if name.endswith("activate"):
            module.register_forward_hook(clamped)
        elif name.startswith("to_rgb") and hasattr(module, "finish"):
            module.finish = lambda x, gain, of=module: (x * gain + of.bias).clamp(-limit, limit)
    expected = plainly(network, codes(2))
    assert not torch.allclose(expected, plainly(generator(), codes(2)), atol=0.1)
    for found in (limited.synthesis(codes(2)), plainly(limited, codes(2))):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    pytest.importorskip("openvino")
    torch.testing.assert_close(accelerate(limited).synthesis(codes(2)), expected, rtol=1e-4, atol=1e-4)


def test_random_noise_differs_from_call_to_call_and_sample_to_sample(strips: None) -> None:
    network = generator()
    first, second = network.synthesis(codes(1).expand(2, -1, -1), "random")
    assert not torch.allclose(first, second)
    again = network.synthesis(codes(1), "random")[0]
    assert not torch.allclose(first, again)


def test_strips_are_used_only_where_no_gradient_is_wanted(
    strips: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    monkeypatch.setattr(
        "styleid.networks.stylegan2.decode_in_strips",
        lambda *args: used.append(1) or _strips.decode_in_strips(*args),
    )
    network, w_plus = generator(), codes(1)
    network.synthesis(w_plus)
    assert used == [1]
    network.synthesis(w_plus.requires_grad_()).sum().backward()
    assert w_plus.grad.abs().max() > 0
    network.convs[0].conv.weight.requires_grad_()
    network.synthesis(codes(1)).sum().backward()
    assert network.convs[0].conv.weight.grad.abs().max() > 0
    with torch.autocast("cpu", torch.bfloat16):
        network.synthesis(codes(1))
    assert used == [1]
    with torch.no_grad():
        network.synthesis(w_plus)
    assert used == [1, 1]


def test_gradients_are_those_of_finite_differences(strips: None) -> None:
    network = generator().double()
    w_plus, step = codes(1).double(), 1e-6 * codes(1, seed=2).double()

    def value(w: Tensor) -> Tensor:
        return network.synthesis(w).square().mean()

    slope = (value(w_plus + step) - value(w_plus - step)) / 2
    reverse = (torch.func.grad(value)(w_plus) * step).sum()
    _, forward = torch.func.jvp(value, (w_plus,), (step,))
    torch.testing.assert_close(reverse, slope, rtol=1e-4, atol=0)
    torch.testing.assert_close(forward, slope, rtol=1e-4, atol=0)


def test_float64_takes_codes_of_float32() -> None:
    network, w_plus = generator().double(), codes(1)
    assert torch.equal(network.synthesis(w_plus), network.synthesis(w_plus.double()))


def test_a_later_call_leaves_earlier_pictures_alone(strips: None) -> None:
    network = generator()
    first = network.synthesis(codes(2))
    before = first.clone()
    network.synthesis(codes(2, seed=5))
    assert torch.equal(first, before)


def test_threads_do_not_meet(strips: None) -> None:
    network = generator()
    inputs = [codes(1, seed) for seed in range(12)]
    alone = [network.synthesis(w) for w in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(network.synthesis, inputs))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_changed_weights_count_at_once(strips: None) -> None:
    network = generator()
    before = network.synthesis(codes(1))
    network.convs[5].conv.weight.data.copy_(generator(seed=9).convs[5].conv.weight)
    after = network.synthesis(codes(1))
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, plainly(network, codes(1)))


# Activations times such a style are far beyond 65504, the largest float16.
@pytest.mark.parametrize("style", [1.0, 8e3])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("cut", [True, False])
def test_half_precision_neither_overflows_nor_goes_black(
    cut: bool, dtype: torch.dtype, style: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cut:
        monkeypatch.setattr(_strips, "STRIP", 8 * 8 * 64)
    exact = generator((128, 128, 64, 64, 16), style=style)
    with torch.no_grad():
        for name, weight in exact.named_parameters():
            if name.endswith("conv.weight") and "to_rgb" not in name:
                weight.mul_(1000)  # the demodulation makes this invisible
    exact = exact.to(dtype).float()  # the same rounded weights
    expected = exact.synthesis(codes(2).to(dtype).float())
    found = exact.to(dtype).synthesis(codes(2).to(dtype))
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    error = (found - expected).abs().mean() / expected.std()
    assert error < (0.003 if dtype == torch.float16 else 0.02)


def test_float16_activations_are_clamped_and_others_are_not(strips: None) -> None:
    network = generator()
    with torch.no_grad():
        network.convs[1].activate.bias.fill_(1000.0)
        expected = plainly(network, codes(1))
        assert not torch.allclose(expected, generator().synthesis(codes(1)))
        torch.testing.assert_close(network.synthesis(codes(1)), expected)
        seen = []
        network.half().convs[1].register_forward_hook(lambda *call: seen.append(call[2].max()))
        network.synthesis(codes(1).half())
    assert [float(x) for x in seen] == [256.0]
