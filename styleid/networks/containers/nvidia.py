"""StyleGAN2 in the pickles of NVIDIA's StyleGAN2-ADA and StyleGAN3 code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import WeightsError
from ..files import fill_network
from ..kinds import build_network
from ..stylegan2 import GeneratorConfig
from .plain_pickle import read_pickle

__all__ = ["read_nvidia"]

_PARTS = {
    "weight": "conv.weight",
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
    "noise_strength": "noise.weight",
    "bias": "activate.bias",
}
_LEVELS = {4 * 2**level: level for level in range(10)}  # of blocks, by their size


def read_nvidia(path: Path) -> nn.Module:
    """The generator ``G_ema`` of a pickle: unconditional, of the skip architecture (configs E and F).

    Where the file sets ``conv_clamp`` (256 in StyleGAN2-ADA), activations and colours are limited to that in every
    precision, as in NVIDIA's code.
    """
    content = read_pickle(path)
    network = content.get("G_ema") if isinstance(content, dict) else None
    if not isinstance(network, dict):
        found = sorted(map(str, content))[:8] if isinstance(content, dict) else type(content).__name__
        raise WeightsError(f"Expected a pickle with 'G_ema', found {found}. Choose the right file or kind.")
    state = dict(_tensors(network))
    _check_supported(network, state)
    config = _config(state, _clamp(network))
    return fill_network(build_network("stylegan2", config), _renamed(state, config), "stylegan2")


def _tensors(module: Mapping[str, Any], prefix: str = "", depth: int = 0) -> list[tuple[str, Tensor]]:
    """Parameters and buffers of a module's state, with their dotted names."""
    own = {**_dict(module, "_parameters"), **_dict(module, "_buffers")}
    found = [(f"{prefix}{name}", x) for name, x in own.items() if isinstance(x, Tensor)]
    for name, child in _dict(module, "_modules").items():
        if isinstance(child, dict) and depth < 8:
            found += _tensors(child, f"{prefix}{name}.", depth + 1)
    return found


def _dict(module: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = module.get(name)
    return found if isinstance(found, dict) else {}


def _check_supported(network: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    if network.get("c_dim") != 0 or any(name.startswith("mapping.embed.") for name in state):
        raise WeightsError(
            "Expected an unconditional generator, found one with classes. It is not supported."
        )
    filters = [x for name, x in state.items() if name.endswith("resample_filter")]
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    expected = torch.outer(taps, taps)
    if not all(x.shape == (4, 4) and torch.allclose(x.float(), expected, atol=1e-4) for x in filters):
        raise WeightsError("Expected the resampling kernel [1, 3, 3, 1], found another. It is not supported.")
    synthesis = _dict(network, "_modules").get("synthesis")
    blocks = _dict(synthesis, "_modules") if isinstance(synthesis, dict) else {}
    found = {str(block.get("architecture", "none")) for block in blocks.values() if isinstance(block, dict)}
    if found != {"skip"}:
        raise WeightsError(
            f"Expected a StyleGAN2 generator of the skip architecture, found {sorted(found)[:4] or 'none'}. "
            "It is not supported."
        )


def _clamp(network: Mapping[str, Any]) -> float | None:
    """``conv_clamp``, which all layers of a generator share."""
    layers = list(_layers(network))
    found = {layer["conv_clamp"] for layer in layers if isinstance(layer["conv_clamp"], int | float | None)}
    good = len(found) == 1 and all(value is None or 0 < value <= 16384 for value in found)
    if layers and not good:
        raise WeightsError(
            "Expected one 'conv_clamp' above 0 for all layers, found others. Fetch the file again."
        )
    return float(value) if layers and (value := found.pop()) is not None else None


def _layers(module: Mapping[str, Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The modules below that say what they clamp to."""
    for child in _dict(module, "_modules").values():
        if isinstance(child, dict) and depth < 8:
            if "conv_clamp" in child:
                yield child
            yield from _layers(child, depth + 1)


def _config(state: Mapping[str, Tensor], clamp: float | None) -> GeneratorConfig:
    size, channels = 4, []
    while (weight := state.get(f"synthesis.b{size}.conv1.weight")) is not None and size <= 2048:
        channels.append(weight.shape[0])
        size *= 2
    depth = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state)
    average = state.get("mapping.w_avg")
    if len(channels) < 2 or max(channels) > 4096 or average is None or average.ndim != 1:
        raise WeightsError(
            "Expected a StyleGAN2 generator of 8 to 2048 pixels in 'G_ema', found other tensors. Choose the right file."
        )
    return GeneratorConfig(
        size=size // 2,
        channels=tuple(channels),
        latent_dim=len(average),
        mapping_layers=min(depth, 64),
        clamp=clamp,
    )


def _renamed(state: Mapping[str, Tensor], config: GeneratorConfig) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name.endswith("resample_filter"):
            continue
        new = _new_name(name)
        tensors[new] = _shaped(new, tensor).float()
    kernel = torch.outer(*[torch.tensor([1.0, 3.0, 3.0, 1.0])] * 2) / 16
    for block in range(len(config.channels) - 1):
        tensors[f"convs.{2 * block}.conv.blur.kernel"] = kernel.clone()
        tensors[f"to_rgbs.{block}.upsample.kernel"] = kernel.clone()
    return tensors


def _new_name(name: str) -> str:
    """This project's name; an unknown one stays and is told as surplus."""
    if name == "mapping.w_avg":
        return "w_mean"
    if found := re.fullmatch(r"mapping\.fc(\d{1,3})\.(weight|bias)", name):
        return f"style.{int(found[1]) + 1}.{found[2]}"
    if name == "synthesis.b4.const":
        return "input.input"
    found = re.fullmatch(r"synthesis\.b(\d{1,4})\.(conv0|conv1|torgb)\.(.+)", name)
    if found is None or int(found[1]) not in _LEVELS:
        return name
    level, layer, part = _LEVELS[int(found[1])], found[2], found[3]
    if part == "noise_const":
        return f"noises.noise_{2 * level - (layer == 'conv0')}"
    if layer == "torgb":
        new = "bias" if part == "bias" else _PARTS.get(part, part)
        return f"to_rgb1.{new}" if level == 0 else f"to_rgbs.{level - 1}.{new}"
    new = _PARTS.get(part, part)
    return f"conv1.{new}" if level == 0 else f"convs.{2 * level - 1 - (layer == 'conv0')}.{new}"


def _shaped(name: str, x: Tensor) -> Tensor:
    if name.endswith("conv.weight") or name == "input.input":
        return x[None]
    if name.startswith("noises."):
        return x[None, None]
    if name.endswith("noise.weight"):
        return x.reshape(-1)
    return x.reshape(1, -1, 1, 1) if re.fullmatch(r"to_rgb.*\.bias", name) and "modulation" not in name else x
