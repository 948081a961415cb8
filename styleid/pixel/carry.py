"""What the source shows that is not who it is, and a generator tends to lose: an open mouth with its teeth, and glasses."""

from __future__ import annotations

import torch

from ..errors import InputError
from .glasses import with_glasses
from .mouth import with_open_mouth

__all__ = ["carry_over"]


def carry_over(
    target: torch.Tensor, source: torch.Tensor, target_labels: torch.Tensor, source_labels: torch.Tensor
) -> torch.Tensor:
    """The target with the source's open mouth and glasses, where it has none; both IMAGE [N, S, S, 3] in 0..1.

    target_labels, source_labels: [N, S, S] in CelebAMask-HQ's order. Everything is painted in local means of colours along
    the outlines in the source's labels; the lips are as high as the target's, and no detail of the source is copied.
    Raises InputError where sizes differ.
    """
    if target.shape != source.shape or any(
        labels.shape != target.shape[:-1] for labels in (target_labels, source_labels)
    ):
        raise InputError(
            f"Images and labels must have one size, found {list(target.shape)}, {list(source.shape)}, "
            f"{list(target_labels.shape)} and {list(source_labels.shape)}."
        )
    every = zip(target, source, target_labels, source_labels, strict=True)
    carried = [_carried(*one) for one in every]
    return torch.stack(carried) if carried else target.clone()


def _carried(
    target: torch.Tensor, source: torch.Tensor, own: torch.Tensor, theirs: torch.Tensor
) -> torch.Tensor:
    """One face: pictures [S, S, 3], labels [S, S]."""
    before = target.cpu().double().numpy()
    rest = (source.cpu().double().numpy(), own.cpu().numpy(), theirs.cpu().numpy())
    after = with_glasses(with_open_mouth(before, *rest), *rest)
    return target if after is before else torch.from_numpy(after).to(target)
