"""Rank every channel of every layer from a handful of backward passes.

Swapping a set ``B`` of channels moves the embedding, to first order, by the sum over ``B`` of ``J_c (w_t - w_s)_c``,
``J`` the Jacobian at the source. Its length is what the exact ranking measures, but ``J`` has hundreds of rows. A random
direction ``v ~ N(0, I)`` needs one backward pass, and ``v . x`` is normal with standard deviation ``||x||``: the mean of
a few such squares estimates the squared length, for every set of channels at once. The distance itself has no gradient
at the source (it has a kink at 0); its square has this one as second derivative. The same passes serve every target.

First order overrates layers that saturate: each layer is scaled by its exact distance, measured by one swap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError, StyleIDError
from ..family import resized
from ..randomness import derive_generator
from ._memo import Memo
from ._population import BATCH, Population

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["DIRECTIONS", "attributed_distances", "generator_passes", "see"]

DIRECTIONS = 4  # at equal cost more pairs gain more than more directions


def generator_passes(identities: int, directions: int = DIRECTIONS) -> int:
    """Forward and backward passes through the generator that :func:`attributed_distances` needs, one face each."""
    return identities * (1 + 2 * directions)


def attributed_distances(
    population: Population,
    layer_distances: Tensor,
    sizes: Sequence[int],
    *,
    seed: int,
    memo: Memo,
    step: Callable[[], None],
    directions: int = DIRECTIONS,
) -> Mapping[int, Tensor]:
    """Mean identity and attribute distance that a swap of each block of channels makes, estimated.

    Args:
        population: N identities; every one is the source once and the target of all others.
        layer_distances: ``[L, 2]``, the exact distances of swapping each whole layer.
        sizes: channels per block, one result each.
        seed: of the random directions.
        memo: keeps what is done.
        step: called after each batch of sources.
        directions: random directions per identity and network; each costs one backward pass.

    Returns:
        By size ``[L, C / size, 2]``.
    """
    codes = population.w_s
    layers, channels = codes.shape[1:]
    total = torch.zeros(2, sum(layers * channels // size for size in (*sizes, channels)))
    for first in range(0, len(codes), BATCH):
        sources = range(first, min(first + BATCH, len(codes)))
        total += memo.get(
            f"attribution {first} {'-'.join(map(str, sizes))}",
            lambda s=sources: _lengths(population, s, (*sizes, channels), directions, seed),
        )
        step()
    # the mean over k squared normal numbers has a root that is too small by this factor
    bias = math.sqrt(2 / directions) * math.gamma((directions + 1) / 2) / math.gamma(directions / 2)
    mean = total.T / (bias * len(codes) * (len(codes) - 1))  # [candidates, 2]
    *parts, whole = mean.split([layers * channels // size for size in (*sizes, channels)])
    scale = layer_distances / whole.clamp_min(torch.finfo(whole.dtype).tiny)  # [L, 2]
    return {size: part.view(layers, -1, 2) * scale[:, None] for size, part in zip(sizes, parts, strict=True)}


def _lengths(
    population: Population, sources: range, sizes: Sequence[int], directions: int, seed: int
) -> Tensor:
    """Estimated distances ``[2, candidates]``, summed over these sources and all their targets."""
    codes = population.w_s
    gradients = _gradients(population, sources, directions, seed)  # [2, K, n, L, C]
    result = []
    for i, source in enumerate(sources):
        change = torch.cat([codes[:source], codes[source + 1 :]]) - codes[source]  # [N-1, L, C]
        moved = gradients[:, :, i, None] * change  # [2, K, N-1, L, C]
        lengths = [
            moved.unflatten(-1, (-1, size)).sum(-1).square().mean(1).sqrt().sum(1).flatten(1)
            for size in sizes
        ]
        result.append(torch.cat(lengths, dim=1))
    return torch.stack(result).sum(0)


def _gradients(population: Population, sources: range, directions: int, seed: int) -> Tensor:
    """Gradients ``[2, K, n, L, C]`` of embedding and attributes along K random directions for each source."""
    with torch.inference_mode(False), torch.enable_grad():
        codes = population.w_s[sources.start : sources.stop].clone().requires_grad_(True)
        outputs = see(population.family, codes)
        if not all(output.requires_grad for output in outputs):
            raise InputError(
                "Attribution needs gradients, which the engine of this family does not compute. Load it with the engine "
                "'torch', or use the exact estimator."
            )
        generators = [derive_generator(seed, b"directions", i) for i in sources]
        result = []
        for output in outputs:
            width = output.shape[1]
            noise = torch.stack([torch.randn(directions, width, generator=g) for g in generators], dim=1)
            along = [(output * v.to(output)).sum() for v in noise]
            result.append(torch.stack([torch.autograd.grad(x, codes, retain_graph=True)[0] for x in along]))
    gradients = torch.stack(result)
    if not bool(torch.isfinite(gradients).all()):
        raise StyleIDError("The gradients hold NaN or infinite values. Load the family in float32.")
    return gradients


def see(family: Family, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings and attribute confidences of decoded codes, with gradients."""
    weight = next(family.generator.parameters())
    images = family.generator.synthesis(codes.to(device=weight.device, dtype=weight.dtype))
    pictures = ((images.float() + 1) / 2).clamp(0, 1)  # [n, 3, S, S]
    recogniser, attributes = family.recogniser, family.attributes
    faces = resized(pictures, attributes.input_size) * 2 - 1
    embeddings = recogniser.network(recogniser.view(pictures).to(weight.dtype))  # [n, D]
    return embeddings.float(), attributes(faces.to(weight.dtype)).float()
