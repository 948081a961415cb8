"""Trains the face detector on composed scenes: focal loss (Lin et al. 2017) for the centres, L1 for size and points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from styleid.faces._candidates import Candidate, from_landmarks, make_view, same_face
from styleid.faces._detector import detect_styleid
from styleid.faces.detect import SURE
from styleid.networks.detector import STRIDE, USUAL_SIZE, DetectorConfig, FaceDetector, cell_middles

from .augment import photometric
from .loop import Run, averaged, cosine, update_average
from .scenes import SIDE, Scene, TurnedHeads, compose, face_places, paste_head, surroundings

__all__ = ["evaluate_detector", "train_detector"]

BATCH = 16
CELLS = SIDE // STRIDE
RATE = 3e-3
NEAREST = 6.0  # pixels: the middle of some cell is this near to any place


class Targets:
    """What the maps of N scenes should hold. weight [N,h,w]: above 0 in the cells of a face's middle, each face's sum is
    1; counts [N,h,w]: whether the cell's belief is judged; size [N,h,w] and offset [N,h,w,5,2] of the cell's face."""

    def __init__(self, count: int) -> None:
        self.weight = torch.zeros(count, CELLS, CELLS)
        self.counts = torch.ones(count, CELLS, CELLS, dtype=torch.bool)
        self.size = torch.zeros(count, CELLS, CELLS)
        self.offset = torch.zeros(count, CELLS, CELLS, 5, 2)


def targets(scenes: list[Scene]) -> Targets:
    """The cells near a face's centre are to believe in it, those around them may."""
    result = Targets(len(scenes))
    middles = cell_middles(CELLS, CELLS)  # [h, w, 2]
    for n, scene in enumerate(scenes):
        for points, (x, y, size) in zip(scene.faces, face_places(scene.faces), strict=True):
            distance = (middles - torch.tensor([x, y], dtype=torch.float32)).norm(dim=2)
            radius = max(NEAREST, 0.15 * size)
            own = distance < radius
            result.counts[n] &= distance > 2 * radius
            result.weight[n][own] = 1 / own.sum()
            result.size[n][own] = float(np.log(size / USUAL_SIZE))
            result.offset[n][own] = (torch.from_numpy(points) - middles[own][:, None]) / float(size)
        for x, y, size in scene.tolerated:
            distance = (middles - torch.tensor([x, y], dtype=torch.float32)).norm(dim=2)
            result.counts[n] &= distance > 0.4 * size
    result.counts |= result.weight > 0
    return result


def detection_loss(found: tuple[Tensor, Tensor, Tensor], truth: Targets) -> Tensor:
    logit, size, offset = found
    belief = logit.sigmoid()
    weight, faces = truth.weight, truth.weight.sum().clamp(min=1)
    right = -weight * (1 - belief) ** 2 * F.logsigmoid(logit)
    wrong = -(belief**2) * F.logsigmoid(-logit) * (truth.counts & (weight == 0))
    away = (offset - truth.offset).abs().mean((3, 4)) * 8 + (size - truth.size).abs()
    return (4 * right + wrong + weight * away).sum() / faces


def batch_of(scenes: list[Scene]) -> Tensor:
    """`[N,3,S,S]` in [-1, 1]."""
    return torch.from_numpy(np.stack([scene.image for scene in scenes])).permute(0, 3, 1, 2) * 2 - 1


def train_detector(heads: TurnedHeads, folder: Path, *, steps: int = 7500, seed: int = 71) -> FaceDetector:
    torch.manual_seed(seed)
    net = FaceDetector(DetectorConfig()).to(memory_format=torch.channels_last)
    mean = averaged(net)
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.02)
    state = {"net": net, "mean": mean, "optimiser": optimiser}
    run = Run("detector", folder, steps, state, lambda: evaluate_detector(mean, heads, 120), seed=seed)
    for step in run.steps():
        optimiser.param_groups[0]["lr"] = RATE * cosine(step / steps)
        rng = np.random.default_rng(int(torch.randint(2**31, ())))
        scenes = [compose(rng, heads, heads.train) for _ in range(BATCH)]
        net.train()
        x = photometric(batch_of(scenes), 0.75).contiguous(memory_format=torch.channels_last)
        loss = detection_loss(net.raw(x), targets(scenes))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        update_average(mean, net, min(0.998, (1 + step) / (10 + step)))
    return mean.eval()


@torch.no_grad()
def evaluate_detector(net: FaceDetector, heads: TurnedHeads, count: int = 1000) -> dict[str, float]:
    """Recall over held-out heads by yaw and by in-plane rotation, in degrees, and false alarms per scene without a face,
    at the score from which the detector's word is enough."""
    net.eval()
    rng = np.random.default_rng(0)
    shown = [one for one in heads.held_out if heads.shows_face(one)]
    hits: dict[str, list[bool]] = {}
    alarms = 0
    for n in range(count):
        alarms += len(sure_faces(net, surroundings(rng, heads, heads.held_out)))
        one, angle = int(shown[n % len(shown)]), rng.uniform(-180, 180)
        image = surroundings(rng, heads, heads.held_out)
        size, place = np.exp(rng.uniform(*np.log([18, 60]))), rng.uniform(0.3, 0.7, 2) * SIDE
        points, _ = paste_head(rng, image, heads, one, size, np.radians(angle), place)
        truth = from_landmarks(points - 0.5, 1.0, "")
        hit = any(same_face(truth, found) for found in sure_faces(net, image))
        for name in (f"yaw_{band(np.degrees(heads.yaw[one]), 30, 60)}", f"turned_{band(angle, 45, 135)}"):
            hits.setdefault(name, []).append(hit)
    recall = {f"recall_{name}": float(np.mean(found)) for name, found in sorted(hits.items())}
    return recall | {"false_alarms_per_scene": alarms / count}


def band(degrees: float, first: int, second: int) -> str:
    size = abs(degrees)
    return f"0_{first}" if size < first else f"{first}_{second}" if size < second else f"from_{second}"


def sure_faces(net: FaceDetector, image: np.ndarray) -> list[Candidate]:
    view = make_view(torch.from_numpy(np.clip(image, 0, 1)).permute(2, 0, 1), 0, SIDE)
    return [one for one in detect_styleid(net, view, 16.0) if one.score >= SURE["styleid"]]
