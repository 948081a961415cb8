"""ReStyle (Alaluf et al. 2021): a code that is refined by looking at the picture and its reconstruction together."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["STEPS", "encode", "restyle"]

STEPS = 5  # as published


def restyle(encoder: nn.Module, generator: nn.Module, x: Tensor, steps: int = STEPS) -> Tensor:
    """Codes `[N,L,512]` of pictures `[N,3,S,S]` in [-1, 1], S the encoder's input size.

    The first step sees the picture beside that of the mean latent code, each later one beside its reconstruction.
    """
    latent = None
    code = encoder.latent_avg.expand(len(x), -1, -1)  # [N, L, 512]
    for _ in range(steps):
        picture = generator.synthesis(code.to(x.dtype))
        seen = torch.cat([x, F.adaptive_avg_pool2d(picture, x.shape[-2:]).to(x.dtype)], dim=1)
        code = latent = encoder(seen, latent)
    return code


def encode(encoder: nn.Module, generator: nn.Module, x: Tensor) -> Tensor:
    """Codes `[N,L,512]` of pictures `[N,3,S,S]` in [-1, 1], S the encoder's input size: in one pass, or by
    :func:`restyle` where the encoder looks at a picture beside its reconstruction."""
    return restyle(encoder, generator, x) if encoder.config.input_nc == 6 else encoder(x)
