"""Apply a SwapperNet: ``w_o = w_s + strength * m * (w_r - w_s)``, ``m = S(w_s, w_r)``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .swap import check_codes, swap_channels

__all__ = ["swap_codes"]


def swap_codes(network: nn.Module, w_s: Tensor, w_r: Tensor, strength: float = 1.0) -> tuple[Tensor, Tensor]:
    """Swap with the mask that the network gives for each pair of codes.

    Args:
        network: a swapper of the codes' own family.
        w_s: source codes ``[N, L, 512]``.
        w_r: random identities, ``[N, L, 512]`` or one ``[1, L, 512]`` for all.
        strength: see :func:`styleid.latent.swap_channels`.

    Returns:
        The new codes and the mask, both ``[N, L, 512]``.

    Raises:
        InputError: codes of other shapes, NaN or infinite codes, a strength out of range.
    """
    check_codes(w_s, w_r)
    weight = next(network.parameters())
    w_s, w_r = (w.to(weight) for w in (w_s, w_r.expand_as(w_s)))
    with torch.inference_mode():
        mask = network(w_s, w_r)
    mask = mask.clone().float()  # leaves as a normal tensor, not an inference tensor
    return swap_channels(w_s.float(), w_r.float(), mask, strength), mask
