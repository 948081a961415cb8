"""The target takes on the source's colours part by part: skin those of skin, hair those of hair, eyes those of eyes."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from ..errors import InputError
from ..faces.regions import BACKGROUND, BROWS, EYES, FACE_CLASSES, HAIR, HAT, LIPS, SKIN, SKIN_CLASSES
from .colour import match_colour, match_part
from .lowpass import blurred

__all__ = ["match_parts"]

_ENOUGH_SKIN = 0.25  # of the face: less does not tell what colour it has
_ENOUGH_HAIR, _ENOUGH = 0.01, 0.001  # of the picture: of hair, and of the other parts
# Shares of the picture's side: how far the edge of a part shades into the next one, the softness of the edges of lips,
# eyes and brows, and of hair, and the widths at which skin goes on where there is none, the broadest first.
_RIM, _EDGE, _HAIRLINE = 0.02, 0.008, 0.016
_SKIN_GOES_ON = (0.1, 0.05, 0.025, 0.0125)
# Classes of the target, and of the source whose colours they take on, the first of which there is enough; how they are
# matched, None as skin is. Eyes are dark and white: spread matters more than quartiles. Squinting ones are dark as brows.
_PARTS = (
    (LIPS, (LIPS,), None),
    *(((brow,), (BROWS,), None) for brow in BROWS),
    *(((eye,), (EYES, BROWS), "lab") for eye in EYES),
)


def match_parts(
    target: torch.Tensor,
    source: torch.Tensor,
    face: torch.Tensor,
    target_labels: torch.Tensor,
    source_labels: torch.Tensor,
    method: str = "tone",
) -> torch.Tensor:
    """Maps the colours of target's skin, hair, lips, brows and eyes to those of source's; both IMAGE [N, H, W, 3] in 0..1.

    face: [N, H, W]; skin is compared where it is above 0.5, anything there where too little of it is skin.
    target_labels, source_labels: [N, H, W] in CelebAMask-HQ's order. method: see `match_colour`; eyes are matched by
    "lab". Where the source shows its face and the target hair, an ear or no head, the target's skin goes on. Above the
    forehead, where the target has a hat or nothing, it is hair of the source's colour.
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
    target, own = _filled(target, own, theirs, inside)
    rim = round(_RIM * len(own))
    matched = match_colour(target, source, _skin(own, inside), method, source_mask=_skin(theirs, inside))
    here, there = _of(own, (HAIR,)), _of(theirs, (HAIR,))
    if min(here.float().mean(), there.float().mean()) >= _ENOUGH_HAIR:
        part = match_part(target, source, here, there, method)
        here |= _above_the_forehead(own, inside)
        matched = _laid_over(matched, part, here, _HAIRLINE, rim)
    for classes, models, how in _PARTS:
        here = _of(own, classes)
        enough = (there for there in (_of(theirs, one) for one in models) if there.float().mean() >= _ENOUGH)
        if here.float().mean() >= _ENOUGH and (there := next(enough, None)) is not None:
            part = match_part(target, source, here, there, how or method)
            matched = _laid_over(matched, part, here, _EDGE)
    return matched


def _laid_over(
    image: torch.Tensor, part: torch.Tensor, where: torch.Tensor, softness: float, rim: int = 0
) -> torch.Tensor:
    """The image [H, W, 3] with a part that was matched [H, W, 3] where there is one [H, W].

    What is not part of it, and its rim, shows the nearest of what is: the part's map says nothing of other parts.
    """
    whole = where.cpu().numpy()
    sure = ndimage.binary_erosion(whole, iterations=rim) if rim else whole
    nearest = ndimage.distance_transform_edt(
        ~(sure if sure.any() else whole), return_distances=False, return_indices=True
    )
    edge = ndimage.gaussian_filter(whole.astype(float), softness * len(whole))
    return torch.lerp(image, part[tuple(nearest)], torch.from_numpy(edge).to(image)[..., None])


def _filled(
    target: torch.Tensor, labels: torch.Tensor, theirs: torch.Tensor, inside: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The target [H, W, 3] and its labels [H, W] with skin where the source shows its face and the target none."""
    skin = _of(labels, SKIN_CLASSES)
    gap = _of(labels, (BACKGROUND,)) & inside & ~_above_the_forehead(labels, inside)
    gap |= _of(theirs, FACE_CLASSES) & ~_of(labels, FACE_CLASSES)
    rim = round(_RIM * len(gap))
    firm = ndimage.binary_erosion(skin.cpu().numpy(), iterations=max(rim, 1)).astype(float)
    if not bool(gap.any()) or not firm.any():
        return target, labels
    wide = ndimage.binary_dilation(gap.cpu().numpy(), iterations=max(rim, 1))
    gap |= torch.from_numpy(wide).to(gap) & skin & inside
    colours = target.cpu().double().numpy()
    fill = np.broadcast_to(colours[firm > 0].mean(0), colours.shape)
    for share in _SKIN_GOES_ON:
        sigma = share * len(gap)
        weight = blurred(firm, sigma)[..., None]
        near = blurred(colours * firm[..., None], sigma) / np.maximum(weight, 1e-6)
        fill = fill + np.minimum(1, 4 * weight) * (near - fill)
    edge = ndimage.gaussian_filter(gap.cpu().double().numpy(), _RIM / 2 * len(gap))
    filled = torch.lerp(target, *(torch.from_numpy(x).to(target) for x in (fill, edge[..., None])))
    return filled, torch.where(gap, SKIN, labels)


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
