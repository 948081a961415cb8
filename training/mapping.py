"""Fits the mapping network z -> W to the codes that the encoder gives, so that random z make faces.

The energy distance (Székely and Rizzo) between mapped normal codes and real codes is minimised; it is a distance of
distributions, needs no adversary and costs no generator passes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from styleid.networks.psp import Encoder
from styleid.networks.stylegan2 import Generator

from .data import Heads
from .loop import Run, cosine

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
        with torch.autocast("cpu", torch.bfloat16):
            both = encoder(torch.cat([images, images.flip(3)]).contiguous(memory_format=torch.channels_last))
        parts.append(both.float().mean(1))
    return torch.cat(parts)


def fit_mapping(
    heads: Heads, generator: Generator, encoder: Encoder, folder: Path, *, steps: int = 1500, seed: int = 81
) -> None:
    """Train `generator.style` in place and set `generator.w_mean`."""
    torch.manual_seed(seed)
    codes = mean_codes(heads, encoder, heads.train[::3])
    centre = codes.mean(0)
    _, spread, axes = torch.pca_lowrank(codes - centre, q=256, niter=4, center=False)
    scale = spread / len(codes) ** 0.5  # standard deviation along each principal axis
    mapping = generator.style.requires_grad_(True)
    optimiser = torch.optim.Adam(mapping.parameters(), 2e-3, betas=(0.9, 0.99))
    whiten = axes / (scale + 0.05 * scale[0]) * scale.sqrt()

    def distance(z: Tensor, real: Tensor) -> Tensor:
        found = mapping(z) - centre
        real = real - centre
        return energy_distance(found, real) + 0.3 * energy_distance(found @ whiten, real @ whiten)

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
        optimiser.param_groups[0]["lr"] = 2e-3 * cosine(step / steps)
        loss = distance(torch.randn(384, 512), codes[torch.randint(len(codes), (384,))])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        generator.w_mean.copy_(mapping(torch.randn(4096, 512)).mean(0))
    mapping.requires_grad_(False)
