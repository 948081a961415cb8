"""One face: what the networks see in the source, and the candidates that could replace it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError, StyleIDError
from ..faces import AlignedFaces, Face, align_faces, region_mask
from ..latent import project, random_targets, swap_channels, swap_codes, swap_layers
from ..light import Light
from ..pixel import carry_over, match_colour, match_detail, match_parts, random_target_from_mask
from ..privacy.levels import Attempt
from ..privacy.reach import Probe
from ..randomness import derive_generator

if TYPE_CHECKING:
    from ..family import Family, Recogniser

__all__ = [
    "Candidate",
    "SourceFace",
    "View",
    "adapted",
    "crop_size",
    "decode_attempt",
    "identity_layers",
    "look_at",
    "prepare_face",
]

FEATHER = 0.03  # ramp around the area, as a share of the crop's side
_SMALLEST_CROP = 256  # below this the recognisers see less than they could


@dataclass(frozen=True, eq=False, repr=False)
class View:
    """How one recogniser sees a face: embeddings [1, D] of the source and of its reconstruction."""

    source: Tensor
    reconstruction: Tensor


@dataclass(frozen=True, eq=False, repr=False)
class SourceFace:
    """A face of the source, aligned and in the light, and what the networks make of it."""

    crop: Tensor  # [1, S, S, 3]
    labels: Tensor  # [1, S, S]
    w_plus: Tensor  # [1, L, 512]
    reconstruction: Tensor  # [1, G, G, 3]
    attributes: Tensor  # [1, A], A is 0 without an attribute net
    views: Mapping[str, View]  # by recogniser: those that search, and the judge
    light: Light  # in which the crop is shown
    _masks: dict[str, Tensor] = field(default_factory=dict)

    def mask(self, area: str) -> Tensor:
        """The feathered mask [1, S, S] of an area; computed once."""
        if area not in self._masks:
            self._masks[area] = region_mask(self.labels, area, feather=FEATHER)
        return self._masks[area]


@dataclass(frozen=True, eq=False, repr=False)
class Candidate:
    """A new face for one source face, not yet pasted."""

    probe: Probe
    crop: Tensor  # [1, S, S, 3], colours and sharpness matched, as bright as the photograph
    mask: Tensor  # [1, S, S]
    decoded: Tensor  # [1, G, G, 3] as it left the generator
    composite: Tensor  # [1, S, S, 3] what the crop will look like in place, in the light


def crop_size(family: Family) -> int:
    """Side in pixels of the crops that are cut and pasted back."""
    return max(_SMALLEST_CROP, family.generator.size)


def identity_layers(family: Family, widen: int = 0) -> tuple[int, ...]:
    """The family's identity layers, two finer ones for each step of `widen`, and from the third step on a coarser one.

    Finer layers carry colours, which are matched with the source afterwards; coarser ones carry pose.
    """
    count = family.generator.num_layers
    first, last = min(family.identity_layers), max(family.identity_layers)
    coarser, finer = max(0, widen - 2), 2 * widen
    return tuple(range(max(0, first - coarser), min(count, last + finer + 1)))


def prepare_face(
    pixels: Tensor,
    face: Face,
    family: Family,
    recognisers: Sequence[Recogniser] = (),
    refine: int | None = None,
) -> tuple[AlignedFaces, SourceFace]:
    """Cut one face from a photograph [H, W, 3] and measure it. Raises StyleIDError where a network fails on it."""
    aligned = align_faces(pixels[None], [[face]], crop_size(family))
    return aligned, look_at(aligned.crops, family, recognisers, refine)


def look_at(
    crop: Tensor, family: Family, recognisers: Sequence[Recogniser] = (), refine: int | None = None
) -> SourceFace:
    """Measure an aligned crop [1, S, S, 3], in the light if it is dark, by default with the family's two recognisers.

    `refine` is how many steps its code is refined, by default as many as the family says.
    """
    light = Light.of(crop)
    crop = light.on(crop)
    labels = torch.zeros(crop.shape[:3], dtype=torch.int64) if family.parser is None else family.parse(crop)
    w_plus = project(family, crop, refine)
    reconstruction = family.decode(w_plus)
    return SourceFace(
        crop=crop,
        labels=labels,
        w_plus=w_plus,
        reconstruction=reconstruction,
        attributes=crop.new_zeros(1, 0) if family.attributes is None else family.attribute_confidences(crop),
        views={
            one.name: View(one.embed(crop), one.embed(reconstruction))
            for one in recognisers or (family.recogniser, family.judge)
        },
        light=light,
    )


def decode_attempt(source: SourceFace, attempt: Attempt, family: Family, seed: int, target: int) -> Tensor:
    """The face [1, G, G, 3] that `attempt` makes of `source` with its `target`-th random identity."""
    return METHODS[attempt.method](source, attempt, family, derive_generator(seed, target))


def adapted(
    source: SourceFace, decoded: Tensor, grey: bool, parse: Callable[[Tensor], Tensor] | None
) -> Tensor:
    """A decoded face in the source's size, colours and sharpness, [1, S, S, 3]. Raises StyleIDError where that gives NaN.

    `parse` tells the new face's hair from its skin, [1, S, S, 3] -> labels; None matches the face as a whole, and carries
    no glasses and no open mouth over.
    """
    crop, face = source.crop, source.mask("face")
    new = _resized(decoded, crop.shape[1])
    labels = None if parse is None else parse(new)
    if labels is None:
        new = match_colour(new, crop, face, "tone")
    else:
        new = match_parts(new, crop, face, labels, source.labels)
    new = match_detail(new, crop, face)
    if labels is not None:
        new = carry_over(new, crop, labels, source.labels)
    if grey:
        new = new.mean(-1, keepdim=True).expand_as(new).contiguous()
    if not bool(torch.isfinite(new).all()):
        raise StyleIDError("The colour match holds NaN or infinite values.")
    return new


def _by_layers(source: SourceFace, attempt: Attempt, family: Family, rng: torch.Generator) -> Tensor:
    target = random_targets(family, [rng])
    layers = identity_layers(family, attempt.widen)
    return family.decode(swap_layers(source.w_plus, target, layers, attempt.strength))


def _by_channels(source: SourceFace, attempt: Attempt, family: Family, rng: torch.Generator) -> Tensor:
    if family.ranking is None:
        raise InputError(
            f"Swapping channels needs a channel ranking, which the family {family.name!r} does not have."
        )
    target = random_targets(family, [rng])
    mask = family.ranking.channel_mask(round(attempt.share * family.ranking.num_channels))
    return family.decode(swap_channels(source.w_plus, target, mask, attempt.strength))


def _by_mask(source: SourceFace, attempt: Attempt, family: Family, rng: torch.Generator) -> Tensor:
    return random_target_from_mask(family, source.labels, rng, identity_layers(family, attempt.widen))


def _by_swapper(source: SourceFace, attempt: Attempt, family: Family, rng: torch.Generator) -> Tensor:
    if family.swapper is None:
        raise InputError(f"The family {family.name!r} has no SwapperNet.")
    target = random_targets(family, [rng])
    return family.decode(swap_codes(family.swapper, source.w_plus, target, attempt.strength)[0])


Method = Callable[["SourceFace", Attempt, "Family", torch.Generator], Tensor]
METHODS: Mapping[str, Method] = MappingProxyType(
    {"layers": _by_layers, "channels": _by_channels, "mask": _by_mask, "swapper": _by_swapper}
)


def _resized(crops: Tensor, size: int) -> Tensor:
    if crops.shape[1] == size:
        return crops
    planes = crops.movedim(-1, 1)
    planes = F.interpolate(planes, size=(size, size), mode="bicubic", align_corners=False, antialias=True)
    return planes.clamp(0, 1).movedim(1, -1).contiguous()
