"""Fits the mapping network z -> W to the codes that the encoder gives, so that random z make faces.

The energy distance (Székely and Rizzo) between mapped normal codes and real codes is minimised; it is a distance of
distributions, needs no adversary and costs no generator passes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from styleid.networks.psp import Encoder
from styleid.networks.stylegan2 import SQRT2, Generator

from .data import Heads
from .loop import Run, cosine

# The mapping layers' stored weights are 100 times those in effect (lr_mul 0.01), and so is the rate.
RATE = 0.5

__all__ = ["energy_distance", "fit_mapping", "mean_codes"]


def energy_distance(a: Tensor, b: Tensor) -> Tensor:
    """`2 E|a-b| - E|a-a'| - E|b-b'|` of two samples `[N,D]`; zero only for equal distributions."""
    n, m = len(a), len(b)
    within_a = torch.cdist(a, a).sum() / (n * (n - 1))
    within_b = torch.cdist(b, b).sum() / (m * (m - 1))
    return 2 * torch.cdist(a, b).mean() - within_a - within_b


@torch.no_grad()
def mean_codes(heads: Heads, encoder: Encoder, index) -> Tensor:
    """One W code `[N,512]` per picture and mirrored picture: the mean of its W+ code over the layers."""
    encoder.eval()
    parts = []
    for start in range(0, len(index), 50):
        images = heads.images(index[start : start + 50])
        both = encoder(torch.cat([images, images.flip(3)]).contiguous(memory_format=torch.channels_last))
        parts.append(both.mean(1))
    return torch.cat(parts)


def fit_mapping(
    heads: Heads, generator: Generator, encoder: Encoder, folder: Path, *, steps: int = 400, seed: int = 81
) -> None:
    """Set `generator.style` to the normal distribution of the codes, refine it, and set `generator.w_mean`."""
    torch.manual_seed(seed)
    codes = mean_codes(heads, encoder, heads.train[::3])
    mapping = generator.style
    start_from_components(mapping, codes)
    mapping.requires_grad_(True)
    optimiser = torch.optim.Adam(mapping.parameters(), RATE, betas=(0.9, 0.99))

    def report() -> dict[str, float]:
        with torch.no_grad():
            found = mapping(torch.randn(2000, 512))
            near = energy_distance(found, codes[:2000]) / codes.std(0).norm()
            return {
                "relative_energy_distance": float(near),
                "spread": float(found.std(0).norm() / codes.std(0).norm()),
            }

    run = Run("mapping", folder, steps, {"mapping": mapping, "optimiser": optimiser}, report, seed=seed)
    for step in run.steps():
        optimiser.param_groups[0]["lr"] = RATE * cosine(step / steps)
        loss = energy_distance(mapping(torch.randn(384, 512)), codes[torch.randint(len(codes), (384,))])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        generator.w_mean.copy_(mapping(torch.randn(4096, 512)).mean(0))
    mapping.requires_grad_(False)


@torch.no_grad()
def start_from_components(mapping: nn.Sequential, codes: Tensor) -> None:
    """Make the mapping the normal distribution of the codes' 256 principal components.

    The last layer ends in a leaky ReLU, so the components are those of the codes before it. All layers before hand
    x on unchanged: `lrelu(x) - lrelu(-x) = 1.2 x`, each layer holding x and -x.
    """
    before = codes / SQRT2
    before = torch.where(before < 0, before / 0.2, before)
    centre = before.mean(0)
    half = codes.shape[1] // 2
    _, spread, axes = torch.pca_lowrank(before - centre, q=half, niter=4, center=False)
    out = (axes * spread / len(codes) ** 0.5) / (1.2 * SQRT2)  # [512, 256]
    eye = torch.eye(half)
    keep = torch.cat([torch.cat([eye, -eye], 1), torch.cat([-eye, eye], 1)]) / (1.2 * SQRT2)
    first = torch.cat([torch.cat([eye, 0 * eye], 1), torch.cat([-eye, 0 * eye], 1)])
    layers = list(mapping)[1:]
    effects = [first, *[keep] * (len(layers) - 2), torch.cat([out, -out], 1)]
    for layer, effect in zip(layers, effects, strict=True):
        layer.weight.copy_(effect / layer.scale)
        layer.bias.zero_()
    layers[-1].bias.copy_(centre / layers[-1].lr_mul)
