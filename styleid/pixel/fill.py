"""How colours go on where they are not known: a pull-push pyramid (Gortler et al. 1996)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["going_on"]


def going_on(picture: Tensor, known: Tensor) -> Tensor:
    """The picture [H, W, 3] where it is `known`, a bool [H, W] with any True; elsewhere means of what is known nearby, the
    broader the further away that is.
    """
    return _filled(picture.permute(2, 0, 1)[None], known[None, None])[0].permute(1, 2, 0)


def _filled(planes: Tensor, known: Tensor) -> Tensor:
    """[1, 3, H, W], known [1, 1, H, W]."""
    if bool(known.all()):
        return planes
    weight = known.to(planes)
    share = F.avg_pool2d(weight, 2, ceil_mode=True)
    mean = F.avg_pool2d(planes * weight, 2, ceil_mode=True) / share.clamp(min=1e-6)
    around = _filled(mean, share > 0)
    return torch.where(known, planes, F.interpolate(around, size=planes.shape[-2:], mode="bilinear"))
