"""The source's open mouth on the target: teeth and dark as they are there, between lips that are the target's."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..faces.regions import LIPS, MOUTH, SKIN_CLASSES, without_gaps
from .paint import mean_colours, painted

__all__ = ["with_open_mouth"]

INSIDE, (UPPER, LOWER) = MOUTH[0], LIPS
_ENOUGH = 0.002  # of the picture: what is smaller is hardly open, or hardly seen by the parser
# A target has its own open mouth if it is as large as this share of the source's, and differs from its lips in lightness by
# as much.
_OWN = 0.6
# Shares of the picture's side: gaps in an outline, how far colours are averaged, of teeth and of lips and skin, how far the
# skin that is laid over the target's own mouth reaches beyond it, and how soft the edges of lips are.
_GAP, _TEETH, _BROAD, _RIM, _SOFT = 0.015, 0.008, 0.03, 0.01, 0.006


def with_open_mouth(
    target: np.ndarray, source: np.ndarray, own: np.ndarray, theirs: np.ndarray
) -> np.ndarray:
    """The target with the source's mouth open, if its own is not; pictures [S, S, 3], labels `own` of the target and
    `theirs` of the source [S, S].
    """
    lips = [own == one for one in LIPS]
    if (theirs == INSIDE).mean() < _ENOUGH or not all(one.any() for one in lips):
        return target
    inside = without_gaps(theirs == INSIDE, _GAP)
    opened, wanted = (own == INSIDE).sum(), (theirs == INSIDE).sum()
    if opened >= _OWN * wanted and _contrast(target, own) >= _OWN * _contrast(source, theirs):
        return target
    side = len(inside)
    mouth = np.isin(own, MOUTH)
    beside = ndimage.binary_dilation(mouth, iterations=max(1, round(_RIM * side)))
    skin = mean_colours(target, np.isin(own, SKIN_CLASSES) & ~beside, _BROAD * side)
    image = painted(target, skin, beside, edge=_SOFT)
    for lip, place in zip(lips, _around(inside, [_height(one) for one in lips]), strict=True):
        image = painted(image, mean_colours(target, lip, _BROAD * side), place, edge=_SOFT)
    return painted(image, mean_colours(source, inside, _TEETH * side), inside)


def _contrast(picture: np.ndarray, labels: np.ndarray) -> float:
    """How much the inside of the mouth and the lips differ in lightness."""
    lightness = picture.mean(-1)
    return float(lightness[labels == INSIDE].std())


def _height(lip: np.ndarray) -> float:
    """Of a lip at its middle, in pixels, as that of an ellipse's half of its area and width."""
    return float(lip.sum() / lip.any(0).sum() / (np.pi / 4))


def _around(inside: np.ndarray, heights: list[float]) -> list[np.ndarray]:
    """Where an upper and a lower lip of these heights lie around the inside of a mouth, thinner towards its corners."""
    rows, columns = (np.arange(len(inside)),) * 2
    there = np.nonzero(inside.any(0))[0]
    top = np.interp(columns, there, inside[:, there].argmax(0))
    bottom = np.interp(columns, there, len(inside) - 1 - inside[::-1, there].argmax(0))
    reach = (there[-1] - there[0]) / 2 + max(heights) / 2
    taper = np.sqrt(np.clip(1 - ((columns - there[[0, -1]].mean()) / reach) ** 2, 0, 1))
    upper = (rows[:, None] >= top - heights[0] * taper) & (rows[:, None] <= (top + bottom) / 2)
    lower = (rows[:, None] <= bottom + heights[1] * taper) & (rows[:, None] > (top + bottom) / 2)
    return [part & (taper > 0) for part in (upper, lower)]
