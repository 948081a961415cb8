"""The target takes on the source's colours part by part: skin those of skin, hair those of hair, lips those of lips."""

from __future__ import annotations

import torch
from scipy import ndimage

from ..errors import InputError
from ..faces.regions import BACKGROUND, BROWS, EYES, HAIR, HAT, LIPS, SKIN_CLASSES
from .colour import match_colour

__all__ = ["match_parts"]

_ENOUGH_SKIN = 0.25  # of the face: less does not tell what colour it has
_ENOUGH_HAIR, _ENOUGH_LIPS = 0.01, 0.001  # of the picture
_GAP_BLUR = 0.02  # of what fills a gap, as a share of the picture's side
_EDGE = 0.008  # softness of the edge of hair and lips, as a share of the picture's side


def match_parts(
    target: torch.Tensor,
    source: torch.Tensor,
    face: torch.Tensor,
    target_labels: torch.Tensor,
    source_labels: torch.Tensor,
    method: str = "tone",
) -> torch.Tensor:
    """Maps the colours of target's skin, hair and lips to those of source's; both IMAGE [N, H, W, 3] in 0..1.

    face: [N, H, W]; skin is compared where it is above 0.5, anything there where too little of it is skin.
    target_labels, source_labels: [N, H, W] in CelebAMask-HQ's order. method: see `match_colour`. Where the target has
    hair over the source's forehead, it is hair of the source's colour. Where its head does not reach to the edge of the
    source's face, its skin goes on.
    """
    for labels in (target_labels, source_labels):
        if labels.shape != target.shape[:-1]:
            raise InputError(
                f"Labels must have the images' size, found {list(labels.shape)} for {list(target.shape)}."
            )
    every = zip(target, source, face > 0.5, target_labels, source_labels, strict=True)
    matched = [_matched(*one, method) for one in every]
    return torch.stack(matched) if matched else target.clone()


def _matched(
    target: torch.Tensor,
    source: torch.Tensor,
    inside: torch.Tensor,
    own: torch.Tensor,
    theirs: torch.Tensor,
    method: str,
) -> torch.Tensor:
    """One face: `target` and `source` [H, W, 3], everything else [H, W]."""
    target, gap = _filled(target, own, inside), _above_the_forehead(own, inside)
    matched = match_colour(target, source, _skin(own, inside), method, source_mask=_skin(theirs, inside))
    for classes, enough, more in (((HAIR,), _ENOUGH_HAIR, gap), (LIPS, _ENOUGH_LIPS, False)):
        here, there = _of(own, classes), _of(theirs, classes)
        if min(here.float().mean(), there.float().mean()) < enough:
            continue
        part = match_colour(target, source, here, method, source_mask=there)
        edge = ndimage.gaussian_filter((here | more).double().cpu().numpy(), _EDGE * len(own))
        matched = torch.lerp(matched, part, torch.from_numpy(edge).to(part)[..., None])
    return matched


def _filled(target: torch.Tensor, labels: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """The target [H, W, 3] with its nearest skin where there is background inside the source's face [H, W]."""
    gap = _of(labels, (BACKGROUND,)) & inside & ~_above_the_forehead(labels, inside)
    skin = _of(labels, SKIN_CLASSES)
    if not bool(gap.any()) or not bool(skin.any()):
        return target
    rows, columns = ndimage.distance_transform_edt(
        ~skin.cpu().numpy(), return_distances=False, return_indices=True
    )
    near = target.cpu().double().numpy()[rows, columns]
    smooth = ndimage.gaussian_filter(near, (_GAP_BLUR * len(gap), _GAP_BLUR * len(gap), 0))
    edge = ndimage.gaussian_filter(gap.cpu().double().numpy(), _EDGE * len(gap))
    return torch.lerp(target, *(torch.from_numpy(x).to(target) for x in (smooth, edge[..., None])))


def _of(labels: torch.Tensor, classes: tuple[int, ...]) -> torch.Tensor:
    return torch.isin(labels, torch.tensor(classes, device=labels.device))


def _above_the_forehead(labels: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """What is neither skin nor hair above the brows, inside the source's face [H, W]: hair goes there, too."""
    brows = _of(labels, (*BROWS, *EYES)).any(1).nonzero()
    above = torch.arange(len(labels), device=labels.device)[:, None] < (brows.min() if len(brows) else 0)
    return _of(labels, (BACKGROUND, HAT)) & inside & above


def _skin(labels: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """The skin of a face [H, W], or the whole face where there is too little."""
    skin = _of(labels, SKIN_CLASSES) & inside
    return (skin if skin.sum() > _ENOUGH_SKIN * inside.sum() else inside).float()
