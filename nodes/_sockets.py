"""Socket names, the values that travel on the project's own sockets, and conversions shared by the nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.family import Family
from ..styleid.latent import Ranking
from . import _bridge

FAMILY = "STYLEID_FAMILY"
FACES = "STYLEID_FACES"
CODES = "STYLEID_CODES"
LABELS = "STYLEID_LABELS"
RANKING = "STYLEID_RANKING"

BATCH = 4  # faces per step: small enough that Cancel is answered within seconds on a CPU


@dataclass(frozen=True, repr=False)
class Codes:
    """W+ codes, one per face. The repr tells sizes only: a code is as good as the face."""

    w_plus: Tensor  # [N, L, 512]

    def __repr__(self) -> str:
        return f"Codes(faces={self.w_plus.shape[0]}, layers={self.w_plus.shape[1]})"

    def __len__(self) -> int:
        return self.w_plus.shape[0]


@dataclass(frozen=True, repr=False)
class Labels:
    """Face parts of aligned crops: the 19 CelebAMask-HQ classes."""

    ids: Tensor  # [N, S, S] int64

    def __repr__(self) -> str:
        return f"Labels(faces={self.ids.shape[0]}, size={self.ids.shape[-1]})"

    def __len__(self) -> int:
        return self.ids.shape[0]


def in_batches(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """`function` over `values` [N, ...] a few faces at a time, with a progress bar and Cancel between steps.

    An empty batch gives an empty result of the right shape.
    """
    if not len(values):
        return function(values.new_zeros((1, *values.shape[1:])))[:0].cpu()
    progress = _bridge.progress_bar(len(values))
    parts = []
    for start in range(0, len(values), BATCH):
        parts.append(function(values[start : start + BATCH]).cpu())
        progress(min(start + BATCH, len(values)), len(values))
    return torch.cat(parts)


def as_rgb(images: Tensor, what: str = "images") -> Tensor:
    """ComfyUI IMAGE -> float32 [B, H, W, 3] in 0..1; an alpha channel is dropped."""
    if images.ndim != 4 or images.shape[-1] not in (3, 4):
        raise InputError(
            f"{what}: expected an IMAGE batch [B, H, W, 3], found a tensor of shape {list(images.shape)}."
        )
    return images[..., :3].float().clamp(0, 1)


def square_crops(crops: Tensor, what: str = "crops") -> Tensor:
    """Aligned crops must be square; says so when a crop or resize node in between broke that."""
    crops = as_rgb(crops, what)
    if crops.shape[1] != crops.shape[2]:
        raise InputError(
            f"{what}: aligned face crops are square, found {crops.shape[2]} x {crops.shape[1]} pixels. "
            "Connect crops of 'Detect and Align Faces', or resize to equal width and height."
        )
    return crops


def crop_pair(source: Tensor, output: Tensor, node: str) -> tuple[Tensor, Tensor]:
    """Two batches of as many square crops, not empty. A single output is not taken for several faces: it may be all that
    was found again, and says nothing about the others."""
    source, output = square_crops(source, "source"), square_crops(output, "output")
    if not len(source):
        raise InputError(
            f"{node}: there is no face to compare. No face is an outcome of its own, never a number."
        )
    if len(source) != len(output):
        raise InputError(
            f"{node}: found {len(source)} source faces and {len(output)} outputs. Give one output for each source face, in "
            "the same order."
        )
    return source, output


def match_count(values: Tensor, count: int, what: str, each: str = "face") -> Tensor:
    """One value for every face (or whatever `each` is): a batch of `count`, or a single one that is repeated."""
    if len(values) == count:
        return values
    if len(values) == 1:
        return values.expand(count, *values.shape[1:])
    raise InputError(f"{what}: expected {count} (one per {each}) or 1, found a batch of {len(values)}.")


def fit_mask(
    mask: Tensor, height: int, width: int, count: int, what: str = "mask", each: str = "face"
) -> Tensor:
    """ComfyUI MASK of any size -> [count, height, width] in 0..1, one for `each`."""
    mask = mask.float()
    if mask.ndim == 2:
        mask = mask[None]
    if mask.ndim != 3:
        raise InputError(
            f"{what}: expected a MASK batch [B, H, W], found a tensor of shape {list(mask.shape)}."
        )
    if mask.shape[1:] != (height, width):
        mask = F.interpolate(mask[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]
    return match_count(mask.clamp(0, 1), count, what, each)


def resize_crops(crops: Tensor, size: int) -> Tensor:
    """Square crops [N, S, S, 3] -> [N, size, size, 3]."""
    if crops.shape[1] == size:
        return crops
    nchw = F.interpolate(
        crops.movedim(-1, 1), size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )
    return nchw.movedim(1, -1).clamp(0, 1)


def check_ranking(ranking: Ranking, models: Family) -> None:
    """A ranking belongs to the models it was measured on."""
    if differs := ranking.mismatch(models.generator):
        raise InputError(f"The ranking {differs}. Rank with the same models.")


def with_ranking(models: Family, ranking: Ranking | None) -> Family:
    """The models with this ranking in place of their own; None keeps their own."""
    if ranking is None:
        return models
    check_ranking(ranking, models)
    return replace(models, ranking=ranking)
