"""Trains the segmentation encoder: a 19-class label map -> W+ codes of a face that shares the mask."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from styleid.networks.psp import Encoder, EncoderConfig, build_encoder
from styleid.networks.stylegan2 import Generator
from styleid.networks.unet import UNetParser

from .data import SIDE, Heads
from .loop import Run, cosine

__all__ = ["evaluate_segmentation", "one_hot", "train_segmentation"]


def one_hot(labels: Tensor) -> Tensor:
    """`[N,H,W]` class labels -> `[N,19,H,W]` float."""
    return F.one_hot(labels.long(), 19).permute(0, 3, 1, 2).float()


def train_segmentation(
    heads: Heads, generator: Generator, encoder: Encoder, parser: UNetParser, folder: Path, *, steps: int = 400,
    seed: int = 71,
) -> Encoder:  # fmt: skip
    """Follow the image encoder's codes, and every second step the mask itself: parse(decode(code)) = labels."""
    torch.manual_seed(seed)
    batch = 12
    config = EncoderConfig(
        layers=generator.num_layers, units=(1, 1, 2, 1), widths=(32, 64, 128, 192), input_nc=19,
        input_size=64, pool=4,
    )  # fmt: skip
    net = build_encoder(config).to(memory_format=torch.channels_last)
    average = average_code(heads, encoder)
    with torch.no_grad():
        net.latent_avg.copy_(average)
    for frozen in (generator, encoder, parser):
        frozen.eval().requires_grad_(False)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3, betas=(0.9, 0.99))
    state = {"net": net, "optimiser": optimiser}
    run = Run(
        "segmentation",
        folder,
        steps,
        state,
        lambda: evaluate_segmentation(net, generator, parser, heads),
        seed=seed,
    )
    for step in run.steps():
        optimiser.param_groups[0]["lr"] = 1e-3 * cosine(step / steps)
        index = heads.draw(batch)
        images, labels = heads.mirrored(heads.images(index), heads.labels(index), torch.rand(batch) < 0.5)
        net.train()
        with torch.no_grad():
            wanted = encoder(images.contiguous(memory_format=torch.channels_last))
        codes = net(one_hot(labels).contiguous(memory_format=torch.channels_last))
        loss = (codes - wanted).square().mean()
        if step % 2:
            part = slice(0, batch // 2)
            decoded = generator.synthesis(codes[part], noise="none", size=SIDE)
            logits = parser(((decoded + 1) / 2).contiguous(memory_format=torch.channels_last))
            loss = loss + 0.3 * F.cross_entropy(logits, labels[part].long())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return net.eval()


@torch.no_grad()
def average_code(heads: Heads, encoder: Encoder, count: int = 400) -> Tensor:
    """Mean W+ `[L,512]` of `count` training heads."""
    encoder.eval()
    index = heads.train[:: max(1, len(heads.train) // count)]
    codes = [encoder(heads.images(index[i : i + 40])) for i in range(0, len(index), 40)]
    return torch.cat(codes).mean(0)


@torch.no_grad()
def evaluate_segmentation(
    net: Encoder, generator: Generator, parser: UNetParser, heads: Heads, count: int = 48
) -> dict[str, float]:
    """Share of pixels whose class survives labels -> W+ -> picture -> labels, held out."""
    net.eval()
    labels = heads.labels(heads.held_out[:count])
    decoded = generator.synthesis(net(one_hot(labels)), noise="none", size=SIDE).clamp(-1, 1)
    found = parser((decoded + 1) / 2).argmax(1)
    return {"label_agreement": float((found == labels).float().mean())}
