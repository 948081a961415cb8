"""The target takes on the source's colours part by part: skin those of skin, hair those of hair."""

from __future__ import annotations

import torch
from scipy import ndimage

from ..errors import InputError
from ..faces.regions import BACKGROUND, BROWS, EYES, HAIR, HAT, SKIN_CLASSES
from .colour import match_colour

__all__ = ["match_parts"]

_ENOUGH_SKIN = 0.25  # of the face: less does not tell what colour it has
_ENOUGH_HAIR = 0.01  # of the picture
_HAIR_EDGE = 0.008  # softness of the hair's edge, as a share of the picture's side


def match_parts(
    target: torch.Tensor,
    source: torch.Tensor,
    face: torch.Tensor,
    target_labels: torch.Tensor,
    source_labels: torch.Tensor,
    method: str = "tone",
) -> torch.Tensor:
    """Maps the colours of target's skin and hair to those of source's; both IMAGE [N, H, W, 3] in 0..1.

    face: [N, H, W]; skin is compared where it is above 0.5, anything there where too little of it is skin.
    target_labels, source_labels: [N, H, W] in CelebAMask-HQ's order. method: see `match_colour`. Where the target has
    hair over the source's forehead, it is hair of the source's colour.
    """
    for labels in (target_labels, source_labels):
        if labels.shape != target.shape[:-1]:
            raise InputError(
                f"Labels must have the images' size, found {list(labels.shape)} for {list(target.shape)}."
            )
    inside = face > 0.5
    masks = (_skin(labels, inside) for labels in (target_labels, source_labels))
    matched = [
        match_colour(t, s, own, method, source_mask=theirs)
        for t, s, own, theirs in zip(target, source, *masks, strict=True)
    ]
    for number, (own, theirs) in enumerate(zip(target_labels == HAIR, source_labels == HAIR, strict=True)):
        if min(own.float().mean(), theirs.float().mean()) >= _ENOUGH_HAIR:
            hair = match_colour(target[number], source[number], own, method, source_mask=theirs)
            covered = own | _above_the_forehead(target_labels[number], inside[number])
            edge = ndimage.gaussian_filter(covered.double().cpu().numpy(), _HAIR_EDGE * own.shape[-1])
            matched[number] = torch.lerp(matched[number], hair, torch.from_numpy(edge).to(hair)[..., None])
    return torch.stack(matched) if matched else target.clone()


def _above_the_forehead(labels: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """What is neither skin nor hair above the brows, inside the source's face [H, W]: hair goes there, too."""
    brows = torch.isin(labels, torch.tensor((*BROWS, *EYES), device=labels.device)).any(1).nonzero()
    above = torch.arange(len(labels), device=labels.device)[:, None] < (brows.min() if len(brows) else 0)
    return torch.isin(labels, torch.tensor((BACKGROUND, HAT), device=labels.device)) & inside & above


def _skin(labels: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Of each face [N, H, W] the skin, or the whole face where there is too little."""
    skin = torch.isin(labels, torch.tensor(SKIN_CLASSES, device=labels.device)) & inside
    enough = skin.sum((1, 2)) > _ENOUGH_SKIN * inside.sum((1, 2))
    return torch.where(enough[:, None, None], skin, inside).float()
