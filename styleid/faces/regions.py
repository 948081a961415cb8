"""Which part of a crop is replaced: areas built from the 19 CelebAMask-HQ classes, without holes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from scipy import ndimage
from skimage.draw import ellipse, polygon
from skimage.morphology import convex_hull_image

from ..errors import InputError

__all__ = ["AREAS", "FACE_CLASSES", "SKIN_CLASSES", "beside_the_face", "region_mask", "surroundings"]

BACKGROUND, SKIN, NOSE, GLASSES, EYES, BROWS = 0, 1, 2, 3, (4, 5), (6, 7)
LIPS = (11, 12)
EARS, MOUTH, HAIR, HAT, EARRING, NECK, CLOTH = (8, 9), (10, *LIPS), 13, 14, 15, (16, 17), 18
SKIN_CLASSES = (SKIN, NOSE)
FACE_CLASSES = (SKIN, NOSE, GLASSES, *EYES, *BROWS, *MOUTH)

# Mean places of the parts in an FFHQ crop (shares of its side, x and y), used when the parser misses one.
_EYES_AT = ((0.28, 0.40), (0.72, 0.40), (0.72, 0.535), (0.28, 0.535))
_NOSE_AT = ((0.46, 0.46), (0.54, 0.46), (0.595, 0.645), (0.405, 0.645))
_MOUTH_AT = ((0.365, 0.68), (0.635, 0.68), (0.61, 0.80), (0.39, 0.80))
_FACE_AT = (0.50, 0.575, 0.225, 0.30)  # centre x, centre y, radius x, radius y
# Every area grows by this share of the side: a composite's inward feather must not bare the face's rim.
_GROWTH = 0.03
# How much of the surroundings an area takes in along the head's edge.
_RIM = 0.012
# What is narrower than twice this share beside the head is what mistakes of the parser leave of the surroundings.
_SPUR = 0.045
# Skin of less than this share of the usual face does not tell where the face ends.
_LITTLE = 0.5
# A part smaller than this share of its canonical place counts as missed by the parser.
_MISSED = 0.15


def region_mask(labels: torch.Tensor, area: str, feather: float = 0.0) -> torch.Tensor:
    """Masks float32 [N, S, S] in 0..1 of an area of FFHQ crops with label maps [N, S, S] (order A).

    area: a name of AREAS. feather: width of the ramp outside the area, as a share of the side; the area itself stays
    1. An area never has holes; where the parser lost a part, its usual place in an FFHQ crop stands in, because
    what the mask leaves out keeps the original face's pixels.
    """
    if area not in AREAS:
        raise InputError(f"There is no area {area!r}. Choose one of: {', '.join(AREAS)}.")
    if labels.ndim != 3 or labels.shape[1] != labels.shape[2] or labels.shape[1] < 8:
        raise InputError(f"Label maps must be square, [N, S, S] with S >= 8, found {list(labels.shape)}.")
    if not 0 <= feather <= 0.5:
        raise InputError(f"The feather is a share of the crop's side between 0 and 0.5, found {feather}.")
    maps = labels.detach().cpu().numpy()
    masks = [_feathered(_on_the_head(AREAS[area](one), one, area), feather, area) for one in maps]
    stacked = np.stack(masks) if masks else np.zeros(maps.shape)
    return torch.from_numpy(stacked.astype(np.float32)).to(labels.device)


def _eyes(labels: np.ndarray) -> np.ndarray:
    """Both eyes with brows and glasses, and the bridge between them: the hull of all."""
    eyes = np.isin(labels, EYES)
    both = all(_found(labels == one, 0.012) for one in EYES)
    part = np.isin(labels, (*EYES, *BROWS, GLASSES)) if both else eyes | _polygon(len(labels), _EYES_AT)
    part &= _near(len(labels), _EYES_AT, 0.09)
    return _grow(_hull(part), _GROWTH)


def _eyes_nose(labels: np.ndarray) -> np.ndarray:
    nose = labels == NOSE
    place = _polygon(len(labels), _NOSE_AT)
    nose = _largest(nose) if nose.sum() > _MISSED * place.sum() else nose | place
    return without_gaps(_eyes(labels) | _grow(_hull(nose), _GROWTH), 0.04)


def _eyes_nose_mouth(labels: np.ndarray) -> np.ndarray:
    mouth = np.isin(labels, MOUTH) & _near(len(labels), _MOUTH_AT, 0.12)
    place = _polygon(len(labels), _MOUTH_AT)
    mouth = mouth if mouth.sum() > _MISSED * place.sum() else mouth | place
    return without_gaps(_eyes_nose(labels) | _grow(_hull(mouth), _GROWTH), 0.08)


def _face(labels: np.ndarray) -> np.ndarray:
    """Skin and everything on it: no ears, neck or hair beside it, but the fringe."""
    # Specks and thin bridges are mistakes on hair and hat, and would pull the hull over them.
    skin = _largest(_open(np.isin(labels, FACE_CLASSES), 0.03)) | _core(len(labels))
    inner = _eyes_nose_mouth(labels)
    closed = without_gaps(skin, 0.10) | inner
    # Hair falling over the cheek leaves a bay; the hull fills it as far as the face goes around it.
    whole = _grow(_hull(closed) & _grow(closed, 0.06), _GROWTH)
    kept = _open(np.isin(labels, (*EARS, EARRING, HAT)), 0.012) & ~_core(len(labels))
    return _open(whole & ~_hair_beside(labels) & ~kept, 0.02) | inner


def _hair_beside(labels: np.ndarray) -> np.ndarray:
    """Hair and hats beside the inner face, from the brows down, in one piece with those around it. A fringe
    tells who somebody is, and goes with the forehead."""
    eyes = np.isin(labels, (*EYES, *BROWS)) & _near(len(labels), _EYES_AT, 0.09)
    line = np.nonzero(eyes.any(1))[0].min() if eyes.any() else round(_EYES_AT[0][1] * len(labels))
    beside = _outermost(_open(np.isin(labels, (HAIR, HAT)), 0.02)) & ~_core(len(labels))
    beside[:line] = False
    return beside & ~_grow(np.isin(labels, FACE_CLASSES), _RIM)


def _on_the_head(mask: np.ndarray, labels: np.ndarray, area: str) -> np.ndarray:
    """The mask without what lies behind the head, but for a rim: a turned head does not fill its usual place."""
    behind = surroundings(labels)
    if area == "everything" or not behind.any():
        return mask
    head = _largest(_open(np.isin(labels, (*FACE_CLASSES, *EARS, HAIR, HAT, EARRING)), 0.03))
    return _largest(_open(mask & ~(behind & ~_grow(head, _RIM)), _SPUR))


def beside_the_face(labels: np.ndarray) -> np.ndarray:
    """Hair and hat in one piece, ears and neck [S, S]: what of a head or body a face borders on."""
    hair = _outermost(_open(np.isin(labels, (HAIR, HAT)), 0.02))
    return hair | np.isin(labels, (*EARS, EARRING, *NECK))


def surroundings(labels: np.ndarray) -> np.ndarray:
    """Background and clothes [S, S] that reach the crop's border: what a mistaken parser cuts out of a face does not.

    Where the parser found little skin, none is taken for certain.
    """
    if _largest(np.isin(labels, FACE_CLASSES)).sum() < _LITTLE * _core(len(labels)).sum():
        return np.zeros_like(labels, dtype=bool)
    behind = _open(np.isin(labels, (BACKGROUND, CLOTH)), 0.02)
    pieces, _ = ndimage.label(behind)
    at_border = np.unique(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    return np.isin(pieces, at_border[at_border > 0])


def _face_hair(labels: np.ndarray) -> np.ndarray:
    head = np.isin(labels, (*FACE_CLASSES, *EARS, HAIR, HAT, EARRING)) | _core(len(labels))
    return _grow(without_gaps(_largest(head), 0.04), _GROWTH) | _face(labels)


def _everything(labels: np.ndarray) -> np.ndarray:
    return np.ones_like(labels, dtype=bool)


def _face_without_eyes(labels: np.ndarray) -> np.ndarray:
    """The face with the source's own eyes kept, as far as the parser saw them."""
    eyes = np.isin(labels, EYES) & _near(len(labels), _EYES_AT, 0.05)
    return _face(labels) & ~_grow(eyes, 0.012)


AREAS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {
        "eyes": _eyes,
        "eyes+nose": _eyes_nose,
        "eyes+nose+mouth": _eyes_nose_mouth,
        "face": _face,
        "face+hair": _face_hair,
        "everything": _everything,
        "face-eyes": _face_without_eyes,
    }
)


def _feathered(mask: np.ndarray, feather: float, area: str) -> np.ndarray:
    """The ramp outside a bool mask [S, S]; around the whole crop it runs inward from the border instead."""
    if area == "everything":
        width = max(feather, 0.03) * len(mask)
        inside = np.pad(mask, 1)
        return np.clip((ndimage.distance_transform_edt(inside)[1:-1, 1:-1] - 1) / width, 0, 1)
    if feather == 0:
        return mask
    return np.clip(1 - ndimage.distance_transform_edt(~mask) / (feather * len(mask)), 0, 1)


def _found(part: np.ndarray, width: float) -> bool:
    """Whether a part covers at least a square of the given share of the side, twice as wide as high."""
    return part.sum() >= 2 * (width * len(part)) ** 2


def _grow(mask: np.ndarray, share: float) -> np.ndarray:
    """Dilation by a disk whose radius is a share of the side."""
    return ndimage.distance_transform_edt(~mask) <= share * len(mask) if mask.any() else mask


def _open(mask: np.ndarray, share: float) -> np.ndarray:
    """Opening by a disk; the border does not erode it."""
    inner = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1] > share * len(mask)
    return _grow(inner, share) & mask


def without_gaps(mask: np.ndarray, share: float) -> np.ndarray:
    """Closing by a disk, then filling of holes; the border does not erode it."""
    radius = int(np.ceil(share * len(mask)))
    grown = _grow(np.pad(mask, radius), share * len(mask) / (len(mask) + 2 * radius))
    closed = ndimage.distance_transform_edt(np.pad(grown, 1, constant_values=True))[1:-1, 1:-1] > share * len(
        mask
    )
    inner = closed[radius:-radius, radius:-radius] if radius else closed
    return ndimage.binary_fill_holes(inner | mask)


def _hull(mask: np.ndarray) -> np.ndarray:
    return convex_hull_image(mask) if mask.sum() > 2 else mask


def _outermost(mask: np.ndarray) -> np.ndarray:
    """The connected component with the most pixels off the canonical face; none where all lie on it."""
    components, count = ndimage.label(mask)
    outside = np.bincount(components[~_core(len(mask))], minlength=count + 1)
    outside[0] = 0
    return (components == outside.argmax()) & bool(outside.any())


def _largest(mask: np.ndarray) -> np.ndarray:
    """The connected component that covers most of the canonical face, or the largest at all."""
    components, count = ndimage.label(mask)
    if count < 2:
        return mask
    inside = np.bincount(components[_core(len(mask))], minlength=count + 1)
    overall = np.bincount(components.ravel(), minlength=count + 1)
    weight = inside * len(mask) ** 2 + overall
    weight[0] = 0
    return components == weight.argmax()


def _polygon(size: int, corners: tuple[tuple[float, float], ...]) -> np.ndarray:
    x, y = np.array(corners).T * size - 0.5
    mask = np.zeros((size, size), dtype=bool)
    mask[polygon(y, x, mask.shape)] = True
    return mask


def _near(size: int, corners: tuple[tuple[float, float], ...], share: float) -> np.ndarray:
    """Where a part may lie at all: stray labels elsewhere in the crop are another person's, or mistakes."""
    return _grow(_polygon(size, corners), share)


def _core(size: int) -> np.ndarray:
    """The inner face of any FFHQ crop."""
    x, y, radius_x, radius_y = (value * size for value in _FACE_AT)
    mask = np.zeros((size, size), dtype=bool)
    mask[ellipse(y - 0.5, x - 0.5, radius_y, radius_x, shape=mask.shape)] = True
    return mask
