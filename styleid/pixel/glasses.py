"""The source's glasses, drawn on the target: their outline as the parser saw it, in their colours."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.color import rgb2lab

from ..faces.regions import GLASSES, SKIN_CLASSES, without_gaps
from .paint import mean_colours, painted

__all__ = ["with_glasses"]

_ENOUGH = 0.01  # of the picture: smaller glasses are a mistake of the parser
_OWN = 0.5  # a target with glasses of at least this share of the source's has its own
# Shares of the picture's side: gaps in an outline, how wide a rim is at least and at most, and the widths over which the
# colours of rims, and of lenses and skin, are averaged.
_GAP, _THICK, _ALONG, _BROAD = 0.015, (0.004, 0.018), 0.01, 0.08
# A lens that differs this much from skin (CIELAB) is clear, and dark.
_CLEAR, _DARK = 14.0, 28.0


def with_glasses(target: np.ndarray, source: np.ndarray, own: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The target with the source's glasses, if only the source has any; pictures [S, S, 3], labels `own` of the target and
    `theirs` of the source [S, S].

    A rim is drawn along their outline, as wide as it is in the source; dark lenses are filled.
    """
    worn = theirs == GLASSES
    if worn.mean() < _ENOUGH or (own == GLASSES).mean() >= _OWN * worn.mean():
        return target
    side = len(worn)
    glasses = without_gaps(worn, _GAP)
    depth = ndimage.distance_transform_edt(glasses)
    skin = mean_colours(source, np.isin(theirs, SKIN_CLASSES), _BROAD * side)
    unlike = np.linalg.norm(rgb2lab(source) - rgb2lab(skin), axis=-1)
    thickness = _thickness(unlike, depth, side)
    rim, lens = glasses & (depth <= thickness), depth > thickness
    if lens.any():
        opacity = float(np.clip((np.median(unlike[lens]) - _CLEAR) / (_DARK - _CLEAR), 0, 1))
        target = painted(target, mean_colours(source, lens, _BROAD * side), glasses, opacity=opacity)
    return painted(target, mean_colours(source, rim, _ALONG * side), rim)


def _thickness(unlike: np.ndarray, depth: np.ndarray, side: int) -> float:
    """Pixels up to which the rim reaches into the glasses: where it is half as unlike skin as it is at most."""
    least, most = (share * side for share in _THICK)
    rings = ((depth > low) & (depth <= low + 1) for low in range(int(most) + 1))
    contrast = np.array([np.median(unlike[ring]) if ring.any() else 0.0 for ring in rings])
    peak = int(contrast.argmax())
    within = np.nonzero(contrast[peak:] < contrast[peak] / 2)[0]
    return float(np.clip(peak + within[0] if len(within) else most, least, most))
