"""Teaches the encoder to look again (ReStyle, Alaluf et al. 2021), and the generator together with it.

Each batch is looked at as often as in use; every look is a step of training of its own, from the code of the look
before. As many batches take turns, each one look behind another: steps in a row see other heads. The weights that see the
reconstruction begin at zero, so the first look begins as good as the encoder of one pass.

In the middle and after the last look the identity layers are swapped with another picture's, as in use with one w for all
of them. What a swap is to give is known: the renderer makes the same picture with the other person's face, in the skin tone
and the hair of the first; and if the picture is toned like a photograph, so is what it becomes. A discriminator asks all
pictures to be as sharp as the heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleid.faces.camera import affine_camera
from styleid.family import resized
from styleid.latent import swap_layers
from styleid.latent.refine import feature_distance
from styleid.networks.half import half
from styleid.networks.heads import AttributeNet, LandmarkNet
from styleid.networks.irse import IRSE
from styleid.networks.psp import Encoder, LastLayerEncoder
from styleid.networks.restyle import STEPS
from styleid.networks.stylegan2 import Generator
from styleid.networks.unet import UNetParser

from .adversary import SHARP, Sharpener
from .augment import toned, tones
from .data import SIDE, Heads
from .evaluate import evaluate_autoencoder
from .generator import (
    identity_crop,
    keep_statistics,
    reconstruction_loss,
    region_weights,
    shapes,
    synthesis_parameters,
)
from .loop import Run, averaged, cosine, update_average

__all__ = ["Critics", "looking_again", "train_together"]

BATCH = 8  # every second one a picture of the person whose face the one before it gets
RATE, GENERATOR_RATE = 8e-4, 5e-4
FLAT = 2  # samples of a last look that are decoded with one w in all layers: every layer is to understand it
# Weights: of the parser's features, of what is broad, of who it is by the recogniser, of how far layers' codes lie apart.
SHAPES, BROAD, IDENTITY, APART = 2.5, 16.0, 1.0, 0.003
SWAPS = (STEPS // 2, STEPS - 1)  # looks after which identity layers are swapped
# Weights after a swap: of the picture, of the person that is to come, and of the one that is to go.
SWAPPED, COMES, GOES = 1.2, 0.8, 0.35
# Weights then: of how the head is turned, and of what the picture shows that is not the person.
TURN, SHOWS = 2.0, 0.15
SHOWN = ("Smiling", "Mouth_Slightly_Open", "Eyeglasses", "Wearing_Hat", "Bald", "Bangs", "No_Beard")
SHARP_AFTER = 200  # steps after which the discriminator counts in full


@dataclass(frozen=True, eq=False)
class Critics:
    """The frozen networks that say what is wrong with a picture."""

    parser: UNetParser
    recogniser: IRSE
    landmarks: LandmarkNet
    attributes: AttributeNet

    def __post_init__(self) -> None:
        for network in (self.parser, self.recogniser, self.landmarks, self.attributes):
            network.eval().requires_grad_(False)

    def identity(self, pictures: Tensor) -> Tensor:
        """Embeddings `[N,512]`."""
        return self.recogniser(identity_crop(pictures.clamp(-1.2, 1.2), self.recogniser.input_size))

    def shown(self, pictures: Tensor) -> Tensor:
        """Logits `[N,A]` of what the pictures show that is not the person, as far as the attribute net knows it."""
        return self.attributes.logits(pictures)[:, [self.attributes.names.index(name) for name in self.names]]

    @property
    def names(self) -> list[str]:
        return [name for name in SHOWN if name in self.attributes.names]


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


def train_together(
    heads: Heads, exchanged: Heads, generator: Generator, encoder: Encoder, critics: Critics, layers: Sequence[int],
    folder: Path, *, steps: int = 4000, seed: int = 101,
) -> tuple[Generator, Encoder]:  # fmt: skip
    """The generator and the encoder, looking again, as averages of their weights; `layers` are those of identity.

    exchanged: the pictures of `heads` with other persons' faces, row by row.
    """
    torch.manual_seed(seed)
    side = min(SIDE, generator.size)  # of the pictures compared
    generator.eval().requires_grad_(False)
    net = looking_again(encoder).requires_grad_(True).to(memory_format=torch.channels_last)
    tuned = synthesis_parameters(generator)
    for parameter in tuned:
        parameter.requires_grad_(True)
    mean, mean_generator = averaged(net), averaged(generator)
    optimiser = torch.optim.Adam(
        [{"params": list(net.parameters()), "rate": RATE}, {"params": tuned, "rate": GENERATOR_RATE}],
        RATE, betas=(0.9, 0.99),
    )  # fmt: skip
    sharpener = Sharpener()
    state = {
        "net": net, "generator": generator, "mean": mean, "mean_generator": mean_generator, "optimiser": optimiser,
        "discriminator": sharpener.discriminator, "optimiser_d": sharpener.optimiser,
    }  # fmt: skip

    def report() -> dict[str, float]:
        return evaluate_autoencoder(mean_generator.eval(), mean.eval(), critics.recogniser, heads, 50)

    def first_sight(look: int) -> _Sight:
        codes = net.latent_avg.expand(BATCH, -1, -1)
        with torch.no_grad():
            picture = generator.synthesis(codes, noise="none", size=side)
        return _Sight(_Batch(heads, exchanged, critics, net.input_size, side), codes, picture, look)

    run = Run("together", folder, steps, state, report, seed=seed)
    sights: dict[int, _Sight] = {}
    for step in run.steps():
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * cosine(step / steps)
        slot = step % STEPS
        sight = sights.get(slot) or first_sight(slot)
        if sight.look == STEPS:
            sight = first_sight(0)
        batch, look = sight.batch, sight.look
        net.train()
        keep_statistics(net)
        seen = torch.cat([batch.seen, F.adaptive_avg_pool2d(sight.picture, net.input_size)], 1)
        with half(torch.get_default_device()):
            codes = net(seen.contiguous(memory_format=torch.channels_last), sight.codes)
            base = codes.mean(1, keepdim=True).expand_as(codes)
            used = codes
            if look in SWAPS:
                other = swap_layers(codes[::2], base[1::2], layers)
                used = torch.cat([base[:FLAT], codes[FLAT:], other])
            made = generator.synthesis(used, noise="none", size=side).float()
        pictures = made.detach().requires_grad_(True)
        loss, weight = batch.loss(pictures[:BATCH]), batch.heads.weight
        if look in SWAPS:
            loss = loss + batch.swap_loss(*pictures.split([BATCH, BATCH // 2]))
            weight = torch.cat([weight, batch.swapped.weight])
        wrong = sharpener.gradient(loss, pictures, weight, SHARP * min(1.0, step / SHARP_AFTER))
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward([made, APART * (codes - base).square().mean()], [wrong, None])
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        nn.utils.clip_grad_norm_(tuned, 1.0)
        optimiser.step()
        sharpener.learn(batch.heads.pictures, made)
        sights[slot] = _Sight(batch, codes.detach(), made[:BATCH].detach(), look + 1)
        decay = min(0.998, (step + 1) / (step + 15))
        update_average(mean, net, decay)
        update_average(mean_generator, generator, decay)
    return mean_generator.eval(), mean.eval()


@dataclass(frozen=True, eq=False)
class _Sight:
    """What `look` looks at a batch have come to: codes `[N,L,512]` and their pictures `[N,3,S,S]`, without gradients."""

    batch: _Batch
    codes: Tensor
    picture: Tensor
    look: int


class _Wanted:
    """Rendered pictures `[N,3,S,S]`, and what the frozen networks see in them."""

    def __init__(self, critics: Critics, pictures: Tensor, labels: Tensor, shown: Tensor) -> None:
        self.critics, self.pictures, self.shown = critics, pictures, shown
        self.weight = region_weights(labels)
        with torch.no_grad():
            self.features, self.identity = shapes(critics.parser, pictures), critics.identity(pictures)
            self.camera = affine_camera(critics.landmarks, pictures)

    def unlike(self, found: Tensor) -> Tensor:
        """By the pixels, and by the shapes that the parser sees, both most where the face is; and by the square of what is
        broad, alike everywhere: the large errors are those of hair, clothes and background."""
        shape = feature_distance(shapes(self.critics.parser, found), self.features, self.weight)
        broad = F.avg_pool2d(found - self.pictures, 2).square().mean()
        return reconstruction_loss(found, self.pictures, self.weight) + SHAPES * shape + BROAD * broad

    def other_person(self, identity: Tensor) -> Tensor:
        """How far embeddings `[N,512]` are from those of the pictures."""
        return 1 - (self.identity * identity).sum(1).mean()

    def turned(self, found: Tensor) -> Tensor:
        return (affine_camera(self.critics.landmarks, found) - self.camera).abs().mean()

    def shows_else(self, found: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.critics.shown(found), self.shown)


class _Batch:
    """Training heads in pairs, and the first of each pair once more with the face of the person of the second."""

    def __init__(self, heads: Heads, exchanged: Heads, critics: Critics, seen: int, side: int) -> None:
        first = heads.draw(BATCH // 2)
        pairs = np.stack([first, heads.pictures_of(exchanged.donor[first])], 1).ravel()
        flip, tone = torch.rand(BATCH // 2) < 0.5, tones(BATCH)

        def wanted(of: Heads, index: np.ndarray, flip: Tensor, tone: Tensor) -> tuple[Tensor, _Wanted]:
            whole, labels = of.mirrored(of.images(index, of.side), of.labels(index, side), flip)
            whole = toned(whole, tone)
            shown = of.attributes(index)[:, [of.names.index(name) for name in critics.names]]
            return whole, _Wanted(critics, F.avg_pool2d(whole, of.side // side), labels, shown)

        whole, self.heads = wanted(heads, pairs, flip.repeat_interleave(2), tone)
        _, self.swapped = wanted(exchanged, first, flip, tone[::2])
        self.seen = resized(whole, seen)

    def loss(self, found: Tensor) -> Tensor:
        """Of reconstructions of the heads."""
        other = self.heads.other_person(self.heads.critics.identity(found))
        return self.heads.unlike(found) + IDENTITY * other

    def swap_loss(self, found: Tensor, swapped: Tensor) -> Tensor:
        """Of the first of each pair with the identity of the second, and of reconstructions that are turned or show
        something else."""
        loss = found.new_zeros(())
        for wanted, pictures in ((self.heads, found), (self.swapped, swapped)):
            loss = loss + TURN * wanted.turned(pictures) + SHOWS * wanted.shows_else(pictures)
        identity = self.heads.critics.identity(swapped)
        goes = (self.heads.identity[::2] * identity).sum(1).clamp_min(0).mean()
        return (
            loss
            + SWAPPED * self.swapped.unlike(swapped)
            + COMES * self.swapped.other_person(identity)
            + GOES * goes
        )
