"""Teaches the trained encoder to look again (ReStyle, Alaluf et al. 2021): at a picture beside its reconstruction.

The generator is frozen. Each batch is looked at as often as in use; every look is a step of training of its own, from
the code of the look before. The weights that see the reconstruction begin at zero, so the first look begins as good as
the encoder of one pass.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleid.family import resized
from styleid.latent.refine import feature_distance
from styleid.networks.irse import IRSE
from styleid.networks.psp import Encoder, LastLayerEncoder
from styleid.networks.restyle import STEPS
from styleid.networks.stylegan2 import Generator
from styleid.networks.unet import UNetParser

from .data import SIDE, Heads
from .evaluate import evaluate_autoencoder
from .generator import identity_crop, keep_statistics, reconstruction_loss, region_weights, shapes
from .loop import Run, averaged, cosine, update_average

__all__ = ["looking_again", "train_encoder"]

RATE, BATCH = 1e-3, 8
FLAT = 2  # samples of a last look that are decoded with one w in all layers: every layer is to understand it
# Weights: of the parser's features, of who it is by the recogniser, and of how far the layers' codes lie apart.
SHAPES, IDENTITY, APART = 2.5, 1.0, 0.003


@torch.no_grad()
def looking_again(encoder: Encoder) -> Encoder:
    """The encoder at twice the resolution, with three more channels for the reconstruction; it makes use of neither yet."""
    config = encoder.config
    if config.input_nc == 6:
        return encoder
    net = LastLayerEncoder(replace(config, input_nc=6, input_size=2 * config.input_size, fold=2))
    state = encoder.state_dict()
    weight = state["input_layer.0.weight"]
    weight = torch.cat([weight, torch.zeros_like(weight)], 1).repeat_interleave(4, 1) / 4
    net.load_state_dict(state | {"input_layer.0.weight": weight})
    return net


def train_encoder(
    heads: Heads, generator: Generator, encoder: Encoder, parser: UNetParser, recogniser: IRSE, folder: Path,
    *, steps: int = 4000, seed: int = 101,
) -> Encoder:  # fmt: skip
    """The encoder, looking again; the result is the average of the weights."""
    torch.manual_seed(seed)
    side = min(SIDE, generator.size)  # of the pictures compared
    for frozen in (generator, parser, recogniser):
        frozen.eval().requires_grad_(False)
    net = looking_again(encoder).requires_grad_(True).to(memory_format=torch.channels_last)
    mean = averaged(net)
    optimiser = torch.optim.Adam(net.parameters(), RATE, betas=(0.9, 0.99))
    state = {"net": net, "mean": mean, "optimiser": optimiser}

    def report() -> dict[str, float]:
        return evaluate_autoencoder(generator, mean.eval(), recogniser, heads, 50)

    run = Run("encoder", folder, steps, state, report, seed=seed)
    batch = None
    for step in run.steps():
        optimiser.param_groups[0]["lr"] = RATE * cosine(step / steps)
        look = step % STEPS
        if batch is None or look == 0:
            batch = _Batch(heads, parser, recogniser, net.input_size, side)
            codes = net.latent_avg.expand(BATCH, -1, -1)
            with torch.no_grad():
                picture = generator.synthesis(codes, noise="none", size=side)
        net.train()
        keep_statistics(net)
        seen = torch.cat([batch.seen, F.adaptive_avg_pool2d(picture, net.input_size)], 1)
        codes = net(seen.contiguous(memory_format=torch.channels_last), codes)
        base, flat = codes.mean(1, keepdim=True), FLAT if look == STEPS - 1 else 0
        used = torch.cat([base[:flat].expand_as(codes[:flat]), codes[flat:]])
        picture = generator.synthesis(used, noise="none", size=side)
        loss = batch.loss(picture) + APART * (codes - base).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        codes, picture = codes.detach(), picture.detach()
        update_average(mean, net, min(0.998, (step + 1) / (step + 15)))
    return mean.eval()


class _Batch:
    """Training heads, and what the frozen networks see in them."""

    def __init__(self, heads: Heads, parser: UNetParser, recogniser: IRSE, seen: int, side: int) -> None:
        index = heads.draw(BATCH)
        images, labels = heads.images(index, heads.side), heads.labels(index, side)
        images, labels = heads.mirrored(images, labels, torch.rand(BATCH) < 0.5)
        self.parser, self.recogniser = parser, recogniser
        self.seen = resized(images, seen)
        self.target = F.avg_pool2d(images, heads.side // side)
        self.weight = region_weights(labels)
        with torch.no_grad():
            self.features, self.identity = shapes(parser, self.target), self._embedded(self.target)

    def loss(self, pictures: Tensor) -> Tensor:
        unlike = feature_distance(shapes(self.parser, pictures), self.features)
        other = 1 - (self.identity * self._embedded(pictures.clamp(-1.2, 1.2))).sum(1).mean()
        return reconstruction_loss(pictures, self.target, self.weight) + SHAPES * unlike + IDENTITY * other

    def _embedded(self, images: Tensor) -> Tensor:
        return self.recogniser(identity_crop(images, self.recogniser.input_size))
