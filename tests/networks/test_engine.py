"""The generator on OpenVINO: equal pictures, and refusals instead of silent other results."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from styleid import load_family
from styleid.errors import InputError, StyleIDError
from styleid.networks.engine import accelerate
from styleid.networks.stylegan2 import Generator, GeneratorConfig

SIZE, LAYERS, DIM = 32, 8, 48


def generator(channels: tuple[int, ...] = (32, 32, 16, 8)) -> Generator:
    """Random, its noise strengths and biases not zero, its pictures mostly within [-1, 1]."""
    torch.manual_seed(3)
    network = Generator(GeneratorConfig(size=SIZE, channels=channels, latent_dim=DIM, mapping_layers=2))
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            colours = name.startswith("to_rgb") and "modulation" not in name
            if colours or name.endswith(("noise.weight", "activate.bias")):
                tensor.copy_(0.3 * torch.randn_like(tensor))
        network.w_mean.normal_()
    return network.eval().requires_grad_(False)


def codes(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, LAYERS, DIM, generator=torch.Generator().manual_seed(seed))


class TestWithOpenVino:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("openvino")

    @pytest.mark.parametrize("count", [1, 3])
    def test_pictures_are_the_generator_s(self, count: int) -> None:
        network = generator()
        engine = accelerate(network)
        torch.testing.assert_close(
            engine.synthesis(codes(count)), network.synthesis(codes(count)), rtol=1e-4, atol=1e-4
        )
        z = torch.randn(2, DIM)
        assert torch.equal(engine.mapping(z), network.mapping(z))
        assert torch.equal(engine.w_mean, network.w_mean)
        assert (engine.size, engine.num_layers) == (SIZE, LAYERS)

    def test_bf16_is_close(self) -> None:
        network = generator()
        exact, fast = network.synthesis(codes(4)), accelerate(network, "bf16").synthesis(codes(4))
        assert 0.2 < exact.std() < 1  # pictures, not a grey that any error is small beside
        assert (fast - exact).abs().mean() <= 2 / 255

    def test_weights_of_another_type_are_read(self) -> None:
        network = generator().bfloat16()
        torch.testing.assert_close(
            accelerate(network).synthesis(codes(1)), network.float().synthesis(codes(1)), rtol=1e-4, atol=1e-4
        )

    def test_later_calls_and_other_threads_leave_pictures_alone(self) -> None:
        engine = accelerate(generator())
        inputs = [codes(2, seed) for seed in range(8)]
        alone = [engine.synthesis(w) for w in inputs]
        kept = [picture.clone() for picture in alone]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(engine.synthesis, inputs))
        for a, b, c in zip(alone, kept, together, strict=True):
            assert torch.equal(a, b) and torch.equal(a, c)

    def test_what_it_cannot_do_is_refused(self) -> None:
        engine = accelerate(generator())
        with pytest.raises(InputError, match="gradients"):
            engine.synthesis(codes(1).requires_grad_())
        with pytest.raises(InputError, match="noise 'const'"):
            engine.synthesis(codes(1), noise="random")
        with pytest.raises(InputError, match="W\\+ codes of shape"):
            engine.synthesis(codes(1)[:, 1:])

    def test_a_family_decodes_with_it(self) -> None:
        plain, fast = load_family("embedded"), load_family("embedded", engine="openvino")
        w_plus = plain.random_w(2, torch.Generator().manual_seed(1))
        torch.testing.assert_close(fast.decode(w_plus), plain.decode(w_plus), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(fast.random_w(2, torch.Generator().manual_seed(1)), w_plus)


def test_other_precisions_engines_and_devices_are_refused() -> None:
    with pytest.raises(InputError, match="'fp32' or 'bf16'"):
        accelerate(generator(), "int8")
    with pytest.raises(InputError, match="openvino-bf16"):
        load_family("embedded", engine="abacus")
    with pytest.raises(InputError, match="on the processor"):
        accelerate(generator().to("meta"))


def test_without_openvino_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(StyleIDError, match="pip install openvino"):
        accelerate(generator())
