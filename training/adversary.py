"""A projected discriminator (Sauer et al. 2021): small heads that look at the frozen parser's features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ProjectedDiscriminator", "hinge_discriminator", "hinge_fake_is_real"]


class Head(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(inputs, width, 3, stride, 1)),
            nn.LeakyReLU(0.2),
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(width, width, 3, 2, 1)),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 1, 3, 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).float()


class ProjectedDiscriminator(nn.Module):
    """One head per feature map; `widths` are the channels of the maps, finest first."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            Head(width, min(64, max(48, width // 2)), 2 if index == 0 else 1)
            for index, width in enumerate(widths)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [head(feature) for head, feature in zip(self.heads, maps, strict=True)]


def hinge_fake_is_real(fake: list[Tensor]) -> Tensor:
    """The generator's loss."""
    return -torch.stack([logit.mean() for logit in fake]).mean()


def hinge_discriminator(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    losses = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(losses).mean()
