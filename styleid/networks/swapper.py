"""SwapperNet (StyleID, section 4.3): which channels of W+ to take from another identity.

Module names are those of the public release's joint mapper, so its state dict loads without its prefix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import InputError
from .stylegan2 import EqualLinear

__all__ = ["Swapper", "SwapperConfig", "swapper_config"]


@dataclass(frozen=True, kw_only=True)
class SwapperConfig:
    """Layers per group, in the order coarse, identity, medium, fine; the release's are the defaults.

    ``norm`` says over what inputs are normalised: ``layers`` of the group as in the release, or ``channels``, which
    also works for groups of a single layer.
    """

    coarse: int = 5
    identity: int = 3
    medium: int = 4
    fine: int = 6
    hidden: int = 512
    depth: int = 2
    norm: str = "layers"
    latent_dim: int = 512

    @property
    def layers(self) -> int:
        return self.coarse + self.identity + self.medium + self.fine


def swapper_config(layers: int, identity: Iterable[int], *, hidden: int = 128) -> SwapperConfig:
    """The configuration for codes of ``layers`` layers: the span of the ``identity`` layers is always swapped.

    Every other group keeps at least one layer, so a span that touches an end of the code is moved inwards.
    """
    chosen = sorted(identity)
    if layers < 4 or not chosen or not 0 <= chosen[0] <= chosen[-1] < layers:
        raise InputError(
            f"A swapper needs codes of 4 layers or more, and identity layers among them, found {layers} and {chosen}."
        )
    first = min(max(chosen[0], 1), layers - 3)
    last = min(max(chosen[-1], first), layers - 3)
    rest = layers - 1 - last  # behind the identity layers
    medium = max(1, round(rest * 0.4))  # the release: 4 of 10
    return SwapperConfig(
        coarse=first,
        identity=last - first + 1,
        medium=medium,
        fine=rest - medium,
        hidden=hidden,
        norm="channels",
    )


class _Norm(nn.Module):
    """Divides by the root mean square over one dimension."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=self.dim, keepdim=True) + 1e-8)


class _GroupMapper(nn.Module):
    """``[N, G, 2C]`` source and target codes of a group -> its mask ``[N, G, C]`` in 0..1."""

    def __init__(self, config: SwapperConfig) -> None:
        super().__init__()
        if config.norm not in ("layers", "channels"):
            raise ValueError(f"norm is 'layers' or 'channels', not {config.norm!r}")
        width = config.latent_dim
        sizes = [2 * width, *[config.hidden] * (config.depth - 1), width]
        self.mapping = nn.Sequential(
            _Norm(1 if config.norm == "layers" else -1),
            *(EqualLinear(a, b, lr_mul=0.01, activate=True) for a, b in zip(sizes, sizes[1:], strict=False)),
        )

    def forward(self, pair: Tensor) -> Tensor:
        return torch.sigmoid(self.mapping(pair))


# Of a mask's last layer before training: with the leaky ReLU after it, gates begin at about 0.12.
_CLOSED = -7.0


class Swapper(nn.Module):
    """``S(w_s, w_r)``: source and random codes ``[N,L,512]`` -> mask ``[N,L,512]``, 1 in the identity layers.

    The new code is ``mask * w_r + (1 - mask) * w_s``.
    """

    def __init__(self, config: SwapperConfig) -> None:
        super().__init__()
        self.config = config
        self.num_layers = config.layers
        self.course_mapping = _GroupMapper(config)  # spelt as in the release
        self.medium_mapping = _GroupMapper(config)
        self.fine_mapping = _GroupMapper(config)

    @torch.no_grad()
    def close(self) -> None:
        """Begin near the plain swap of the identity layers, so that training opens only what it needs."""
        for group in (self.course_mapping, self.medium_mapping, self.fine_mapping):
            last = group.mapping[-1]
            last.bias.fill_(_CLOSED / last.lr_mul)

    def forward(self, w_s: Tensor, w_r: Tensor) -> Tensor:
        config = self.config
        expected = (config.layers, config.latent_dim)
        if w_s.ndim != 3 or w_s.shape != w_r.shape or tuple(w_s.shape[1:]) != expected:
            raise InputError(
                f"This swapper takes two codes [N, {expected[0]}, {expected[1]}], found {list(w_s.shape)} and "
                f"{list(w_r.shape)}. Use the swapper of the same family."
            )
        pair = torch.cat([w_s, w_r], dim=2)  # [N, L, 2C]
        sizes = (config.coarse, config.identity, config.medium, config.fine)
        coarse, identity, medium, fine = pair.split(sizes, dim=1)
        fixed = torch.ones_like(identity[..., : config.latent_dim])
        return torch.cat(
            [self.course_mapping(coarse), fixed, self.medium_mapping(medium), self.fine_mapping(fine)], dim=1
        )
