"""Augmentation of rendered heads: strong enough that networks trained on renders also work on photographs."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["backdrop", "erase", "photometric", "strands", "toned", "tones", "warp"]


def uniform(count: int, low: float, high: float, *shape: int) -> Tensor:
    return torch.empty(count, *(shape or (1, 1, 1))).uniform_(low, high)


def photometric(x: Tensor, strength: float = 1.0) -> Tensor:
    """Exposure, contrast, tint, gamma, saturation, side light, blur and noise on `[N,3,H,W]` in [-1, 1]."""
    n, _, height, width = x.shape
    y = (x + 1.0) / 2.0
    gamma = torch.exp(uniform(n, -0.45, 0.45) * strength)
    y = y.clamp(1e-3, 1.0) ** gamma
    grey = y.mean(1, keepdim=True)
    y = grey + (y - grey) * (1.0 + strength * uniform(n, -0.7, 0.4))
    y = torch.where(torch.rand(n, 1, 1, 1) < 0.08 * strength, y.mean(1, keepdim=True), y)
    y = y * torch.exp(strength * 0.18 * torch.randn(n, 3, 1, 1))
    mean = y.mean((1, 2, 3), keepdim=True)
    y = mean + (y - mean) * torch.exp(uniform(n, -0.4, 0.35) * strength) + strength * uniform(n, -0.15, 0.15)
    ramp = torch.linspace(-1, 1, width)[None, None, None] * uniform(n, -1, 1)
    ramp = ramp + torch.linspace(-1, 1, height)[None, None, :, None] * uniform(n, -1, 1)
    y = y * (1.0 + 0.25 * strength * ramp)
    y = _degrade(y)
    noise = 0.06 * strength * torch.rand(n, 1, 1, 1) ** 2
    return (y + noise * torch.randn_like(y)).clamp(0, 1) * 2.0 - 1.0


def tones(count: int) -> Tensor:
    """`[N,5]`: random gamma, gains of red, green and blue, and saturation, as photographs have them; 1 for half of them."""
    tone = torch.ones(count, 5)
    tone[:, :1] = torch.exp(uniform(count, -0.3, 0.3, 1))
    tone[:, 1:4] = torch.exp((0.12 * torch.randn(count, 3)).clamp(-0.25, 0.25))
    tone[:, 4:] = uniform(count, 0.6, 1.4, 1) * (torch.rand(count, 1) > 0.2)
    return torch.where(torch.rand(count, 1) < 0.5, tone, torch.ones(()))


def toned(x: Tensor, tone: Tensor) -> Tensor:
    """Pictures `[N,3,H,W]` in [-1, 1] with `tones`."""
    gamma, gain, saturation = (one[..., None, None] for one in tone.split((1, 3, 1), 1))
    y = ((x + 1) / 2).clamp_min(1e-4) ** gamma * gain
    grey = y.mean(1, keepdim=True)
    return (grey + (y - grey) * saturation).clamp(0, 1) * 2 - 1


def _degrade(x: Tensor) -> Tensor:
    """Lose resolution on some of the batch, as small or compressed photographs do."""
    if torch.rand(()) < 0.5:
        return x
    size = x.shape[-1]
    small = int(size * float(torch.empty(()).uniform_(0.3, 0.9)))
    soft = F.interpolate(x, size=(small, small), mode="bilinear", align_corners=False, antialias=True)
    soft = F.interpolate(soft, size=(size, size), mode="bilinear", align_corners=False)
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.6, soft, x)


def erase(x: Tensor, share: float = 0.3) -> Tensor:
    """Cover a random rectangle of `share` of the samples with noise of one colour: hands, hair, scarves."""
    n, _, height, width = x.shape
    rows = torch.arange(height)[None, :, None] / height
    cols = torch.arange(width)[None, None] / width
    cy, cx = torch.rand(n, 1, 1), torch.rand(n, 1, 1)
    h, w = uniform(n, 0.05, 0.25, 1, 1), uniform(n, 0.05, 0.25, 1, 1)
    inside = ((rows - cy).abs() < h) & ((cols - cx).abs() < w) & (torch.rand(n, 1, 1) < share)
    colour = torch.rand(n, 3, 1, 1) * 2 - 1 + 0.15 * torch.randn_like(x)
    return torch.where(inside[:, None], colour, x)


def backdrop(x: Tensor, labels: Tensor, share: float = 0.35) -> Tensor:
    """Behind `share` of the heads `[N,3,H,W]`, where the labels `[N,H,W]` are 0, a magnified piece of another picture:
    walls in the colours of skin, hair and clothes."""
    pieces, _, _ = warp(x.roll(1, 0), degrees=180, scale=(0.12, 0.5), shift=0.4)
    behind = ((labels == 0) & (torch.rand(len(x), 1, 1) < share)).float()
    return torch.lerp(x, pieces, F.avg_pool2d(behind[:, None], 3, 1, 1, count_include_pad=False))


def strands(x: Tensor, labels: Tensor, hair: int, skin: int, share: float = 0.4) -> Tensor:
    """On `share` of the heads `[N,3,H,W]`, hair of another colour, often nearly that of the skin, with strands: only they
    then tell a fair fringe from the forehead. `hair` and `skin` are classes of the labels `[N,H,W]`."""
    n, _, height, width = x.shape
    here, theirs = ((labels == one)[:, None].float() for one in (hair, skin))
    own, fair = ((x * one).sum((2, 3)) / one.sum((2, 3)).clamp(min=1) for one in (here, theirs))
    wanted = fair + torch.randn(n, 1) * 0.2 + 0.08 * torch.randn(n, 3)
    streaks = F.interpolate(torch.randn(n, 1, 6, 72), size=(height, width), mode="bicubic")
    streaks, _, _ = warp(streaks, degrees=75, scale=(0.4, 1.0), shift=0.2)
    coloured = wanted[..., None, None] + uniform(n, 0.4, 1.2) * (x - own[..., None, None])
    coloured = coloured + uniform(n, 0.05, 0.3) * streaks
    weight = F.avg_pool2d(here, 3, 1, 1) * (torch.rand(n, 1, 1, 1) < share)
    return torch.lerp(x, coloured.clamp(-1, 1), weight)


def warp(
    x: Tensor,
    *,
    degrees: float,
    scale: tuple[float, float],
    shift: float,
    size: int | None = None,
    centre: tuple[float, float] = (0.5, 0.5),
    labels: Tensor | None = None,
    points: Tensor | None = None,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Random similarity of `[N,3,H,W]` with its label maps `[N,H,W]` and points `[N,P,2]` in 0..1 of the picture.

    The crop lies around `centre` (x, y in 0..1), moved by up to `shift` of its side in each direction.
    `scale` above 1 shows more of the scene; what lies outside is reflected (labels too). Points move to the new crop.
    """
    n = len(x)
    angle = torch.empty(n).uniform_(-degrees, degrees) * math.pi / 180
    factor = torch.exp(torch.empty(n).uniform_(math.log(scale[0]), math.log(scale[1])))
    offset = torch.empty(n, 2).uniform_(-shift, shift) * 2 * factor[:, None] + torch.tensor(centre) * 2 - 1
    cos, sin = torch.cos(angle) * factor, torch.sin(angle) * factor
    theta = torch.stack(
        [torch.stack([cos, -sin, offset[:, 0]], 1), torch.stack([sin, cos, offset[:, 1]], 1)], 1
    )
    side = size or x.shape[-1]
    grid = F.affine_grid(theta, [n, 1, side, side], align_corners=False)
    if side * factor.max() < x.shape[-1] * 0.7:
        x = F.interpolate(x, scale_factor=0.5, mode="area")
    y = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    if labels is not None:
        moved = F.grid_sample(
            labels[:, None].float(), grid, mode="nearest", padding_mode="reflection", align_corners=False
        )
        labels = moved[:, 0].to(labels.dtype)
    if points is not None:
        source = points * 2 - 1 - theta[:, None, :, 2]  # [N, P, 2] relative to the crop's centre
        inverse = torch.linalg.inv(theta[:, :, :2])
        points = (source @ inverse.transpose(1, 2) + 1) / 2
    return y, labels, points
