"""How the detectors are shown a photograph: as it is, and as they would miss no faint face and no face beyond its frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from . import _warp
from ._candidates import View, make_view, turned
from ._stretch import around, faint_places, stretched

_LONGEST = 2400  # longer side, in pixels, of the picture that is stretched
# An ordinary photograph holds a dark coat or a clear sky: in it the costly part of the search waits until faint places
# take this share of the picture.
_MOSTLY = 0.5
# A close-up has no surroundings, by which the networks tell a face: on a small picture, since the face is large, a grey
# border of this share of the longer side stands in for them.
_CLOSE_UP, _BORDER, _GREY = 200, 0.3, 0.5
_LEAST_OF_FRAME = 0.4  # smallest face sought in it, share of the photograph's shorter side


@dataclass(frozen=True, eq=False)
class Rendering:
    """view: the picture and its map to the photograph; min_size: smallest face sought, in the view's pixels; first:
    whether it is the photograph as it is; turns: whether every network looks at it turned, see `search`."""

    view: View
    min_size: float
    first: bool = False
    turns: bool = False


def renderings(photo: torch.Tensor, min_size: float) -> Iterator[Rendering]:
    """All renderings of a photograph [3, H, W] in 0..1, first itself; min_size: smallest face sought, in its pixels."""
    plain = View(photo, np.eye(2, 3), 0.0)
    yield Rendering(plain, min_size, first=True, turns=True)
    yield _bordered(plain, min_size)
    base = make_view(photo, 0, _LONGEST)
    places = faint_places(base.image)
    if places.any():
        x0, y0, x1, y1 = around(places, *base.image.shape[1:])
        to_photo = _warp.compose(base.to_photo, _shift(x0, y0))
        bright = View(stretched(base.image[:, y0:y1, x0:x1]), to_photo, 0.0)
        yield Rendering(bright, min_size / bright.scale, turns=bool(places.mean() > _MOSTLY))
        yield _bordered(bright, min_size)


def _bordered(picture: View, min_size: float) -> Rendering:
    """A small picture with a grey border, for faces that fill or exceed the frame."""
    small = turned(picture, 0, _CLOSE_UP)
    shape = small.image.shape[1:]
    border = round(_BORDER * max(shape))
    image = F.pad(small.image, (border,) * 4, value=_GREY)
    view = View(image, _warp.compose(small.to_photo, _shift(-border, -border)), 0.0)
    return Rendering(view, max(min_size / small.scale, _LEAST_OF_FRAME * min(shape)))


def _shift(x: float, y: float) -> np.ndarray:
    """The map [2, 3] from a part of a picture, cut out at (x, y), to the picture."""
    return np.array([[1.0, 0, x], [0, 1, y]])
