"""The target takes on the source's colours part by part: skin those of skin, hair those of hair, eyes those of eyes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage

from ..errors import InputError
from ..faces.regions import (
    BACKGROUND,
    BROWS,
    CLOTH,
    EARS,
    EYES,
    FACE_CLASSES,
    HAIR,
    HAT,
    LIPS,
    SKIN,
    SKIN_CLASSES,
    beside_the_face,
    surroundings,
)
from .colour import match_colour, match_part
from .fill import going_on

__all__ = ["match_parts"]

_ENOUGH_SKIN = 0.25  # of the face: less does not tell what colour it has
_ENOUGH_HAIR, _ENOUGH = 0.01, 0.001  # of the picture: of hair, and of the other parts
# Shares of the picture's side: how far the edge of a part shades into the next one, the softness of the edges of lips,
# eyes and brows, and of hair.
_RIM, _EDGE, _HAIRLINE = 0.02, 0.008, 0.016
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
    "lab". Where the source shows its face and the target hair, an ear or no head, the target's skin goes on; where the
    target's head ends before the source's, the source's background or clothes go on behind it. Above the forehead, where
    the target has a hat or nothing, it is hair of the source's colour.
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
    around = _where(surroundings, theirs)
    behind = _beyond_the_head(own, theirs, around)
    target, own = _filled(target, own, theirs, inside, behind)
    matched = match_colour(target, source, _skin(own, inside), method, source_mask=_skin(theirs, inside))
    here, there = _of(own, (HAIR,)), _of(theirs, (HAIR,))
    if min(here.float().mean(), there.float().mean()) >= _ENOUGH_HAIR:
        part = match_part(target, source, here, there, method)
        part = _going_on(part, _eroded(here, _RIM), here)
        matched = _laid_over(matched, part, here | _above_the_forehead(own, inside), _HAIRLINE)
    for classes, models, how in _PARTS:
        here = _of(own, classes)
        enough = (there for there in (_of(theirs, one) for one in models) if there.float().mean() >= _ENOUGH)
        if here.float().mean() >= _ENOUGH and (there := next(enough, None)) is not None:
            part = match_part(target, source, here, there, how or method)
            matched = _laid_over(matched, _nearest(part, here), here, _EDGE)
    if bool(behind.any()):
        matched = _laid_over(matched, _going_on(source, _eroded(around, _EDGE), around), behind, _EDGE)
    return matched


def _laid_over(image: torch.Tensor, part: torch.Tensor, where: torch.Tensor, softness: float) -> torch.Tensor:
    """The image [H, W, 3] with another one `where` [H, W] that is to be seen."""
    edge = ndimage.gaussian_filter(where.cpu().double().numpy(), softness * len(where))
    return torch.lerp(image, part, torch.from_numpy(edge).to(image)[..., None])


def _nearest(part: torch.Tensor, here: torch.Tensor) -> torch.Tensor:
    """A part that was matched [H, W, 3], and around it [H, W] its nearest pixel: the map says nothing of other parts."""
    rows, columns = ndimage.distance_transform_edt(
        ~here.cpu().numpy(), return_distances=False, return_indices=True
    )
    return part[rows, columns]


def _going_on(part: torch.Tensor, sure: torch.Tensor, here: torch.Tensor) -> torch.Tensor:
    """A part [H, W, 3] where it is `sure` to be one [H, W], or else where it is at all; its colours go on elsewhere."""
    return going_on(part, sure if bool(sure.any()) else here)


def _filled(
    target: torch.Tensor,
    labels: torch.Tensor,
    theirs: torch.Tensor,
    inside: torch.Tensor,
    behind: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The target [H, W, 3] and its labels [H, W] with skin where the source shows its face and the target none, but for
    what is `behind` its head [H, W]."""
    skin = _of(labels, SKIN_CLASSES)
    gap = _of(labels, (BACKGROUND,)) & inside & ~_above_the_forehead(labels, inside)
    gap |= _of(theirs, FACE_CLASSES) & ~_of(labels, FACE_CLASSES)
    gap &= ~behind
    firm = _eroded(skin, _RIM)
    if not bool((gap | behind).any()) or not bool(firm.any()):
        return target, labels
    # The rim is mixed with what the target has beside it, which will not be there.
    gap |= ~_eroded(~(gap | behind), _RIM) & skin & inside
    return _laid_over(target, _going_on(target, firm, skin), gap, _RIM / 2), torch.where(gap, SKIN, labels)


def _beyond_the_head(own: torch.Tensor, theirs: torch.Tensor, around: torch.Tensor) -> torch.Tensor:
    """Where the target's head ends and the source's face borders on what is `around` its head, and not on hair, ears or
    neck; of what is around it, all that the target's face does not cover."""
    if not bool(around.any()):
        return around
    bordering = _nearest(around, around | _where(beside_the_face, theirs))
    return _of(own, (BACKGROUND, CLOTH)) & bordering | around & ~_of(own, (*FACE_CLASSES, *EARS))


def _where(part: Callable[[np.ndarray], np.ndarray], labels: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(part(labels.cpu().numpy())).to(labels.device)


def _eroded(mask: torch.Tensor, share: float) -> torch.Tensor:
    """A mask [H, W] without a rim of that share of its height; the picture's border is no edge."""
    steps = max(round(share * len(mask)), 1)
    inner = ndimage.binary_erosion(mask.cpu().numpy(), iterations=steps, border_value=1)
    return torch.from_numpy(inner).to(mask.device)


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
