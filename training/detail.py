"""Grows the trained generator to twice its size, and teaches the new block what the full resolution shows.

Everything below is frozen, and so are the encoder and all codes: layout, colours and identity stay. A third of the pictures
are reconstructions; a third have one w in all layers, as random faces do; a third somebody else's identity, as after a swap,
which the renderer has shown. A discriminator of fine lightness asks for sharpness; one that saw colours painted red eyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from styleid.family import resized
from styleid.latent import swap_layers
from styleid.latent.refine import feature_distance
from styleid.networks.half import half
from styleid.networks.psp import Encoder, LastLayerEncoder
from styleid.networks.restyle import encode
from styleid.networks.stylegan2 import Generator
from styleid.networks.unet import UNetParser

from .adversary import Sharpener
from .data import SIDE, Heads
from .generator import reconstruction_loss, region_weights, shapes
from .loop import Run, averaged, cosine, update_average

__all__ = ["extended", "grown", "train_detail"]

COUNT = 480  # heads that are encoded, and as many pictures of those whose faces they get
BATCH = 6
RATE = 1e-3
FEATURES = 1.5  # weight of the parser's features


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


def train_detail(
    heads: Heads, exchanged: Heads, generator: Generator, encoder: Encoder, parser: UNetParser, layers: Sequence[int],
    folder: Path, *, steps: int = 600, count: int = COUNT, seed: int = 91,
) -> Generator:  # fmt: skip
    """The generator with the average of its last block's weights; `layers` are those of identity, and `exchanged` the
    pictures of `heads` with other persons' faces, row by row."""
    torch.manual_seed(seed)
    for frozen in (generator, encoder, parser):
        frozen.eval().requires_grad_(False)
    first = heads.train[:: max(1, len(heads.train) // count)][:count]
    index = np.concatenate([first, heads.pictures_of(exchanged.donor[first])])
    codes = _encoded(heads, generator, encoder, index)
    base = codes.mean(1, keepdim=True).expand_as(codes)
    last = generator.blocks()[-1]
    block = nn.ModuleList([last.up, last.conv, last.to_rgb]).requires_grad_(True)
    mean, sharpener = averaged(block), Sharpener()
    optimiser = torch.optim.Adam(block.parameters(), RATE, betas=(0.5, 0.99))
    state = {
        "block": block, "mean": mean, "optimiser": optimiser,
        "discriminator": sharpener.discriminator, "optimiser_d": sharpener.optimiser,
    }  # fmt: skip
    losses: dict[str, float] = {}
    run = Run("detail", folder, steps, state, lambda: losses, seed=seed)
    for step in run.steps():
        optimiser.param_groups[0]["lr"] = RATE * cosine(step / steps)
        plain, flat = torch.randint(len(index), (2, BATCH // 3), device="cpu")
        swapped = torch.randint(len(first), (BATCH // 3,), device="cpu")
        used = [codes[plain], base[flat], swap_layers(codes[swapped], base[swapped + len(first)], layers)]
        own, given = index[torch.cat([plain, flat]).numpy()], first[swapped.numpy()]
        target = torch.cat([heads.images(own, generator.size), exchanged.images(given, generator.size)])
        labels = torch.cat([heads.labels(own, generator.size), exchanged.labels(given, generator.size)])
        with half(torch.get_default_device()):
            made = generator.synthesis(torch.cat(used), noise="none").float()
        pictures = made.detach().requires_grad_(True)
        weight = region_weights(labels)
        pixels = reconstruction_loss(pictures, target, weight)
        with torch.no_grad():
            real = shapes(parser, resized(target, SIDE))
        like = feature_distance(shapes(parser, resized(pictures, SIDE)), real, weight)
        losses |= {"pixels": pixels.item(), "features": like.item()}
        wrong = sharpener.gradient(pixels + FEATURES * like, pictures, weight)
        optimiser.zero_grad(set_to_none=True)
        made.backward(wrong)
        optimiser.step()
        sharpener.learn(target, made)
        update_average(mean, block, min(0.995, (step + 1) / (step + 15)))
    block.load_state_dict(mean.state_dict())
    return generator.requires_grad_(False)


@torch.no_grad()
def _encoded(heads: Heads, generator: Generator, encoder: Encoder, index: np.ndarray) -> Tensor:
    parts = np.array_split(index, max(1, len(index) // 20))
    return torch.cat(
        [
            encode(encoder, generator, resized(heads.images(part, generator.size), encoder.input_size))
            for part in parts
        ]
    )
