"""StyleGAN2 in rosinality's container."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ...errors import WeightsError
from ..files import fill_network
from ..kinds import build_network
from ..stylegan2 import GeneratorConfig
from .torch_file import read_container, state_dict_in

__all__ = ["read_rosinality"]

_MEAN_SAMPLES = 16384


def read_rosinality(path: Path) -> nn.Module:
    """StyleGAN2 as rosinality's code saves it: ``g_ema``, and ``latent_avg`` where the file was converted.

    A training checkpoint has no ``latent_avg``; its mean code is then measured over seeded random codes.
    """
    content = read_container(path)
    state = state_dict_in(content, "g_ema", path)
    config = _rosinality_config(state)
    _check_kernels(state)
    mean = content.get("latent_avg")
    if mean is not None and (not isinstance(mean, Tensor) or mean.numel() != config.latent_dim):
        raise WeightsError(
            f"Expected 'latent_avg' of {config.latent_dim} numbers, found another. Choose the right file."
        )
    known = torch.zeros(config.latent_dim) if mean is None else mean.reshape(config.latent_dim)
    tensors = {**state, "w_mean": known}
    network = fill_network(build_network("stylegan2", config), tensors, "stylegan2")
    if mean is None:
        network.w_mean = _measured_mean(network)
    return network


def _rosinality_config(state: Mapping[str, Tensor]) -> GeneratorConfig:
    """Size, channels and depth from the shapes."""
    blocks = 0
    while f"convs.{2 * blocks}.conv.weight" in state:
        blocks += 1
    names = ["input.input", "style.1.weight", *(f"convs.{2 * block}.conv.weight" for block in range(blocks))]
    dims = (4, 2, *(5 for _ in range(blocks)))
    if not 1 <= blocks <= 9 or any(
        name not in state or state[name].ndim != n for name, n in zip(names, dims, strict=True)
    ):
        raise WeightsError(
            "Expected a StyleGAN2 generator of 8 to 2048 pixels in 'g_ema', found other tensors. Choose the right file."
        )
    channels = (state["input.input"].shape[1], *(state[name].shape[1] for name in names[2:]))
    depth = sum(re.fullmatch(r"style\.\d+\.weight", name) is not None for name in state)
    if max(channels) > 4096 or depth > 64:
        raise WeightsError(
            f"Expected a StyleGAN2 generator, found {max(channels)} channels and {depth} mapping layers."
        )
    return GeneratorConfig(
        size=4 * 2**blocks,
        channels=channels,
        latent_dim=state["style.1.weight"].shape[1],
        mapping_layers=depth,
    )


def _check_kernels(state: Mapping[str, Tensor]) -> None:
    """The generator resamples with [1, 3, 3, 1]; a file made for other taps would give other pictures, silently."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps) / 16.0
    for name, tensor in state.items():
        if name.endswith(".kernel") and (
            tensor.shape != (4, 4) or not torch.allclose(tensor.float(), kernel, atol=1e-3)
        ):
            raise WeightsError(
                f"Expected the resampling kernel [1, 3, 3, 1] in {name!r}, found another. It is not supported."
            )


@torch.no_grad()
def _measured_mean(network: nn.Module) -> Tensor:
    z = torch.randn(_MEAN_SAMPLES, network.config.latent_dim, generator=torch.Generator().manual_seed(0))
    return network.mapping(z.to(network.w_mean)).mean(0)
