"""Grows the trained generator to twice its size, and teaches its upper blocks the texture of the full resolution.

Everything up to 32 pixels is frozen, and so are the encoder and all codes: layout and identity stay. The blocks above
see crops of the full resolution, because texture is local. Half of the codes are refined ones, as in use: what a code does
not say can only be learned as a blur. The other half have one w in all layers, as random faces do, which otherwise get
coloured eye sockets. A discriminator of fine lightness asks for sharpness; one that saw colours painted red eyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleid.family import resized
from styleid.latent.refine import feature_distance
from styleid.networks.irse import IRSE
from styleid.networks.psp import Encoder, LastLayerEncoder
from styleid.networks.restyle import encode
from styleid.networks.stylegan2 import Generator
from styleid.networks.unet import UNetParser

from .adversary import Sharpener
from .data import Heads
from .generator import identity_crop, shapes
from .loop import FURTHER, Run, averaged, cosine, update_average

__all__ = ["DetailTrainer", "extended", "fitted_codes", "flat_codes", "grown"]

HEADS = 320  # whose codes are refined, and how
FIT_STEPS, FIT_RATE, NEAR, SHAPES = 16, 0.1, 0.02, 3.0
FLAT = 1280  # heads whose codes are flattened
FROZEN = 32  # pixels a side of the last frozen block
CROP = 16  # side of a crop in pixels of that block
MARGIN = 8  # pixels at a crop's border that are wrong, for want of their neighbours
WHOLE = 2  # every other step sees whole pictures, a quarter as many: crops have no true borders, and nobody in them
RATE = 2e-3
# Weights: of colours at a quarter and half the size and in full, of the parser's features, and of who it is.
COLOURS, FEATURES, IDENTITY = (1.0, 0.5, 0.5), 1.5, 0.5


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


def fitted_codes(
    heads: Heads, generator: Generator, encoder: Encoder, parser: UNetParser, folder: Path, count: int = HEADS
) -> tuple[np.ndarray, Tensor]:
    """Numbers of `count` training heads, and their refined codes `[count,L,512]`; kept in `folder`."""
    index = heads.train[:: max(1, len(heads.train) // count)][:count]
    path = folder / "fitted-codes.pt"
    if path.exists():
        return index, torch.load(path, weights_only=True).to(torch.get_default_device())
    for frozen in (generator, encoder, parser):
        frozen.eval().requires_grad_(False)
    parts = []
    for start in range(0, len(index), 8):
        images = heads.images(index[start : start + 8], generator.size)
        codes = encode(encoder, generator, resized(images, encoder.input_size))
        parts.append(_fit(generator, parser, images, codes))
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(torch.cat(parts), path)
    return index, torch.cat(parts)


@torch.no_grad()
def flat_codes(
    heads: Heads, generator: Generator, encoder: Encoder, count: int = FLAT
) -> tuple[np.ndarray, Tensor]:
    """Numbers of `count` training heads, and their codes `[count,L,512]` with the mean w in every layer."""
    index = heads.train[:: max(1, len(heads.train) // count)][:count]
    parts = []
    for start in range(0, len(index), 50):
        images = heads.images(index[start : start + 50])
        parts.append(encode(encoder.eval(), generator, resized(images, encoder.input_size)))
    codes = torch.cat(parts)
    return index, codes.mean(1, keepdim=True).expand_as(codes)


def _fit(generator: Generator, parser: UNetParser, images: Tensor, codes: Tensor) -> Tensor:
    """`styleid.latent.refine_codes` for a batch."""
    with torch.no_grad():
        wanted = shapes(parser, images)
    move = torch.zeros_like(codes, requires_grad=True)
    optimiser = torch.optim.Adam([move], FIT_RATE, betas=(0.9, 0.99))
    for step in range(FIT_STEPS):
        optimiser.param_groups[0]["lr"] = FIT_RATE * min(1.0, (FIT_STEPS - step) / (0.3 * FIT_STEPS))
        made = generator.synthesis(codes + move, noise="none")
        loss = sum(F.avg_pool2d(made - images, pool).abs().mean() for pool in (1, 2, 4, 8))
        loss = loss + SHAPES * feature_distance(shapes(parser, made), wanted)
        optimiser.zero_grad(set_to_none=True)
        (len(images) * (loss + NEAR * move.square().mean())).backward()
        optimiser.step()
    return (codes + move).detach()


class DetailTrainer:
    """Holds the networks of the run; `train()` resumes where it was stopped."""

    def __init__(
        self, heads: Heads, pairs: Sequence[tuple[np.ndarray, Tensor]], generator: Generator, parser: UNetParser,
        recogniser: IRSE, folder: Path, *, seed: int = 91,
    ) -> None:  # fmt: skip
        """`pairs` are the numbers of M heads and their codes `[M,K,512]`, of which the last layer serves for missing ones;
        each pair is used equally often."""
        torch.manual_seed(seed)
        self.heads, self.generator, self.parser, self.recogniser = heads, generator, parser, recogniser
        self.pairs = [
            (
                index,
                torch.cat([codes, codes[:, -1:].expand(-1, generator.num_layers - codes.shape[1], -1)], 1),
            )
            for index, codes in pairs
        ]
        self.folder, self.seed = folder, seed
        for frozen in (generator, parser, recogniser):
            frozen.eval().requires_grad_(False)
        self.blocks = nn.ModuleList()
        for block in generator.blocks():
            if block.size > FROZEN:
                self.blocks.append(nn.ModuleList([block.up, block.conv, block.to_rgb]))
        self.blocks.requires_grad_(True)
        self.mean = averaged(self.blocks)
        self.sharpener = Sharpener()
        self.optimiser = torch.optim.Adam(
            [
                {"params": list(block.parameters()), "rate": RATE * (1 if block is self.blocks[-1] else 2 * FURTHER)}
                for block in self.blocks
            ],
            RATE, betas=(0.5, 0.99),
        )  # fmt: skip

    def train(self, steps: int, batch: int = 8) -> None:
        """Afterwards the generator holds the averaged blocks."""
        state = {
            "blocks": self.blocks, "mean": self.mean, "optimiser": self.optimiser,
            "discriminator": self.sharpener.discriminator, "optimiser_d": self.sharpener.optimiser,
        }  # fmt: skip
        self.losses: dict[str, float] = {}
        run = Run("detail", self.folder, steps, state, lambda: self.losses, seed=self.seed)
        for step in run.steps():
            factor = cosine(step / steps)
            for group in self.optimiser.param_groups:
                group["lr"] = group["rate"] * factor
            whole = step % WHOLE == 0
            pair = self.pairs[step // WHOLE % len(self.pairs)]
            self._step(*pair, batch // 4 if whole else batch, whole=whole)
            update_average(self.mean, self.blocks, min(0.995, (step + 1) / (step + 15)))
        self.blocks.load_state_dict(self.mean.state_dict())

    def _step(self, index: np.ndarray, codes: Tensor, batch: int, *, whole: bool) -> None:
        chosen = torch.randint(len(index), (batch,), device="cpu")
        images, codes = self.heads.images(index[chosen.numpy()], self.generator.size), codes[chosen]
        with torch.no_grad():
            x, rgb = self._lower(codes)
        if whole:
            target, made = images, self._upper(x, rgb, codes)
        else:
            x, rgb, target = self._cropped(x, rgb, images)
            inner = slice(MARGIN, -MARGIN)
            target, made = target[:, :, inner, inner], self._upper(x, rgb, codes)[:, :, inner, inner]
        pictures = made.detach().requires_grad_(True)
        with torch.no_grad():
            real = shapes(self.parser, target)
        like = feature_distance(shapes(self.parser, pictures), real)
        colours = self._colours(pictures, target)
        loss = colours + FEATURES * like
        self.losses |= {"features": like.item(), "colours": colours.item()}
        if whole:
            embedded = (identity_crop(x, self.recogniser.input_size) for x in (pictures, target))
            other = 1 - F.cosine_similarity(*map(self.recogniser, embedded)).mean()
            self.losses |= {"identity": other.item()}
            loss = loss + IDENTITY * other
        wrong = self.sharpener.gradient(loss, pictures)
        self.optimiser.zero_grad(set_to_none=True)
        made.backward(wrong)
        self.optimiser.step()
        self.sharpener.learn(target, made)

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

    def _cropped(self, *maps: Tensor) -> list[Tensor]:
        """The same random crops of maps `[N,C,S,S]` of any size, another for each sample."""
        corners = torch.randint(0, FROZEN - CROP + 1, (len(maps[0]), 2)).tolist()
        crops = []
        for whole in maps:
            scale = whole.shape[-1] // FROZEN
            side = CROP * scale
            parts = [
                sample[:, row * scale : row * scale + side, column * scale : column * scale + side]
                for sample, (row, column) in zip(whole, corners, strict=True)
            ]
            crops.append(torch.stack(parts))
        return crops

    def _upper(self, x: Tensor, rgb: Tensor, codes: Tensor) -> Tensor:
        first = self.generator.num_layers - 2 * len(self.blocks) - 1
        for number, (up, conv, to_rgb) in enumerate(self.blocks):
            layer = first + 2 * number
            x = conv(up(x, codes[:, layer], None), codes[:, layer + 1], None)
            rgb = to_rgb(x, codes[:, layer + 2], rgb)
        return rgb

    @staticmethod
    def _colours(pictures: Tensor, target: Tensor) -> Tensor:
        loss = pictures.new_zeros(())
        for weight, step in zip(COLOURS, (4, 2, 1), strict=True):
            loss = loss + weight * (F.avg_pool2d(pictures, step) - F.avg_pool2d(target, step)).abs().mean()
        return loss
