"""Trains the generator together with the image encoder, as an autoencoder whose codes can be mixed.

Three things make the layers of W+ carry different things; none is a table of layers:
- style mixing: codes of two heads exchanged over a random range of layers must still decode to a face;
- half of the samples are decoded from one W code for all layers, so every layer must understand every code;
- learned gates (one per layer, in 0..1): moving the gated layers towards another picture of the *same* person must
  not change the picture, and towards *another* person must change the identity to theirs. The gates and the codes
  settle together on which layers carry identity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleid.latent.refine import feature_distance
from styleid.networks.psp import EncoderConfig, build_encoder
from styleid.networks.stylegan2 import Generator, GeneratorConfig, layer_count
from styleid.networks.unet import UNetParser

from .adversary import ProjectedDiscriminator, hinge_discriminator, hinge_fake_is_real
from .data import Heads
from .loop import Run, averaged, update_average

__all__ = [
    "AutoencoderTrainer",
    "Stage",
    "identity_crop",
    "keep_statistics",
    "reconstruction_loss",
    "region_weights",
    "shapes",
    "synthesis_parameters",
    "with_partners",
]

# Weight of a pixel's error by class: features x4, skin 1.5, hair 1.25, background and clothes less.
REGION = torch.tensor([0.5, 1.5, 4, 4, 4, 4, 4, 4, 1, 1, 4, 4, 4, 1.25, 1, 1, 0.5, 1, 0.5])
COLOUR = 8.0  # brightness varies much more than hue and saturation, which would count for little


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stretch of the run: resolution, batch, and whether identity gates are trained (needs a recogniser)."""

    size: int
    steps: int
    batch: int
    gates: bool


def identity_crop(images: Tensor, size: int) -> Tensor:
    """The inner face of an FFHQ crop `[N,3,S,S]` (rows 35:223, columns 32:220 of 256), at `size` pixels."""
    side = images.shape[-1] / 256
    rows, cols = slice(round(35 * side), round(223 * side)), slice(round(32 * side), round(220 * side))
    inner = images[:, :, rows, cols]
    return F.interpolate(inner, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def region_weights(labels: Tensor) -> Tensor:
    """How much an error counts, `[N,1,S,S]`, by the class of the pixel `[N,S,S]`."""
    return REGION.to(labels.device)[labels.long()][:, None]


def shapes(parser: UNetParser, images: Tensor) -> list[Tensor]:
    """What the parser sees in pictures `[N,3,S,S]` in [-1, 1]: its feature maps."""
    return parser.features(((images + 1) / 2).contiguous(memory_format=torch.channels_last))


def keep_statistics(net: nn.Module) -> None:
    """Normalise by the statistics learned so far: those of few samples are noise."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def reconstruction_loss(pictures: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Absolute difference of colours and of their slopes, of hue and saturation (without brightness) once more; the parser's
    features see shapes, and no colours."""
    loss = ((pictures - target).abs() * weight).mean()
    colour = pictures - target
    colour = colour - colour.mean(1, keepdim=True)
    for size in (1, 4):
        loss = loss + COLOUR * (F.avg_pool2d(colour, size).abs() * F.avg_pool2d(weight, size)).mean()
    for axis in (2, 3):
        slopes = (pictures.diff(dim=axis) - target.diff(dim=axis)).abs()
        loss = loss + (slopes * weight.narrow(axis, 1, slopes.shape[axis])).mean()
    for _ in range(2):
        pictures, target = F.avg_pool2d(pictures, 2), F.avg_pool2d(target, 2)
        loss = loss + 0.5 * (pictures - target).abs().mean()
    return loss


def synthesis_parameters(generator: Generator) -> list[nn.Parameter]:
    """All but those of the mapping and of the noise."""
    return [
        parameter
        for name, parameter in generator.named_parameters()
        if not name.startswith("style") and "noise" not in name
    ]


def with_partners(heads: Heads, index: np.ndarray) -> np.ndarray:
    """Every second sample becomes another picture of the person before it."""
    index = index.copy()
    for slot in range(0, len(index) - 1, 2):
        same = heads.same_identity(index[slot])
        index[slot + 1] = same[int(torch.randint(len(same), (), device="cpu"))]
    return index


class AutoencoderTrainer:
    """Holds the networks of the run; `train()` goes through the stages and resumes where it was stopped."""

    def __init__(
        self, heads: Heads, parser: UNetParser, recogniser: nn.Module | None, folder: Path, *, size: int = 128,
        seed: int = 21,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.heads, self.parser, self.recogniser, self.folder, self.seed = (
            heads,
            parser,
            recogniser,
            folder,
            seed,
        )
        self.layers = layer_count(size)
        channels = (256, 256, 192, 128, 64, 32, 32)[: int(math.log2(size)) - 1]
        self.generator = Generator(GeneratorConfig(size=size, channels=channels, mapping_layers=4))
        self.encoder = build_encoder(
            EncoderConfig(
                layers=self.layers,
                units=(1, 2, 2, 2),
                widths=(32, 64, 128, 256),
                input_size=size // 2,
                pool=4,
            )
        ).to(memory_format=torch.channels_last)
        self._start_from_one_code()
        self.gates = nn.Parameter(0.1 * torch.randn(self.layers))
        self.gate_holder = nn.ParameterDict({"gates": self.gates})
        self.discriminator = ProjectedDiscriminator(parser.config.widths).to(
            memory_format=torch.channels_last
        )
        self.mean_generator, self.mean_encoder = averaged(self.generator), averaged(self.encoder)
        self.optimiser = torch.optim.Adam(
            [
                {"params": synthesis_parameters(self.generator), "rate": 2e-3},
                {"params": list(self.encoder.parameters()), "rate": 1e-3},
                {"params": [self.gates], "rate": 5e-3},
            ],
            2e-3, betas=(0.5, 0.99),
        )  # fmt: skip
        self.optimiser_d = torch.optim.Adam(self.discriminator.parameters(), 2e-3, betas=(0.0, 0.99))
        parser.eval().requires_grad_(False)
        if recogniser is not None:
            recogniser.eval().requires_grad_(False)

    def _start_from_one_code(self) -> None:
        """All layers begin with the same code; differences between layers are learned (e4e's starting point)."""
        with torch.no_grad():
            rows = self.encoder.linear.weight.view(self.layers, -1, self.encoder.linear.weight.shape[1])
            rows.copy_(rows[:1] + 0.05 * torch.randn_like(rows))

    def identity_layers(self) -> list[int]:
        """Those whose gates are open."""
        return [layer for layer, gate in enumerate(self.gates.sigmoid().tolist()) if gate > 0.5]

    def train(self, stages: tuple[Stage, ...]) -> None:
        total = sum(stage.steps for stage in stages)
        state = {
            "generator": self.generator, "encoder": self.encoder, "gates": self.gate_holder,
            "discriminator": self.discriminator, "mean_generator": self.mean_generator,
            "mean_encoder": self.mean_encoder, "optimiser": self.optimiser, "optimiser_d": self.optimiser_d,
        }  # fmt: skip
        self.stage = stages[0]
        run = Run("autoencoder", self.folder, total, state, self.report, seed=self.seed)
        for step in run.steps():
            done = 0
            for stage in stages:
                self.stage = stage
                done += stage.steps
                if step < done:
                    break
            self._set_rate(step, total)
            self._step(step, adversarial=step > 0.08 * total)

    def _set_rate(self, step: int, total: int) -> None:
        late = max(0.0, (step / total - 0.7) / 0.3)
        factor = min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * late)))
        for group in self.optimiser.param_groups:
            group["lr"] = group["rate"] * factor
        self.optimiser_d.param_groups[0]["lr"] = 2e-3 * max(factor, 0.1)

    def _step(self, step: int, *, adversarial: bool) -> None:
        stage = self.stage
        index = self.heads.draw(stage.batch)
        gated = stage.gates and step % 2 == 0
        if gated:
            index = with_partners(self.heads, index)
        images, labels = self.heads.images(index), self.heads.labels(index)
        flip = torch.rand(stage.batch) < 0.5
        if gated:
            flip[1::2] = flip[::2]
        images, labels = self.heads.mirrored(images, labels, flip)
        target = (
            images if stage.size == images.shape[-1] else F.avg_pool2d(images, images.shape[-1] // stage.size)
        )
        weight = region_weights(labels)
        weight = F.avg_pool2d(weight, weight.shape[-1] // stage.size)
        self.encoder.train()
        if stage.gates:  # those of the first stage stay
            keep_statistics(self.encoder)
        codes = self.encoder(images.contiguous(memory_format=torch.channels_last))  # [B, L, 512]
        base = codes.mean(1, keepdim=True)
        keep = (torch.rand(len(codes), 1, 1) < 0.5).float()
        used = base + keep * (codes - base)
        mixed = self._gated(used) if gated else self._crossed(used) if step % 3 == 0 else used[:0]
        pictures = self.generator.synthesis(torch.cat([used, mixed]), noise="none", size=stage.size)
        with torch.no_grad():
            real = shapes(self.parser, target)
        fake = shapes(self.parser, pictures)
        count = stage.batch
        loss = reconstruction_loss(pictures[:count], target, weight)
        loss = (
            loss
            + 1.0 * feature_distance([f[:count] for f in fake], real)
            + 0.003 * (codes - base).square().mean()
        )
        if gated:
            loss = loss + self._gate_loss(pictures[count:], [f[count:] for f in fake], target, real, weight)
        if self.recogniser is not None and stage.gates and not gated:
            loss = loss + 0.5 * self._identity(pictures[:count], target)
        self.discriminator.requires_grad_(False)
        if adversarial:
            loss = loss + 0.1 * hinge_fake_is_real(self.discriminator(fake))
        self.discriminator.requires_grad_(True)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        if adversarial:
            self._step_discriminator(real, [f.detach() for f in fake])
        decay = min(0.998, (step + 1) / (step + 15))
        update_average(self.mean_generator, self.generator, decay)
        update_average(self.mean_encoder, self.encoder, decay)

    def _crossed(self, codes: Tensor) -> Tensor:
        """Half the batch with a random range of layers from a neighbour."""
        half = len(codes) // 2
        start = int(torch.randint(0, self.layers, ()))
        stop = int(torch.randint(start + 1, self.layers + 1, ()))
        mask = torch.zeros(1, self.layers, 1)
        mask[:, start:stop] = 1
        return codes[:half] + mask * (codes.roll(1, 0)[:half] - codes[:half])

    def _gated(self, codes: Tensor) -> Tensor:
        """First half: gated layers from the same person's other picture; second half: from another person."""
        gate = self.gates.sigmoid()[None, :, None]
        first, second = codes[::2], codes[1::2]
        pair = torch.cat([first[: len(first) // 2], second[len(first) // 2 :]])
        donor = torch.cat([second[: len(first) // 2], second[len(first) // 2 :].roll(1, 0)])
        return pair + gate * (donor - pair)

    def _gate_loss(
        self, mixed: Tensor, maps: list[Tensor], target: Tensor, real: list[Tensor], weight: Tensor
    ) -> Tensor:
        half = len(mixed) // 2
        same, other = slice(0, half), slice(half, None)
        first, second = slice(0, 2 * half, 2), slice(2 * half + 1, None, 2)
        kept = reconstruction_loss(mixed[same], target[first][:half], weight[first][:half])
        kept = kept + 1.0 * feature_distance([m[same] for m in maps], [r[first][:half] for r in real])
        moved = self._identity(mixed[other], target[second].roll(1, 0))
        gate = self.gates.sigmoid()
        settle = (gate * (1 - gate)).mean()
        return 0.5 * kept + 1.0 * moved + 0.05 * settle

    def _identity(self, pictures: Tensor, target: Tensor) -> Tensor:
        size = self.recogniser.input_size
        with torch.no_grad():
            wanted = self.recogniser(identity_crop(target, size))
        found = self.recogniser(identity_crop(pictures.clamp(-1.2, 1.2), size))
        return 1 - (wanted * found).sum(1).mean()

    def _step_discriminator(self, real: list[Tensor], fake: list[Tensor]) -> None:
        loss = hinge_discriminator(self.discriminator(real), self.discriminator(fake))
        self.optimiser_d.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser_d.step()

    @torch.no_grad()
    def report(self) -> dict[str, float]:
        """PSNR (dB) of held-out reconstructions by the averaged weights at the stage's size, and the gates."""
        images = self.heads.images(self.heads.held_out[:64:2])
        codes = self.mean_encoder.eval()(images)
        found = self.mean_generator.synthesis(codes, noise="none", size=self.stage.size).clamp(-1, 1)
        target = F.avg_pool2d(images, images.shape[-1] // self.stage.size)
        error = ((found.float() - target) / 2).square().mean((1, 2, 3))
        sharp = self.detail(found) / self.detail(target)
        gates = [round(float(g), 2) for g in self.gates.sigmoid()]
        return {"psnr": float((-10 * error.log10()).mean()), "sharpness": float(sharp), "gates": gates}

    @staticmethod
    def detail(x: Tensor) -> Tensor:
        quarter = x.shape[-1] // 4
        inner = x[:, :, quarter:-quarter, quarter:-quarter].float()
        return (F.avg_pool2d(inner, 3, 1) - inner[:, :, 1:-1, 1:-1]).abs().mean()
