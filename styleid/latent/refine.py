"""Refine W+ codes: a few dozen steps of gradient descent from what the encoder found (as in Abdal et al. 2019)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError, StyleIDError
from ..faces.camera import affine_camera
from ..family import resized, seen
from ..networks.half import half

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["feature_distance", "project", "refine_codes", "refinement"]

_SIDE = 256  # pictures are compared at this size at most
_POOLS = (1, 2, 4, 8)
_RATE, _NEAR = 0.3, 0.01
# Share of the steps in which the layers that do not carry identity move, before those that do.
_OTHERS = 2 / 3
_COLOUR = 2.0  # weight of hue and saturation, without brightness
_SHAPES = 6.0  # weight of what the parser sees
_TURN = 2.0  # weight of how the head is turned
# How much a place counts by its class: eyes, glasses, mouth and lips are small and make the face, the background is large
# and is not pasted.
_COUNTS = torch.tensor([0.35, 1.5, 5, 8, 8, 8, 5, 5, 1, 1, 8, 8, 8, 1.25, 1, 1, 0.5, 1, 0.35])
_BLUR = 9  # pixels over which weights change at the edge of a part


def refinement(family: Family, steps: int | None) -> int:
    """How many steps to refine codes by: `steps`, or by default what the family says, where it can.

    Raises InputError where `steps` is no number of steps, or the family's generator computes no gradients.
    """
    if steps is None:
        return family.refine if getattr(family.generator, "differentiable", True) else 0
    if isinstance(steps, bool) or not isinstance(steps, int) or not 0 <= steps <= 1000:
        raise InputError(f"Steps of refinement are a whole number in 0..1000, found {steps!r}.")
    if steps and not getattr(family.generator, "differentiable", True):
        raise InputError("Refinement needs gradients, which this engine has none of. Use the engine 'torch'.")
    return steps


def project(family: Family, crops: Tensor, steps: int | None = None) -> Tensor:
    """W+ codes `[N,L,512]` of aligned crops `[N,S,S,3]`: encoded, then refined by `steps`, by default as the family says."""
    codes = family.encode(crops)
    steps = refinement(family, steps)
    return refine_codes(family, crops, codes, steps=steps) if steps else codes


@torch.inference_mode(False)
@torch.enable_grad()
def refine_codes(
    family: Family,
    crops: Tensor,
    w_plus: Tensor,
    *,
    steps: int = 30,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Codes `[N,L,512]` near `w_plus` whose pictures are nearer to the aligned crops `[N,S,S,3]` in 0..1.

    Adam on the absolute difference of pictures averaged over 1, 2, 4 and 8 pixels, at 256 pixels at most, on that of hue
    and saturation, on that of the parser's features, which see shapes, and on how the head is turned by its landmarks,
    with a weight on staying near the encoder's code; the best code on the way is kept. Layers that do not carry identity
    move first, and by two thirds of the steps: what they can hold of a face, a smile for one, stays when identity is
    swapped. Those that do carry it then take up the rest. Eyes, glasses and mouth count most
    and the background least, as far as the family has a parser that knows them. No recogniser takes part, so they can
    still judge the result. One face at a time; each step is a forward and a backward pass of the generator.
    `progress(done, total)` counts steps.

    Raises InputError for anything but as many codes as crops, StyleIDError where the result is not finite.
    """
    refinement(family, steps)
    pictures = seen(crops)
    if w_plus.ndim != 3 or len(w_plus) != len(pictures):
        raise InputError(
            f"Refinement needs one code per face, found {len(w_plus)} for {len(pictures)} faces."
        )
    refined = []
    for number, (picture, code) in enumerate(zip(pictures.split(1), w_plus.split(1), strict=True)):

        def tick(step: int, before: int = number * steps) -> None:
            if progress is not None:
                progress(before + step, steps * len(pictures))

        refined.append(_refine(family, picture, code, steps, tick))
    return torch.cat(refined)


def _refine(family: Family, picture: Tensor, code: Tensor, steps: int, tick: Callable[[int], None]) -> Tensor:
    weight = next(family.generator.parameters())
    side = min(family.generator.size, _SIDE)
    wanted = resized(picture.clone(), side).to(weight.device) * 2 - 1
    with torch.no_grad():
        shapes, camera = _shapes(family, wanted), affine_camera(family.landmarks, wanted)
        counts = _counts(family, picture, wanted)
    fast = half(weight.device) if weight.dtype == torch.float32 else contextlib.nullcontext()

    def unlike(codes: Tensor) -> Tensor:
        with fast:
            made = family.generator.synthesis(codes.to(weight.dtype))
        made = resized(made.float(), side)
        error = made - wanted
        loss = sum(_pooled(error, counts, pool) for pool in _POOLS)
        loss = loss + _COLOUR * _pooled(error - error.mean(1, keepdim=True), counts, 4)
        if shapes:
            loss = loss + _SHAPES * feature_distance(_shapes(family, made), shapes, counts)
        return loss + _TURN * (affine_camera(family.landmarks, made) - camera).abs().mean()

    identity = torch.zeros(code.shape[1], 1, dtype=torch.bool, device=weight.device)
    identity[list(family.identity_layers)] = True
    others = round(_OTHERS * steps)
    found = code.clone().to(weight.device, torch.float32)
    found = _descend(unlike, found, ~identity, others, tick)
    found = _descend(unlike, found, identity, steps - others, lambda step: tick(others + step))
    return found.to(code)


def _descend(
    unlike: Callable[[Tensor], Tensor], start: Tensor, layers: Tensor, steps: int, tick: Callable[[int], None]
) -> Tensor:
    """The code `[1,L,C]` of least loss on the way from `start`, moved in `layers` `[L,1]` alone."""
    move = torch.zeros_like(start, requires_grad=True)
    optimiser = torch.optim.Adam([move], lr=_RATE, betas=(0.9, 0.99))
    best, least = start, torch.inf
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = _RATE * min(1.0, (steps - step) / (0.3 * steps))
        moved = move * layers
        loss = unlike(start + moved)
        if (now := float(loss.detach())) < least:
            best, least = (start + moved).detach(), now
        optimiser.zero_grad(set_to_none=True)
        (loss + _NEAR * moved.square().mean()).backward()
        optimiser.step()
        tick(step + 1)
    if steps and least == torch.inf:
        raise StyleIDError("Refining the code gave NaN or infinite values. Load the family in float32.")
    return best


def _counts(family: Family, picture: Tensor, wanted: Tensor) -> Tensor:
    """How much each place of the wanted picture `[1,3,S,S]` counts, `[1,1,S,S]` of mean 1."""
    if family.parser is None:
        return torch.ones_like(wanted[:, :1])
    labels = family.parse(picture.movedim(1, -1), wanted.shape[-1])
    counts = _COUNTS.to(wanted)[labels.to(wanted.device)][:, None]
    counts = F.avg_pool2d(counts, _BLUR, 1, _BLUR // 2, count_include_pad=False)
    return counts / counts.mean()


def _pooled(error: Tensor, counts: Tensor, pool: int) -> Tensor:
    """Mean size of the error `[N,3,S,S]` averaged over squares of `pool` pixels."""
    return (F.avg_pool2d(error, pool).abs() * F.avg_pool2d(counts, pool)).mean()


def feature_distance(a: Sequence[Tensor], b: Sequence[Tensor], weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference of feature maps `[N,C,S,S]` of unit length in each place, over the maps.

    `weight` `[N,1,S,S]`, of any size that those of the maps divide, says how much each place counts.
    """
    apart = [(_unit(x) - _unit(y)).abs().float().mean(1, keepdim=True) for x, y in zip(a, b, strict=True)]
    if weight is not None:
        apart = [one * F.adaptive_avg_pool2d(weight, one.shape[-2:]) for one in apart]
    return torch.stack([one.mean() for one in apart]).mean()


def _shapes(family: Family, pictures: Tensor) -> list[Tensor]:
    """The parser's features of pictures `[1,3,S,S]` in [-1, 1]; none without a parser that shows them."""
    if not hasattr(family.parser, "features"):
        return []
    weight = next(family.parser.parameters())
    seen = resized((pictures + 1) / 2, family.parser.feature_size)
    return family.parser.features(seen.to(weight.dtype))


def _unit(feature: Tensor) -> Tensor:
    return feature * torch.rsqrt(feature.float().square().mean(1, keepdim=True) + 1e-4).to(feature.dtype)
