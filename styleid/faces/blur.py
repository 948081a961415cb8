"""The last resort: heads blurred beyond recognition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import InputError
from . import _warp
from .align import AlignedFaces, ffhq_quad
from .face import Face

__all__ = ["BLURS", "blur_faces"]

# Cells across a head, each blur stronger than the one before; the last leaves one colour. The FFHQ crop holds the whole
# head; its side is about 2.4 times the height from brow to chin.
BLURS = (13, 4, 1)
# Radius of the covered disk in half sides of the crop: hair and the back of a turned head are inside.
_REACH = 1.25


def blur_faces(
    images: torch.Tensor, faces: AlignedFaces | Sequence[Sequence[Face]], *, cells: int = BLURS[0]
) -> torch.Tensor:
    """Blurs every head in photographs [B, H, W, 3] -> a new [B, H, W, 3].

    faces: aligned faces, or for each photograph its faces. Each head is averaged down to so many cells (of the default,
    about five lie between brow and chin: no person makes a face of that) and enlarged smoothly over a disk that covers
    the head with hair and a margin. Pixels outside the disks keep their bits.
    """
    if cells < 1:
        raise InputError(f"A head is blurred to 1 cell or more, found {cells}.")
    if images.ndim != 4 or images.shape[-1] != 3:
        raise InputError(f"Photographs must be [B, H, W, 3], found {list(images.shape)}.")
    if isinstance(faces, AlignedFaces):
        pairs = list(zip(faces.frames, faces.faces, strict=True))
    else:
        pairs = [(frame, face) for frame, found in enumerate(faces) for face in found]
    if any(frame >= len(images) for frame, _ in pairs):
        raise InputError(f"Faces were given for more than the {len(images)} photographs.")
    out = images.clone()
    for frame, face in pairs:
        _blur_head(images[frame], out[frame], _head_disk(face), cells)
    return out


def _head_disk(face: Face) -> np.ndarray:
    """[2, 3]: photograph pixel -> coordinates in which the head is the unit disk; holds the detector's box too."""
    quad = ffhq_quad(face.landmarks)
    centre = quad.mean(0)
    x, y = (quad[3] - quad[0]) / 2, (quad[1] - quad[0]) / 2
    matrix = _warp.invert(np.stack([x, y, centre], axis=1))
    x0, y0, x1, y1 = face.box
    corners = _warp.apply(matrix, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]))
    # Landmarks may be wrong; the box is a second witness of where the head is.
    reach = np.clip(np.hypot(*corners.T).max(), _REACH, 3 * _REACH)
    return matrix / reach


def _blur_head(source: torch.Tensor, out: torch.Tensor, to_disk: np.ndarray, count: int) -> None:
    height, width = source.shape[:2]
    corners = _warp.apply(_warp.invert(to_disk), np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 1.0)
    x0, y0, x1, y1 = _warp.rectangle(corners, height, width, 0)
    if x1 <= x0 or y1 <= y0:
        return
    cell = max(1.0, 2 / _warp.scale_of(to_disk) / count)
    region = source[y0:y1, x0:x1].movedim(-1, 0)[None].float()  # [1, 3, h, w]
    cells = [max(1, round(n / cell)) for n in region.shape[2:]]
    coarse = F.adaptive_avg_pool2d(region, cells)
    smooth = F.interpolate(coarse, size=region.shape[2:], mode="bilinear", align_corners=False)[0].movedim(
        0, -1
    )
    ys = torch.arange(y0, y1, dtype=torch.float64)[:, None]
    xs = torch.arange(x0, x1, dtype=torch.float64)[None, :]
    u, v = (xs * to_disk[k, 0] + ys * to_disk[k, 1] + to_disk[k, 2] for k in (0, 1))
    alpha = ((1 - torch.hypot(u, v)) / 0.12).clamp(0, 1).to(source)[..., None]  # [h, w, 1]
    target = out[y0:y1, x0:x1]
    target.copy_(torch.where(alpha > 0, torch.lerp(target, smooth.to(source), alpha), target))
