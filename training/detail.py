"""Grows the trained generator to twice its size, and teaches its upper blocks the texture of the full resolution.

Everything up to 32 pixels is frozen, and so are the encoder and all codes: layout and identity stay. The blocks above
see crops of the full resolution, because texture is local, and get noise, because it is random.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleid.networks.psp import Encoder, LastLayerEncoder
from styleid.networks.stylegan2 import Generator
from styleid.networks.unet import UNetParser

from .adversary import ProjectedDiscriminator, hinge_discriminator, hinge_fake_is_real, perceptual_distance
from .data import Heads
from .loop import FURTHER, Run, averaged, cosine, update_average

__all__ = ["DetailTrainer", "extended", "grown"]

FROZEN = 32  # pixels a side of the last frozen block
CROP = 16  # side of a crop in pixels of that block
MARGIN = 8  # pixels at a crop's border that are wrong, for want of their neighbours
RATE = 2e-3
# Weights: of colours at a quarter and half the size and in full, of the parser's features, of the discriminator.
COLOURS, FEATURES, ADVERSARY = (1.0, 0.5, 0.25), 0.7, 0.25


def grown(generator: Generator) -> Generator:
    """The generator at twice its size: the new block adds nothing yet, and learns what it is to add."""
    config = generator.config
    large = Generator(replace(config, size=2 * config.size, channels=(*config.channels, config.channels[-1])))
    large.load_state_dict(large.state_dict() | generator.state_dict())
    with torch.no_grad():
        large.to_rgbs[-1].conv.weight.mul_(0.05)
    return large


@torch.no_grad()
def extended(encoder: Encoder, layers: int) -> Encoder:
    """The encoder for a generator of more layers: each new one gets the code of the last one."""
    config = replace(encoder.config, layers=layers)
    net = LastLayerEncoder(config)
    state = encoder.state_dict()
    more, dim = layers - encoder.config.layers, config.latent_dim
    for name in ("linear.weight", "linear.bias"):
        state[name] = torch.cat([state[name], *[state[name][-dim:]] * more])
    state["latent_avg"] = torch.cat([state["latent_avg"], *[state["latent_avg"][-1:]] * more])
    net.load_state_dict(state)
    return net.eval()


class DetailTrainer:
    """Holds the networks of the run; `train()` resumes where it was stopped."""

    def __init__(
        self, heads: Heads, generator: Generator, encoder: Encoder, parser: UNetParser, folder: Path, *, seed: int = 91
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.heads, self.generator, self.encoder, self.parser = heads, generator, encoder, parser
        self.folder, self.seed = folder, seed
        for frozen in (generator, encoder, parser):
            frozen.eval().requires_grad_(False)
        self.blocks = nn.ModuleList()
        for block in generator.blocks():
            if block.size > FROZEN:
                self.blocks.append(nn.ModuleList([block.up, block.conv, block.to_rgb]))
        self.blocks.requires_grad_(True)
        self.discriminator = ProjectedDiscriminator((3, *parser.config.widths))
        self.mean = averaged(self.blocks)
        self.optimiser = torch.optim.Adam(
            [
                {"params": list(block.parameters()), "rate": RATE * (1 if block is self.blocks[-1] else FURTHER)}
                for block in self.blocks
            ],
            RATE, betas=(0.0, 0.99),
        )  # fmt: skip
        self.optimiser_d = torch.optim.Adam(self.discriminator.parameters(), RATE, betas=(0.0, 0.99))

    def train(self, steps: int, batch: int = 8) -> None:
        """Afterwards the generator holds the averaged blocks."""
        state = {
            "blocks": self.blocks, "mean": self.mean, "discriminator": self.discriminator, "optimiser": self.optimiser,
            "optimiser_d": self.optimiser_d,
        }  # fmt: skip
        self.losses: dict[str, float] = {}
        run = Run("detail", self.folder, steps, state, lambda: self.losses, seed=self.seed)
        for step in run.steps():
            factor = cosine(step / steps)
            for group in self.optimiser.param_groups:
                group["lr"] = group["rate"] * factor
            self.optimiser_d.param_groups[0]["lr"] = RATE * max(factor, 0.1)
            self._step(batch, adversarial=step > 0.05 * steps)
            update_average(self.mean, self.blocks, min(0.995, (step + 1) / (step + 15)))
        self.blocks.load_state_dict(self.mean.state_dict())

    def _step(self, batch: int, *, adversarial: bool) -> None:
        index = self.heads.draw(batch)
        images, _ = self.heads.mirrored(
            self.heads.images(index, self.generator.size), None, torch.rand(batch) < 0.5
        )
        with torch.no_grad():
            codes = self.encoder(images)
            invented = self.generator.mapping(torch.randn(batch // 2, codes.shape[2]))[:, None].expand(
                -1, codes.shape[1], -1
            )
            codes = torch.cat([codes, invented])
            x, rgb = self._lower(codes)
        x, rgb, target = self._cropped(x, rgb, images)
        pictures = self._upper(x, rgb, codes)[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
        with torch.no_grad():
            real = self._features(target)
        fake = self._features(pictures)
        like = perceptual_distance([f[:batch] for f in fake[1:]], real[1:])
        loss = self._colours(pictures[:batch], target) + FEATURES * like
        self.discriminator.requires_grad_(False)
        if adversarial:
            loss = loss + ADVERSARY * hinge_fake_is_real(self.discriminator(fake))
        self.discriminator.requires_grad_(True)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        if adversarial:
            loss_d = hinge_discriminator(
                self.discriminator(real), self.discriminator([f.detach() for f in fake])
            )
            self.optimiser_d.zero_grad(set_to_none=True)
            loss_d.backward()
            self.optimiser_d.step()
            self.losses = {"features": like.item(), "discriminator": loss_d.item()}

    def _lower(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Features and colours of the last frozen block."""
        net = self.generator
        x = net.conv1(net.input(len(codes)), codes[:, 0], None)
        rgb = net.to_rgb1(x, codes[:, 1], None)
        for block in net.blocks(FROZEN):
            x = block.up(x, codes[:, block.layer], None)
            x = block.conv(x, codes[:, block.layer + 1], None)
            rgb = block.to_rgb(x, codes[:, block.layer + 2], rgb)
        return x, rgb

    def _cropped(self, x: Tensor, rgb: Tensor, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same random crop of features, colours and pictures, another for each sample."""
        scale = self.generator.size // FROZEN
        corners = torch.randint(0, FROZEN - CROP + 1, (len(x), 2)).tolist()
        parts = [(slice(r, r + CROP), slice(c, c + CROP)) for r, c in corners]
        full = [
            (
                slice(r * scale + MARGIN, (r + CROP) * scale - MARGIN),
                slice(c * scale + MARGIN, (c + CROP) * scale - MARGIN),
            )
            for r, c in corners[: len(images)]
        ]
        return (
            torch.stack([one[:, rows, cols] for one, (rows, cols) in zip(x, parts, strict=True)]),
            torch.stack([one[:, rows, cols] for one, (rows, cols) in zip(rgb, parts, strict=True)]),
            torch.stack([one[:, rows, cols] for one, (rows, cols) in zip(images, full, strict=True)]),
        )

    def _upper(self, x: Tensor, rgb: Tensor, codes: Tensor) -> Tensor:
        first = self.generator.num_layers - 2 * len(self.blocks) - 1
        for number, (up, conv, to_rgb) in enumerate(self.blocks):
            layer = first + 2 * number
            side = 2 * x.shape[-1]
            x = up(x, codes[:, layer], torch.randn(len(x), 1, side, side))
            x = conv(x, codes[:, layer + 1], torch.randn(len(x), 1, side, side))
            rgb = to_rgb(x, codes[:, layer + 2], rgb)
        return rgb

    def _features(self, images: Tensor) -> list[Tensor]:
        """The picture itself and the parser's features of it."""
        return [images, *self.parser.features((images + 1) / 2)]

    @staticmethod
    def _colours(pictures: Tensor, target: Tensor) -> Tensor:
        loss = pictures.new_zeros(())
        for weight, step in zip(COLOURS, (4, 2, 1), strict=True):
            loss = loss + weight * (F.avg_pool2d(pictures, step) - F.avg_pool2d(target, step)).abs().mean()
        return loss
