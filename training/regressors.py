"""Trains the landmark net (five points and "is this a face?") and the attribute net."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleid.networks.heads import AttributeConfig, AttributeNet, LandmarkConfig, LandmarkNet

from .augment import erase, photometric, warp
from .data import PERSON, VISIBLE, Heads
from .loop import FURTHER, Run, averaged, cosine, update_average

__all__ = [
    "balanced",
    "evaluate_attributes",
    "evaluate_landmarks",
    "halves",
    "reliable",
    "summary",
    "train_attributes",
    "train_landmarks",
]

MIRRORED_POINTS = [1, 0, 2, 4, 3]
# Columns of the renderer's parameter vector that the attributes are made of and mirroring leaves alone: the person,
# smile and open mouth, hair style, beard, make-up, glasses, hat and earrings.
SHOWN = (*PERSON, 201, 202, *range(231, 242), *range(250, 261), *range(267, 270), 278, 279)
# Centre of the face, brows to chin, in an FFHQ crop.
FACE_CENTRE = (0.5, 0.62)


def not_faces(images: Tensor, count: int) -> Tensor:
    """Crops without a face: coarse procedural texture, magnified hair or clothes, and shuffled pieces of faces."""
    size = images.shape[-1]
    source = images[torch.randint(len(images), (count,))]
    cells = int(torch.randint(2, 24, ()))
    texture = F.interpolate(torch.randn(count, 3, cells, cells) * 0.6, size=(size, size), mode="bicubic")
    corner = F.interpolate(source[:, :, -size // 3 :, : size // 3], size=(size, size), mode="bilinear")
    grid = int(torch.randint(2, 5, ()))
    piece = size // grid
    tiles = source[:, :, : grid * piece, : grid * piece].unfold(2, piece, piece).unfold(3, piece, piece)
    tiles = tiles.reshape(count, 3, grid * grid, piece, piece)[:, :, torch.randperm(grid * grid)]
    shuffled = tiles.reshape(count, 3, grid, grid, piece, piece).permute(0, 1, 2, 4, 3, 5)
    shuffled = F.interpolate(shuffled.reshape(count, 3, grid * piece, grid * piece), size=(size, size))
    choice = torch.randint(0, 3, (count, 1, 1, 1))
    return torch.where(choice == 0, texture, torch.where(choice == 1, corner, shuffled)).clamp(-1, 1)


def loose_crops(images: Tensor, points: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Crops as detection boxes give them: any shift, scale and tilt; part of them on a plain ground."""
    crop, _, moved = warp(
        images, degrees=45, scale=(0.68, 1.35), shift=0.13, size=size, centre=FACE_CENTRE, points=points
    )
    return crop, moved


def upright_crops(images: Tensor, points: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Crops as the second look takes them: the first one's points set them upright and centre them, nearly."""
    crop, _, moved = warp(
        images, degrees=6, scale=(0.72, 1.0), shift=0.04, size=size, centre=FACE_CENTRE, points=points
    )
    return crop, moved


def train_landmarks(
    heads: Heads, folder: Path, *, steps: int = 2000, seed: int = 53, start: LandmarkNet | None = None
) -> LandmarkNet:
    torch.manual_seed(seed)
    batch, rate = 24, 2e-3 * (FURTHER if start else 1)
    net = (start or LandmarkNet(LandmarkConfig())).to(memory_format=torch.channels_last)
    mean = averaged(net)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.02)
    state = {"net": net, "mean": mean, "optimiser": optimiser}
    run = Run("landmarks", folder, steps, state, lambda: evaluate_landmarks(mean, heads), seed=seed)
    for step in run.steps():
        optimiser.param_groups[0]["lr"] = rate * cosine(step / steps)
        index = heads.draw(batch)
        flip = torch.rand(batch) < 0.5
        images, _ = heads.mirrored(heads.images(index), None, flip)
        points = heads.landmarks(index)
        mirrored = torch.stack([1 - points[:, MIRRORED_POINTS, 0], points[:, MIRRORED_POINTS, 1]], 2)
        points = torch.where(flip[:, None, None], mirrored, points)
        half = batch // 2
        loose, loose_points = loose_crops(images[:half], points[:half], net.input_size)
        upright, upright_points = upright_crops(images[half:], points[half:], net.input_size)
        crop, points = torch.cat([loose, upright]), torch.cat([loose_points, upright_points])
        negatives, _, _ = warp(
            not_faces(images, batch // 3), degrees=30, scale=(0.5, 1.0), shift=0.1, size=96
        )
        x = erase(photometric(torch.cat([crop, negatives])), 0.25)
        truth = torch.cat([torch.ones(batch), torch.zeros(len(negatives))])
        net.train()
        found, logit = net.raw(x.contiguous(memory_format=torch.channels_last))
        loss = 10 * F.smooth_l1_loss(found[:batch], points, beta=0.02)
        loss = loss + 0.2 * F.binary_cross_entropy_with_logits(logit, truth)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        update_average(mean, net, min(0.998, (1 + step) / (10 + step)))
    return mean.eval()


@torch.no_grad()
def evaluate_landmarks(net: LandmarkNet, heads: Heads) -> dict[str, float]:
    """Mean point error in percent of the distance between the eyes, at the first and at the second look, and the
    score's accuracy, held out."""
    net.eval()
    figures = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        index = heads.held_out
        images, points = heads.images(index), heads.landmarks(index)
        for name, crops in (("first_look", loose_crops), ("second_look", upright_crops)):
            crop, truth = crops(images, points, net.input_size)
            found, score = net(crop)
            eyes = (truth[:, 0] - truth[:, 1]).norm(dim=1)
            error = (found - truth).norm(dim=2).mean(1) / eyes
            figures[f"{name}_error_percent_of_eye_distance"] = float(100 * error.mean())
        _, negative = net(F.interpolate(not_faces(images, 100), size=(96, 96), mode="area"))
    figures["face_score_accuracy"] = float(torch.cat([score > 0.5, negative < 0.5]).float().mean())
    return figures


def train_attributes(
    heads: Heads, folder: Path, *, steps: int = 1600, seed: int = 61, start: AttributeNet | None = None
) -> AttributeNet:
    torch.manual_seed(seed)
    batch, rate = 24, 2e-3 * (FURTHER if start else 1)
    net = start or AttributeNet(AttributeConfig(names=heads.names, input_size=112))
    columns = [heads.names.index(name) for name in net.names]
    net = net.to(memory_format=torch.channels_last)
    parameters = nn.Linear(net.config.hidden, len(SHOWN))
    visible = torch.cat([VISIBLE.clamp(max=1), torch.ones(len(SHOWN) - len(PERSON))])
    mean = averaged(net)
    optimiser = torch.optim.AdamW([*net.parameters(), *parameters.parameters()], rate, weight_decay=0.05)
    share = heads.attributes(heads.train)[:, columns].mean(0).clamp(0.01, 0.99)
    positive = ((1 - share) / share).sqrt()
    state = {"net": net, "mean": mean, "parameters": parameters, "optimiser": optimiser}
    run = Run(
        "attributes", folder, steps, state, lambda: summary(evaluate_attributes(mean, heads)), seed=seed
    )
    for step in run.steps():
        optimiser.param_groups[0]["lr"] = rate * cosine(step / steps)
        index = heads.draw(batch)
        images, _ = heads.mirrored(heads.images(index), None, torch.rand(batch) < 0.5)
        images, _, _ = warp(images, degrees=6, scale=(0.92, 1.08), shift=0.025, size=net.input_size)
        net.train()
        images = erase(photometric(images, 0.7), 0.1).contiguous(memory_format=torch.channels_last)
        features = net.features(images)
        loss = F.binary_cross_entropy_with_logits(
            net.head[-1](features), heads.attributes(index)[:, columns], pos_weight=positive
        )
        # How open the mouth is says more than that it is open.
        off = parameters(features) - heads.parameters(index)[:, SHOWN].clamp(-4, 4)
        loss = loss + 0.3 * (visible * off.square()).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        update_average(mean, net, min(0.998, (1 + step) / (10 + step)))
    return mean.eval()


@torch.no_grad()
def evaluate_attributes(net: AttributeNet, heads: Heads, index: np.ndarray | None = None) -> dict[str, float]:
    """Balanced accuracy per attribute on held-out identities (only attributes that occur both ways)."""
    net.eval()
    index = heads.held_out if index is None else index
    found = torch.cat([net(heads.images(index[i : i + 50])) for i in range(0, len(index), 50)]) > 0.5
    truth = heads.attributes(index)[:, [heads.names.index(name) for name in net.names]] > 0.5
    figures = {}
    for column, name in enumerate(net.names):
        yes, no = found[truth[:, column], column], found[~truth[:, column], column]
        if len(yes) and len(no):
            figures[name] = float((yes.float().mean() + 1 - no.float().mean()) / 2)
    return figures


@torch.no_grad()
def balanced(net: AttributeNet, heads: Heads, pictures: int = 2000) -> AttributeNet:
    """The net with its biases moved so that confidence 0.5 is where balanced accuracy is highest on training pictures:
    the loss leans towards the commoner side."""
    index = heads.train[:: max(1, len(heads.train) // pictures)]
    logits = torch.cat([net.logits(heads.images(index[i : i + 50])) for i in range(0, len(index), 50)])
    truth = heads.attributes(index)[:, [heads.names.index(name) for name in net.names]] > 0.5
    ordered, order = logits.sort(0)
    yes = truth.gather(0, order).float()
    gain = (1 - yes).cumsum(0) / (1 - yes).sum(0).clamp(min=1) - yes.cumsum(0) / yes.sum(0).clamp(min=1)
    best = gain[:-1].argmax(0, keepdim=True)
    net.head[-1].bias -= (ordered.gather(0, best) + ordered.gather(0, best + 1))[0] / 2
    return net


def halves(heads: Heads) -> tuple[np.ndarray, np.ndarray]:
    """The held-out pictures that decide which attributes stay, and those that give their figures: no person in both."""
    persons = np.unique(heads.ident[heads.held_out])
    first = np.isin(heads.ident[heads.held_out], persons[: len(persons) // 2])
    return heads.held_out[first], heads.held_out[~first]


def reliable(net: AttributeNet, heads: Heads, floor: float = 0.65) -> tuple[AttributeNet, dict[str, float]]:
    """The net without the attributes it cannot tell, and the figures of the others.

    One half of the held-out identities decides which attributes stay, the other gives the figures.
    """
    deciding, measured = halves(heads)
    decided = evaluate_attributes(net, heads, deciding)
    names = tuple(name for name in net.names if decided.get(name, 0.0) >= floor)
    rows = [net.names.index(name) for name in names]
    pruned = AttributeNet(replace(net.config, names=names))
    state = net.state_dict()
    for key in ("head.5.weight", "head.5.bias"):
        state[key] = state[key][rows]
    pruned.load_state_dict(state)
    return pruned.eval(), evaluate_attributes(pruned, heads, measured)


def summary(figures: dict[str, float]) -> dict[str, float]:
    worst = min(figures, key=figures.__getitem__)
    return {"balanced_accuracy": sum(figures.values()) / len(figures), f"worst_{worst}": figures[worst]}
