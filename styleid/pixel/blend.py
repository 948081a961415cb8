"""Masked identity blend: another face's pixels in an area of the source, in the source's colours and light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy import ndimage

from ..errors import InputError
from ..light import Light
from .carry import carry_over
from .colour import check_sizes, match_colour
from .composite import COMPOSITES
from .detail import match_detail
from .parts import match_parts

__all__ = ["masked_blend"]


def masked_blend(
    source: torch.Tensor,
    target: torch.Tensor,
    area: torch.Tensor,
    *,
    face: torch.Tensor | None = None,
    feather: float = 0.03,
    match: str = "histogram",
    labels: tuple[torch.Tensor, torch.Tensor] | None = None,
    detail: bool = False,
    light: float = 0.0,
    composite: str = "feather",
) -> torch.Tensor:
    """Composites target over source in an area; both IMAGE [H, W, 3] or [N, H, W, 3] in 0..1 of one size.

    area: mask [H, W] or [N, H, W] in 0..1. face: mask of the same shape, where colours are compared (above 0.5; the
    area by default). feather: width of the ramp *inside* the area's edge as a share of the shorter side; where area is
    0 the output is the source, bit for bit. match: see `match_colour`; the tones of a dark
    source are compared in the light. labels: parts of target and source, integers
    [N, H, W]; then skin and hair are matched on their own, see `match_parts`, and glasses and an open mouth are carried
    over, see `carry_over`. detail: whether a soft target is sharpened, see `match_detail`. light: 0..1, how far the target
    takes on the source's low-frequency light inside the area (shadow sides, falloff). composite: "feather"; "pyramid"
    (each frequency band over its own width); "poisson" (the target's detail, continued from the source's colours at
    the area's edge; `feather` is not used). The result has the type and device of source, and no gradient.
    """
    if not 0 <= feather <= 0.5:
        raise InputError(
            f"The feather is a share of the image's shorter side between 0 and 0.5, found {feather}."
        )
    if composite not in COMPOSITES:
        raise InputError(f"There is no composite {composite!r}. Choose one of: {', '.join(COMPOSITES)}.")
    if not 0 <= light <= 1:
        raise InputError(f"The light match is a strength between 0 and 1, found {light}.")
    face = area if face is None else face
    _check(source, target, {"area": area, "face": face}, labels or ())
    place = {"device": source.device, "dtype": torch.promote_types(source.dtype, torch.float32)}
    sources, targets = ((x[None] if x.ndim == 3 else x).detach().to(**place) for x in (source, target))
    areas, faces = (x.detach().to(**place).expand(len(sources), *x.shape[-2:]) for x in (area, face))
    labels = labels and tuple(one.to(source.device) for one in labels)
    if match == "none":
        targets = _dressed(targets, sources, faces, labels, match, detail)
    else:  # what is to take on the tones of a dark face takes them on in the light
        shown = Light.of(sources)
        targets = shown.off(_dressed(targets, shown.on(sources), faces, labels, match, detail))
    blended = [
        _composite(s, t, a, feather, light, composite)
        for s, t, a in zip(sources, targets, areas, strict=True)
    ]
    out = torch.stack(blended) if blended else sources
    return (out[0] if source.ndim == 3 else out).to(source.dtype)


def _dressed(
    targets: torch.Tensor,
    sources: torch.Tensor,
    faces: torch.Tensor,
    labels: tuple[torch.Tensor, torch.Tensor] | None,
    match: str,
    detail: bool,
) -> torch.Tensor:
    """Targets in the sources' colours and sharpness, with their glasses and open mouths; [N, H, W, 3]."""
    if labels is None or match == "none":
        targets = match_colour(targets, sources, faces, match)
    else:
        targets = match_parts(targets, sources, faces, *labels, match)
    if detail:
        targets = match_detail(targets, sources, faces)
    return targets if labels is None else carry_over(targets, sources, *labels)


def _check(
    source: torch.Tensor,
    target: torch.Tensor,
    masks: Mapping[str, torch.Tensor],
    labels: Sequence[torch.Tensor],
) -> None:
    for name, values in {"source": source, "target": target, **masks}.items():
        if not isinstance(values, torch.Tensor) or not values.is_floating_point():
            raise InputError(f"The {name} must be a floating-point tensor in 0..1, found {_type(values)}.")
        if not bool(torch.isfinite(values).all()):
            raise InputError(f"The {name} holds NaN or infinite values.")
    check_sizes(target, source, masks)
    for values in labels:
        if not isinstance(values, torch.Tensor) or values.is_floating_point():
            raise InputError(f"Labels are integers [N, H, W], found {_type(values)}. Parse a face first.")


def _type(values: object) -> str:
    return str(values.dtype) if isinstance(values, torch.Tensor) else type(values).__name__


def _composite(
    source: torch.Tensor,
    target: torch.Tensor,
    area: torch.Tensor,
    feather: float,
    light: float,
    composite: str,
) -> torch.Tensor:
    """One image: source, target [H, W, 3], area [H, W] -> [H, W, 3]."""
    if light > 0:
        target = torch.lerp(target, _relit(target, source, area), light)
    alpha = area.clamp(0, 1) if composite == "poisson" else inner_feather(area, feather)
    images = (x.cpu().double().numpy() for x in (source, target, alpha))
    blended = torch.from_numpy(COMPOSITES[composite](*images).clip(0, 1)).to(source)
    return torch.where(alpha[..., None] > 0, blended, source)


def inner_feather(area: torch.Tensor, feather: float) -> torch.Tensor:
    """The area [H, W] with a smooth ramp inside its edge: 0 where it was 0, unchanged away from the edge.

    The image's own border is no edge.
    """
    area = area.clamp(0, 1)
    width = feather * min(area.shape)
    inside = (area > 0).cpu().numpy()
    if width <= 0 or inside.all() or not inside.any():
        return area
    ramp = np.clip(ndimage.distance_transform_edt(inside) / (width + 1), 0, 1)
    return area * torch.from_numpy(ramp * ramp * (3 - 2 * ramp)).to(area)


def _relit(target: torch.Tensor, source: torch.Tensor, area: torch.Tensor) -> torch.Tensor:
    """Target with its low frequencies inside the area replaced by the source's, multiplicatively."""
    inside = (area > 0).cpu().numpy().astype(np.float64)
    sigma = 0.09 * min(area.shape)
    weight = np.maximum(ndimage.gaussian_filter(inside, sigma), 1e-3)
    t, s = (image.cpu().double().numpy() for image in (target, source))
    low_t, low_s = (
        np.stack([ndimage.gaussian_filter(x[..., c] * inside, sigma) for c in range(3)], -1)
        / weight[..., None]
        for x in (t, s)
    )
    gain = np.clip((low_s + 0.02) / (low_t + 0.02), 0.4, 2.5)
    return torch.from_numpy(np.clip(t * gain, 0, 1)).to(target)
