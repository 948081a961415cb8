"""Trains the segmentation encoder: a 19-class label map -> W+ codes of a face that shares the mask."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from styleid.family import resized
from styleid.networks.half import half
from styleid.networks.psp import Encoder, EncoderConfig, build_encoder
from styleid.networks.restyle import encode
from styleid.networks.stylegan2 import Generator
from styleid.networks.unet import UNetParser

from .data import SIDE, Heads, batches
from .loop import FURTHER, Run, cosine

RATE = 1e-3

__all__ = ["evaluate_segmentation", "one_hot", "train_segmentation"]


def one_hot(labels: Tensor) -> Tensor:
    """`[N,H,W]` class labels -> `[N,19,H,W]` float."""
    return F.one_hot(labels.long(), 19).permute(0, 3, 1, 2).float()


def train_segmentation(
    heads: Heads, generator: Generator, encoder: Encoder, parser: UNetParser, folder: Path,
    *, steps: int = 400, start: Encoder | None = None, seed: int = 71,
) -> Encoder:  # fmt: skip
    """Follow the image encoder's codes, and every second step the mask itself: parse(decode(code)) = labels."""
    torch.manual_seed(seed)
    batch = 12
    net, rate = (_new(heads, generator, encoder), RATE) if start is None else (start, FURTHER * RATE)
    net = net.requires_grad_(True).to(memory_format=torch.channels_last)
    for frozen in (generator, encoder, parser):
        frozen.eval().requires_grad_(False)
    optimiser = torch.optim.Adam(net.parameters(), rate, betas=(0.9, 0.99))
    state = {"net": net, "optimiser": optimiser}
    run = Run(
        "segmentation",
        folder,
        steps,
        state,
        lambda: evaluate_segmentation(net, generator, parser, heads, 48),
        seed=seed,
    )
    for step in run.steps():
        optimiser.param_groups[0]["lr"] = rate * cosine(step / steps)
        index = heads.draw(batch)
        images, labels = heads.mirrored(heads.images(index), heads.labels(index), torch.rand(batch) < 0.5)
        net.train()
        with torch.no_grad():
            wanted = encode(encoder, generator, resized(images, encoder.input_size))
        codes = net(one_hot(labels).contiguous(memory_format=torch.channels_last))
        loss = (codes - wanted).square().mean()
        if step % 2:
            part = slice(0, batch // 2)
            with half(torch.get_default_device()):
                decoded = generator.synthesis(codes[part], noise="none", size=SIDE).float()
            logits = parser(((decoded + 1) / 2).contiguous(memory_format=torch.channels_last))
            loss = loss + 0.3 * F.cross_entropy(logits, labels[part].long())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return net.eval()


@torch.no_grad()
def _new(heads: Heads, generator: Generator, encoder: Encoder, count: int = 400) -> Encoder:
    """An untrained one, whose mean latent code is the mean W+ of `count` training heads."""
    config = EncoderConfig(
        layers=generator.num_layers, units=(1, 1, 2, 1), widths=(32, 64, 128, 192), input_nc=19,
        input_size=64, pool=4,
    )  # fmt: skip
    net = build_encoder(config)
    index = heads.train[:: max(1, len(heads.train) // count)]
    images = (heads.images(index[start : start + 40]) for start in range(0, len(index), 40))
    codes = [encode(encoder.eval(), generator, resized(some, encoder.input_size)) for some in images]
    net.latent_avg.copy_(torch.cat(codes).mean(0))
    return net


@torch.no_grad()
def evaluate_segmentation(
    net: Encoder, generator: Generator, parser: UNetParser, heads: Heads, count: int | None = None
) -> dict[str, float]:
    """Share of pixels whose class survives labels -> W+ -> picture -> labels, of the first `count` held out."""
    net.eval()
    same = []
    for index in batches(heads.held_out[:count], 25):
        labels = heads.labels(index, SIDE)
        decoded = generator.synthesis(net(one_hot(labels)), noise="none", size=SIDE).clamp(-1, 1)
        same.append(parser((decoded + 1) / 2).argmax(1) == labels)
    return {"label_agreement": float(torch.cat(same).float().mean())}
