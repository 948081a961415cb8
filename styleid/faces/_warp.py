"""Resampling under a similarity or affine map: pixel centres at integer coordinates, antialiased when shrinking."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

# Rows sampled at once: a bound on memory, not on size.
_MAX_SAMPLES = 4_000_000


def invert(matrix: np.ndarray) -> np.ndarray:
    """Inverse of an affine map [2, 3] -> [2, 3]."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.concatenate([linear, -linear @ matrix[:, 2:]], axis=1)


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Affine map [2, 3] of points [..., 2] -> [..., 2]."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The affine map [2, 3] that applies inner, then outer."""
    return np.concatenate([outer[:, :2] @ inner[:, :2], apply(outer, inner[:, 2])[:, None]], axis=1)


def scale_of(matrix: np.ndarray) -> float:
    """Mean linear scale of an affine map."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def sample(
    image: torch.Tensor,
    to_image: np.ndarray,
    height: int,
    width: int,
    *,
    mode: str = "bicubic",
    padding: str = "reflection",
) -> torch.Tensor:
    """Samples image [C, H, W] at to_image(x, y) for every pixel of a height x width raster -> [C, height, width].

    to_image: float64 [2, 3], raster pixel (x, y) -> image pixel (x, y). Shrinking goes through an area pyramid and
    two samples per axis, so that nothing aliases; enlarging is bicubic. padding: "reflection", "border" or "zeros".
    """
    matrix, step = np.asarray(to_image, dtype=np.float64), scale_of(to_image)
    while step >= 2.0 and min(image.shape[1:]) >= 2:
        image = _halve(image)
        # Halved pixel i covers 2i and 2i + 1: its centre is at 2i + 0.5.
        matrix = np.concatenate([matrix[:, :2] / 2, (matrix[:, 2:] - 0.5) / 2], axis=1)
        step /= 2
    factor = 2 if step > 1.05 else 1
    if factor == 2:
        # Fine sample j of raster pixel i sits at i + (j - 0.5) / 2.
        matrix = np.concatenate(
            [matrix[:, :2] / 2, matrix[:, 2:] - matrix[:, :2].sum(1, keepdims=True) / 4], axis=1
        )
    out = image.new_empty(image.shape[0], height, width)
    rows = max(1, _MAX_SAMPLES // max(1, width * factor * factor))
    for top in range(0, height, rows):
        count = min(rows, height - top)
        fine = _grid_sample(image, matrix, top * factor, count * factor, width * factor, mode, padding)
        out[:, top : top + count] = F.avg_pool2d(fine, 2) if factor == 2 else fine  # [C, count, width]
    return out


def _halve(image: torch.Tensor) -> torch.Tensor:
    """2 x 2 area average of [C, H, W]; an odd last row or column is halved by itself, never dropped."""
    return F.avg_pool2d(image[None], 2, ceil_mode=True)[0]


def _grid_sample(
    image: torch.Tensor, matrix: np.ndarray, top: int, height: int, width: int, mode: str, padding: str
) -> torch.Tensor:
    size = torch.tensor([image.shape[2] - 1, image.shape[1] - 1], dtype=torch.float64).clamp(min=1)
    affine = torch.from_numpy(matrix)
    x = torch.arange(width, dtype=torch.float64)
    y = torch.arange(top, top + height, dtype=torch.float64)[:, None]
    axes = [x * affine[k, 0] + y * affine[k, 1] + affine[k, 2] for k in (0, 1)]  # each [height, width]
    grid = torch.stack([axes[k].mul_(2 / size[k]).sub_(1) for k in (0, 1)], dim=-1)  # [height, width, 2]
    dtype = torch.promote_types(image.dtype, torch.float32)  # coordinates in half precision miss by pixels
    grid = grid.to(dtype).to(image.device)[None]
    out = F.grid_sample(image[None].to(dtype), grid, mode=mode, padding_mode=padding, align_corners=True)[0]
    return out.to(image.dtype)


def rectangle(points: np.ndarray, height: int, width: int, margin: int) -> tuple[int, int, int, int]:
    """Bounding rectangle (x0, y0, x1, y1) of points [K, 2] grown by margin and cut to the picture; may be empty.

    Half open: x1 and y1 lie behind the last pixel.
    """
    low, high = np.floor(points.min(0)) - margin, np.ceil(points.max(0)) + margin + 1
    x0, y0 = int(np.clip(low[0], 0, width)), int(np.clip(low[1], 0, height))
    x1, y1 = int(np.clip(high[0], x0, width)), int(np.clip(high[1], y0, height))
    return x0, y0, x1, y1
