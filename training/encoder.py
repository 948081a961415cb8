"""Teaches the encoder to look again (ReStyle, Alaluf et al. 2021), and the generator together with it.

Each batch is looked at as often as in use; every look is a step of training of its own, from the code of the look
before. The weights that see the reconstruction begin at zero, so the first look begins as good as the encoder of one pass.

After the last look the identity layers are swapped, as in use with one w for all of them: with another picture of the
same person's nothing is to change, with somebody else's the person, and nothing around the face, and neither how the
head is turned nor what it shows that is not the person. A discriminator asks all pictures to be as sharp as the heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleid.faces.camera import affine_camera
from styleid.faces.regions import EARS, FACE_CLASSES, GLASSES
from styleid.family import resized
from styleid.latent import swap_layers
from styleid.latent.refine import feature_distance
from styleid.networks.heads import AttributeNet, LandmarkNet
from styleid.networks.irse import IRSE
from styleid.networks.psp import Encoder, LastLayerEncoder
from styleid.networks.restyle import STEPS
from styleid.networks.stylegan2 import Generator
from styleid.networks.unet import UNetParser

from .adversary import SHARP, Sharpener
from .data import SIDE, Heads
from .evaluate import evaluate_autoencoder
from .generator import (
    identity_crop,
    keep_statistics,
    reconstruction_loss,
    region_weights,
    shapes,
    synthesis_parameters,
    with_partners,
)
from .loop import Run, averaged, cosine, update_average

__all__ = ["Critics", "looking_again", "train_together"]

BATCH = 8  # every second one another picture of the person before it
RATE, GENERATOR_RATE = 8e-4, 5e-4
FLAT = 2  # samples of a last look that are decoded with one w in all layers: every layer is to understand it
# Weights: of the parser's features, of who it is by the recogniser, and of how far the layers' codes lie apart.
SHAPES, IDENTITY, APART = 2.5, 1.0, 0.003
# Weights after a swap: of what is to stay where the person does, of what is around the face of another one, of the person
# that is to come, and of the one that is to go.
KEPT, AROUND, COMES, GOES = 0.7, 0.5, 0.7, 0.35
# Weights at the last look: of how the head is turned, and of what the picture shows that is not the person.
TURN, SHOWS = 1.0, 0.1
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
    heads: Heads, generator: Generator, encoder: Encoder, critics: Critics, layers: Sequence[int], folder: Path, *,
    steps: int = 4000, seed: int = 101,
) -> tuple[Generator, Encoder]:  # fmt: skip
    """The generator and the encoder, looking again, as averages of their weights; `layers` are those of identity."""
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

    run = Run("together", folder, steps, state, report, seed=seed)
    batch = None
    for step in run.steps():
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * cosine(step / steps)
        look = step % STEPS
        if batch is None or look == 0:
            batch = _Batch(heads, critics, net.input_size, side)
            codes = net.latent_avg.expand(BATCH, -1, -1)
            with torch.no_grad():
                picture = generator.synthesis(codes, noise="none", size=side)
        net.train()
        keep_statistics(net)
        seen = torch.cat([batch.seen, F.adaptive_avg_pool2d(picture, net.input_size)], 1)
        codes = net(seen.contiguous(memory_format=torch.channels_last), codes)
        base = codes.mean(1, keepdim=True).expand_as(codes)
        used = codes
        if look == STEPS - 1:
            donor = torch.arange(0, BATCH, 2).roll(1)
            same = swap_layers(codes[::2], base[1::2], layers)
            other = swap_layers(codes[1::2], base[donor], layers)
            used = torch.cat([base[:FLAT], codes[FLAT:], same, other])
        made = generator.synthesis(used, noise="none", size=side)
        pictures = made.detach().requires_grad_(True)
        loss = batch.loss(pictures[:BATCH])
        if look == STEPS - 1:
            loss = loss + batch.last_loss(*pictures.split([BATCH, BATCH // 2, BATCH // 2]), donor)
        wrong = sharpener.gradient(loss, pictures, SHARP * min(1.0, step / SHARP_AFTER))
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward([made, APART * (codes - base).square().mean()], [wrong, None])
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        nn.utils.clip_grad_norm_(tuned, 1.0)
        optimiser.step()
        sharpener.learn(batch.target, made)
        codes, picture = codes.detach(), made.detach()
        decay = min(0.998, (step + 1) / (step + 15))
        update_average(mean, net, decay)
        update_average(mean_generator, generator, decay)
    return mean_generator.eval(), mean.eval()


class _Batch:
    """Training heads, two pictures of each person, and what the frozen networks see in them."""

    def __init__(self, heads: Heads, critics: Critics, seen: int, side: int) -> None:
        index = with_partners(heads, heads.draw(BATCH))
        images, labels = heads.images(index, heads.side), heads.labels(index, side)
        flip = (torch.rand(BATCH // 2) < 0.5).repeat_interleave(2)
        images, labels = heads.mirrored(images, labels, flip)
        self.critics = critics
        self.seen = resized(images, seen)
        self.target = F.avg_pool2d(images, heads.side // side)
        self.weight = region_weights(labels)
        inner = [*(set(FACE_CLASSES) - {GLASSES}), *EARS]
        self.around = (~torch.isin(labels, labels.new_tensor(inner)))[:, None].float()
        self.shown = heads.attributes(index)[:, [heads.names.index(name) for name in critics.names]]
        with torch.no_grad():
            self.features, self.identity = shapes(critics.parser, self.target), critics.identity(self.target)
            self.camera = affine_camera(critics.landmarks, self.target)

    def loss(self, pictures: Tensor) -> Tensor:
        """Of reconstructions of all."""
        other = 1 - (self.identity * self.critics.identity(pictures)).sum(1).mean()
        return self._unlike(pictures, slice(None)) + IDENTITY * other

    def last_loss(self, pictures: Tensor, same: Tensor, other: Tensor, donor: Tensor) -> Tensor:
        """Of the last reconstructions of all, as far as they are turned or show something else; of the first pictures of
        the persons with their own identity, and of the second with that of pictures `donor`."""
        second = slice(1, None, 2)
        loss = pictures.new_zeros(())
        for found, of in ((pictures, slice(None)), (other, second)):
            loss = loss + TURN * (affine_camera(self.critics.landmarks, found) - self.camera[of]).abs().mean()
            shown = F.binary_cross_entropy_with_logits(self.critics.shown(found), self.shown[of])
            loss = loss + SHOWS * shown
        around = self.around[second]
        stays = reconstruction_loss(other * around, self.target[second] * around, self.weight[second])
        found = self.critics.identity(other)
        comes = 1 - (self.identity[donor] * found).sum(1).mean()
        goes = (self.identity[second] * found).sum(1).clamp_min(0).mean()
        swapped = KEPT * self._unlike(same, slice(0, None, 2)) + AROUND * stays + COMES * comes + GOES * goes
        return loss + swapped

    def _unlike(self, pictures: Tensor, of: slice) -> Tensor:
        shape = feature_distance(shapes(self.critics.parser, pictures), [one[of] for one in self.features])
        return reconstruction_loss(pictures, self.target[of], self.weight[of]) + SHAPES * shape
