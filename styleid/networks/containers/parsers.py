"""Published face parsers and the attribute classifier of StyleID's release."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ..bisenet import BiSeNetConfig
from ..mobilenet40 import MobileNet40Config
from ..parsenet import ParseNetConfig
from ..unet_styleid import StyleIDUNetConfig
from .state import fill_public, torch_state

__all__ = ["read_bisenet", "read_celeba40", "read_parsenet", "read_styleid_unet"]

# Where each class of face-parsing.PyTorch stands in CelebAMask-HQ's own order.
_OFFICIAL = (0, 1, 6, 7, 4, 5, 3, 8, 9, 15, 2, 10, 11, 12, 17, 16, 18, 13, 14)


def read_bisenet(path: Path) -> nn.Module:
    """BiSeNet of facexlib and of face-parsing.PyTorch; the rows of its heads are put into CelebAMask-HQ's order."""
    state = torch_state(path)
    for head in ("conv_out", "conv_out16", "conv_out32"):
        name = f"{head}.conv_out.weight"
        if name in state and state[name].ndim == 4 and len(state[name]) == len(_OFFICIAL):
            rows = torch.empty_like(state[name])
            rows[list(_OFFICIAL)] = state[name]
            state[name] = rows
    return fill_public("bisenet", BiSeNetConfig(), state)


def read_parsenet(path: Path) -> nn.Module:
    """ParseNet of facexlib, which is in CelebAMask-HQ's order."""
    state = {name.replace(".norm.norm.", ".norm."): tensor for name, tensor in torch_state(path).items()}
    return fill_public("parsenet", ParseNetConfig(), state)


def read_styleid_unet(path: Path) -> nn.Module:
    """The U-Net of StyleID's release, which is in CelebAMask-HQ's order."""
    return fill_public("styleid-unet", StyleIDUNetConfig(), torch_state(path))


def read_celeba40(path: Path) -> nn.Module:
    """MobileNet of StyleID's release: 40 CelebA attributes, in a training checkpoint."""
    return fill_public("celeba40", MobileNet40Config(), torch_state(path, ("model_state_dict",)))
