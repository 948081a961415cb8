"""Trains the face parser. Its features are also the perceptual space in which the generator is trained."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from styleid.faces.regions import HAIR, SKIN
from styleid.family import resized
from styleid.networks.unet import ParserConfig, UNetParser

from .augment import backdrop, erase, photometric, strands, warp
from .data import Heads, batches
from .loop import FURTHER, Run, averaged, cosine, update_average

__all__ = ["evaluate_parser", "train_parser"]

BATCH = 10
# Pixels a side, in turn: what the parser sees in use, and what the generator is trained on.
SIZES = (192, 128, 192)


def class_weights(heads: Heads) -> torch.Tensor:
    count = torch.bincount(heads.labels(heads.train[:600]).flatten().long(), minlength=19).float()
    weight = (count.sum() / (count + 1e3)) ** 0.35
    return weight / weight.mean()


@torch.no_grad()
def evaluate_parser(net: UNetParser, heads: Heads, count: int | None = None) -> dict[str, float]:
    """Pixel accuracy and mean IoU over the classes that occur, on the first `count` held-out heads at full size."""
    net.eval()
    confusion = torch.zeros(19 * 19)
    for index in batches(heads.held_out[:count], 24):
        truth = heads.labels(index, heads.side).long()
        images = resized(heads.images(index, heads.side), net.input_size)
        found = resized(net((images + 1) / 2), heads.side).argmax(1)
        confusion += torch.bincount((truth * 19 + found).flatten(), minlength=361).float()
    table = confusion.view(19, 19)
    union = table.sum(0) + table.sum(1) - table.diag()
    present = table.sum(1) > 0
    iou = table.diag()[present] / union[present]
    return {"accuracy": float(table.diag().sum() / table.sum()), "mean_iou": float(iou.mean())}


def overlap_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """1 - IoU of probabilities `[N,19,H,W]` and labels `[N,H,W]`, the mean over the classes in the batch."""
    likely = logits.softmax(1)
    truth = torch.zeros_like(likely).scatter_(1, labels[:, None], 1.0)
    common, either = (likely * truth).sum((0, 2, 3)), (likely + truth).sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    return (1 - (common / (either - common).clamp(min=1e-6))[present]).mean()


def train_parser(
    heads: Heads, folder: Path, *, steps: int = 3400, seed: int = 11, start: UNetParser | None = None
) -> UNetParser:
    """Cross-entropy over classes weighted against their rarity, and overlap."""
    torch.manual_seed(seed)
    rate = 3e-3 * (FURTHER if start else 1)
    net = UNetParser(ParserConfig()).to(memory_format=torch.channels_last)
    if start:
        net.load_state_dict(start.state_dict())
    mean = averaged(net)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.02)
    weights = class_weights(heads)
    state = {"net": net, "mean": mean, "optimiser": optimiser}
    run = Run("parser", folder, steps, state, lambda: evaluate_parser(mean, heads, 48), seed=seed)
    for step in run.steps():
        optimiser.param_groups[0]["lr"] = rate * cosine(step / steps)
        index = heads.draw(BATCH)
        image, label = heads.images(index, heads.side), heads.labels(index, heads.side)
        image, label = heads.mirrored(image, label, torch.rand(BATCH) < 0.5)
        size = SIZES[step % len(SIZES)]
        image, label, _ = warp(image, degrees=12, scale=(0.85, 1.2), shift=0.05, labels=label, size=size)
        image = erase(photometric(strands(backdrop(image, label), label, HAIR, SKIN)), 0.1)
        net.train()
        logits = net(((image + 1) / 2).contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits, label.long(), weights) + overlap_loss(logits, label.long())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        update_average(mean, net, min(0.998, (1 + step) / (10 + step)))
    return mean.eval()
