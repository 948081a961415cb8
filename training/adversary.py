"""Two discriminators: small heads that look at the frozen parser's features (projected, Sauer et al. 2021), and one of
patches (Isola et al. 2017) that sees fine lightness alone, and so cannot ask for colours that are not there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["SHARP", "ProjectedDiscriminator", "Sharpener", "hinge_discriminator", "hinge_fake_is_real"]


class Head(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(inputs, width, 3, stride, 1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, width, 3, 2, 1)),
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


class LightnessDiscriminator(nn.Module):
    """Pictures `[N,3,S,S]` -> logits of patches, in a list as other discriminators give them. It sees what their lightness
    holds that is finer than 8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 32, 64, 128)
        layers: list[nn.Module] = []
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(0.2)]
        layers += [spectral_norm(nn.Conv2d(widths[-1], widths[-1], 3, 1, 1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        lightness = x.mean(1, keepdim=True)
        broad = F.interpolate(
            F.avg_pool2d(lightness, 8), scale_factor=8, mode="bilinear", align_corners=False
        )
        return [self.layers(3 * (lightness - broad)).float()]


# Length of the gradient towards sharpness as a share of that of all else: twice as much costs 0.7 dB.
SHARP = 0.15


class Sharpener:
    """Asks pictures to be as sharp as real ones. Its gradient is as long as that of all else, but for a share, so neither
    wins: an adversary alone invents, a mean alone is blurred."""

    def __init__(self, rate: float = 4e-4) -> None:
        self.discriminator = LightnessDiscriminator()
        self.optimiser = torch.optim.Adam(self.discriminator.parameters(), rate, betas=(0.0, 0.99))

    def gradient(self, loss: Tensor, pictures: Tensor, weight: Tensor, share: float = SHARP) -> Tensor:
        """Of the loss at the pictures `[N,3,S,S]`, and a share as long of what would make each of them sharper, most where
        `weight` `[N,1,S,S]` is largest."""
        (wrong,) = torch.autograd.grad(loss, pictures)
        (soft,) = torch.autograd.grad(hinge_fake_is_real(self.discriminator(pictures)), pictures)
        soft = soft * weight
        own, theirs = (one.flatten(1).norm(dim=1).clamp(min=1e-9).view(-1, 1, 1, 1) for one in (wrong, soft))
        return wrong + share * own / theirs * soft

    def learn(self, real: Tensor, fake: Tensor) -> None:
        """One step of telling them apart."""
        loss = hinge_discriminator(self.discriminator(real), self.discriminator(fake.detach()))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()


def hinge_fake_is_real(fake: list[Tensor]) -> Tensor:
    """The generator's loss."""
    return -torch.stack([logit.mean() for logit in fake]).mean()


def hinge_discriminator(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    losses = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(losses).mean()
