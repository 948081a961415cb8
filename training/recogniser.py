"""Trains the two recognisers: the tuner (IR-SE, ArcFace margin) and the judge (MobileFaceNet, cosine margin).

They differ in architecture, loss, seed, order of the data and augmentation, so that one can judge what was tuned on
the other. The renderer knows the parameters of every person. That is used twice: class centres are a function of
them, so that a few thousand persons teach a space for all others (and persons who were never rendered serve as
further negatives), and the embedding regresses them, each as much as it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleid.networks.irse import IRSE, IRSEConfig
from styleid.networks.mobilefacenet import MobileFaceNet, MobileFaceNetConfig

from .augment import erase, photometric, warp
from .data import PERSON, SIDE, VISIBLE, Heads, here
from .generator import identity_crop
from .loop import FURTHER, Run, averaged, cosine, update_average

__all__ = [
    "JUDGE",
    "RECOGNISER",
    "ParameterHead",
    "Recipe",
    "build",
    "candidates",
    "train_recogniser",
    "verification",
]

NEGATIVES = 512  # rendered persons, and as many invented ones, that each picture is told apart from


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
    batch: int = 64
    rate: float = 3e-3


RECOGNISER = Recipe(
    name="recogniser", architecture="ir-se", angular=True, margin=0.3, scale=24.0, seed=31,
    regression=0.7, erase=0.2, photometric=1.0,
    steps=2600,
)  # fmt: skip
JUDGE = Recipe(
    name="judge", architecture="mobilefacenet", angular=False, margin=0.2, scale=20.0, seed=47,
    regression=0.7, erase=0.3, photometric=0.8,
    steps=2600,
)  # fmt: skip


def build(recipe: Recipe) -> nn.Module:
    if recipe.architecture == "ir-se":
        return IRSE(IRSEConfig(units=(1, 2, 2, 1), widths=(32, 64, 128, 256), input_size=64, mirrored=True))
    return MobileFaceNet(MobileFaceNetConfig(width=0.5, blocks=(3, 5, 2), input_size=80, mirrored=True))


class ParameterHead(nn.Module):
    """Class centres from the parameters of persons, with a margin on the right one, and the regression of them."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.centre = nn.Sequential(nn.Linear(len(PERSON), 512), nn.GELU(), nn.Linear(512, 512))
        self.person = nn.Linear(512, len(PERSON))
        self.recipe = recipe

    def regression(self, embedding: Tensor, person: Tensor) -> Tensor:
        """Squared error of the standardised parameters `[N,139]`; the factor undoes the embedding's unit length."""
        weight = VISIBLE.to(person.device).clamp(max=1)
        weight = weight / weight.mean()
        return (weight * (self.person(embedding * 16) - person).square()).mean()

    def forward(self, embedding: Tensor, persons: Tensor, label: Tensor, margin: float) -> Tensor:
        """Logits `[N,2C]` over `persons` [C,139], of which `label` [N] are the right ones, and as many invented ones."""
        others = torch.stack([column[torch.randperm(len(column))] for column in persons.t()], 1)
        centres = F.normalize(self.centre(torch.cat([persons, others]) * VISIBLE.to(persons.device)))
        cosine_ = embedding @ centres.t()  # [N, 2C]
        own = cosine_.gather(1, label[:, None]).clamp(-1 + 1e-5, 1 - 1e-5)
        moved = torch.cos(torch.acos(own) + margin) if self.recipe.angular else own - margin
        return cosine_.scatter(1, label[:, None], moved) * self.recipe.scale


@torch.no_grad()
def embed_all(net: nn.Module, heads: Heads, index: np.ndarray, size: int = SIDE) -> Tensor:
    """Embeddings `[N,512]` of unit length of pictures by their numbers, seen at `size` pixels."""
    net.eval()
    parts = [
        net(identity_crop(heads.images(index[i : i + 50], size), net.input_size))
        for i in range(0, len(index), 50)
    ]
    return torch.cat(parts)


def verification(net: nn.Module, heads: Heads, index: np.ndarray | None = None) -> dict[str, float]:
    """Held-out verification: TAR at FAR 1e-2 and 1e-3, and the L2 distance threshold at FAR 1e-3."""
    index = heads.held_out if index is None else index
    embedding = embed_all(net, heads, index)
    ident = here(heads.ident[index])
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


def train_recogniser(
    recipe: Recipe, heads: Heads, folder: Path, *, start: nn.Module | None = None
) -> nn.Module:
    """From `start`, if given, whose class centres are learned first: they are no part of a weight file."""
    torch.manual_seed(recipe.seed)
    net = build(recipe).to(memory_format=torch.channels_last)
    if start is not None:
        net.load_state_dict(start.state_dict())
    mean = averaged(net)
    head = ParameterHead(recipe)
    person = heads.person(np.arange(len(heads.ident))).clamp(-4, 4)
    first = here(np.unique(heads.ident[heads.train], return_index=True)[1])
    everybody = person[heads.train][first]  # [persons, 139]
    optimiser = torch.optim.AdamW(
        [
            {"params": list(net.parameters()), "rate": recipe.rate * (FURTHER if start else 1)},
            {"params": list(head.parameters()), "rate": recipe.rate},
        ],
        recipe.rate, weight_decay=0.02,
    )  # fmt: skip
    state = {"net": net, "mean": mean, "head": head, "optimiser": optimiser}
    run = Run(recipe.name, folder, recipe.steps, state, lambda: verification(mean, heads), seed=recipe.seed)
    for step in run.steps():
        progress = step / recipe.steps
        settled = start is None or progress > 0.08
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * cosine(progress)
        index = heads.draw(recipe.batch)
        images, _ = heads.mirrored(heads.images(index), None, torch.rand(recipe.batch) < 0.5)
        images, _, _ = warp(images, degrees=6, scale=(0.92, 1.08), shift=0.025)
        images = erase(photometric(images, recipe.photometric), recipe.erase)
        net.train(settled)
        crop = identity_crop(images, net.input_size).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(settled):
            embedding = net(crop)
        persons, label = candidates(heads.ident[index], person[index], everybody)
        margin = recipe.margin * min(1.0, max(0.0, 2 * progress - 0.6))
        loss = 0.2 * F.cross_entropy(head(embedding, persons, label, margin), label)
        loss = loss + recipe.regression * head.regression(embedding, person[index])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        update_average(mean, net, min(0.998, (1 + step) / (10 + step)))
    return mean.eval()


def candidates(ident: np.ndarray, person: Tensor, everybody: Tensor) -> tuple[Tensor, Tensor]:
    """The persons of a batch, each once, and `NEGATIVES` others `[C,139]`; which of them each picture shows `[N]`."""
    _, first, label = np.unique(ident, return_index=True, return_inverse=True)
    own = person[here(first)]
    others = everybody[torch.randperm(len(everybody))[: NEGATIVES + len(own)]]
    twice = (others[:, None] == own[None]).all(2).any(1)
    return torch.cat([own, others[~twice][:NEGATIVES]]), here(label)
