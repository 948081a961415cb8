"""Trains the two recognisers: the tuner (IR-SE, ArcFace margin) and the judge (MobileFaceNet, cosine margin).

They differ in architecture, loss, seed, order of the data and augmentation, so that one can judge what was tuned on
the other. Both also regress the renderer's parameters of the person from the embedding: with a few thousand persons,
knowing *how* two faces differ teaches more than knowing that they do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleid.networks.irse import IRSE, IRSEConfig
from styleid.networks.mobilefacenet import MobileFaceNet, MobileFaceNetConfig

from .augment import erase, photometric, warp
from .data import PERSON, Heads
from .generator import identity_crop
from .loop import Run, cosine

__all__ = ["JUDGE", "RECOGNISER", "Recipe", "build", "train_recogniser", "verification"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one recogniser is trained. `angular` adds the margin to the angle (ArcFace), else to the cosine (CosFace)."""

    name: str
    architecture: str
    angular: bool
    margin: float
    scale: float
    seed: int
    regression: float
    erase: float
    photometric: float
    steps: int
    batch: int = 48
    rate: float = 2e-3


RECOGNISER = Recipe(
    name="recogniser", architecture="ir-se", angular=True, margin=0.3, scale=24.0, seed=31,
    regression=1.0, erase=0.2, photometric=1.0,
    steps=1300,
)  # fmt: skip
JUDGE = Recipe(
    name="judge", architecture="mobilefacenet", angular=False, margin=0.2, scale=20.0, seed=47, regression=0.5,
    erase=0.4,
    photometric=0.8, steps=900,
)  # fmt: skip


def build(recipe: Recipe) -> nn.Module:
    if recipe.architecture == "ir-se":
        return IRSE(IRSEConfig(units=(1, 2, 2, 1), widths=(32, 64, 128, 256), input_size=64))
    return MobileFaceNet(MobileFaceNetConfig(width=0.5, blocks=(3, 5, 2), input_size=80))


class MarginHead(nn.Module):
    """Class centres of the training identities, with a margin on the right class, and the parameter regression."""

    def __init__(self, classes: int, recipe: Recipe) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(classes, 512) * 0.05)
        self.parameters_of_person = nn.Linear(512, len(PERSON))
        self.recipe = recipe

    def regress(self, embedding: Tensor) -> Tensor:
        """Standardised parameters of the person `[N,139]`; the factor undoes the unit length of the embedding."""
        return self.parameters_of_person(embedding * 16)

    def forward(self, embedding: Tensor, label: Tensor, margin: float) -> Tensor:
        cosine_ = embedding @ F.normalize(self.centres).t()  # [N, classes]
        own = cosine_.gather(1, label[:, None]).clamp(-1 + 1e-5, 1 - 1e-5)
        if self.recipe.angular:
            angle = torch.acos(own) + margin
            moved = torch.where(angle < math.pi, torch.cos(angle), own - margin * math.sin(margin))
        else:
            moved = own - margin
        return cosine_.scatter(1, label[:, None], moved) * self.recipe.scale


@torch.no_grad()
def embed_all(net: nn.Module, heads: Heads, index: np.ndarray) -> Tensor:
    net.eval()
    parts = [
        net(identity_crop(heads.images(index[i : i + 50]), net.input_size)) for i in range(0, len(index), 50)
    ]
    return torch.cat(parts)


def verification(net: nn.Module, heads: Heads, index: np.ndarray | None = None) -> dict[str, float]:
    """Held-out verification: TAR at FAR 1e-2 and 1e-3, and the L2 distance threshold at FAR 1e-3."""
    index = heads.held_out if index is None else index
    embedding = embed_all(net, heads, index)
    ident = torch.from_numpy(np.asarray(heads.ident[index]))
    distance = torch.cdist(embedding, embedding)
    upper = torch.triu(torch.ones_like(distance, dtype=torch.bool), 1)
    same = (ident[:, None] == ident[None]) & upper
    genuine, impostor = distance[same], distance[upper & ~same].sort().values
    figures = {}
    for far in (1e-2, 1e-3):
        threshold = float(impostor[int(far * len(impostor))])
        figures[f"tar_at_far_{far:g}"] = float((genuine < threshold).float().mean())
        figures[f"threshold_at_far_{far:g}"] = threshold
    return figures


def train_recogniser(recipe: Recipe, heads: Heads, folder: Path) -> nn.Module:
    torch.manual_seed(recipe.seed)
    net = build(recipe).to(memory_format=torch.channels_last)
    classes, label_of = np.unique(heads.ident[heads.train], return_inverse=True)
    labels = np.zeros(len(heads.ident), np.int64)
    labels[heads.train] = label_of
    head = MarginHead(len(classes), recipe)
    person = heads.person(np.arange(len(heads.ident)))
    optimiser = torch.optim.AdamW([*net.parameters(), *head.parameters()], recipe.rate, weight_decay=0.02)
    state = {"net": net, "head": head, "optimiser": optimiser}
    run = Run(recipe.name, folder, recipe.steps, state, lambda: verification(net, heads), seed=recipe.seed)
    for step in run.steps():
        progress = step / recipe.steps
        optimiser.param_groups[0]["lr"] = recipe.rate * cosine(progress)
        index = heads.train[torch.randint(len(heads.train), (recipe.batch,)).numpy()]
        images, _ = heads.mirrored(heads.images(index), None, torch.rand(recipe.batch) < 0.5)
        images, _, _ = warp(images, degrees=6, scale=(0.92, 1.08), shift=0.025)
        images = erase(photometric(images, recipe.photometric), recipe.erase)
        net.train()
        with torch.autocast("cpu", torch.bfloat16):
            embedding = net(
                identity_crop(images, net.input_size).contiguous(memory_format=torch.channels_last)
            )
        margin = recipe.margin * min(1.0, max(0.0, 4 * progress - 0.6))
        label = torch.from_numpy(labels[index])
        embedding = embedding.float()
        loss = 0.2 * F.cross_entropy(head(embedding, label, margin), label)
        loss = loss + recipe.regression * F.mse_loss(head.regress(embedding), person[index])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return net.eval()
