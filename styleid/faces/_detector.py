"""This project's own detector (`networks.detector`) on pyramids of a picture and its quarter turns: any rotation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..networks.detector import STRIDE
from ._candidates import Candidate, View, from_landmarks, group, turned

# The network tolerates 55 degrees to either side.
_QUARTERS = (90, 180, 270)
_TURNED = 1200  # longer side, in pixels, of a turned picture
# Pixels, brow to chin, of the smallest face that the network finds well; it finds faces three times as large, too.
_SMALLEST = 16
_PYRAMID_STEP = 0.5
_SHORTEST = 32  # shorter side of the last picture of the pyramid
# Lowest belief of one view, and lowest score: the mean of a place's two best views, for what is no face rarely looks
# like one in two of them.
_LEAST_BELIEF, _LEAST_SCORE = 0.3, 0.5


@torch.inference_mode()
def detect_styleid(net: nn.Module, base: View, min_size: float) -> list[Candidate]:
    """Candidates in an upright view, one of each place, in the photograph's pixels; min_size: smallest face sought, in
    the same."""
    found: list[Candidate] = []
    for view in (base, *(turned(base, angle, _TURNED) for angle in _QUARTERS)):
        scale = min(1.0, _SMALLEST * view.scale / min_size)
        while min(view.image.shape[1:]) * scale >= _SHORTEST:
            found += [view.place(one) for one in _at_scale(net, view.image, scale)]
            scale *= _PYRAMID_STEP
    scored = [
        replace(members[0], score=sum(one.score for one in members[:2]) / 2) for members in group(found)
    ]
    return [one for one in scored if one.score >= _LEAST_SCORE]


def _at_scale(net: nn.Module, image: torch.Tensor, scale: float) -> list[Candidate]:
    """The best candidate of each place, in pixels of the picture [3, H, W]."""
    shape = [round(n * scale) for n in image.shape[1:]]
    small = image[None]
    if scale < 1:
        small = F.interpolate(small, size=shape, mode="area")
    padding = [-n % (2 * STRIDE) for n in shape]
    small = F.pad(small * 2 - 1, (0, padding[1], 0, padding[0]), mode="replicate")
    belief, points = net(small.to(next(net.parameters(), small)))  # [1, h, w], [1, h, w, 5, 2]
    peaks = (belief > _LEAST_BELIEF) & (belief == F.max_pool2d(belief, 3, 1, 1))
    scores, places = belief[peaks].double().cpu().numpy(), points[peaks].double().cpu().numpy()
    to_view = np.array([image.shape[2] / shape[1], image.shape[1] / shape[0]])
    # The network counts from the picture's corner, the library from the first pixel's centre.
    found = [
        from_landmarks(p * to_view - 0.5, float(s), "styleid") for s, p in zip(scores, places, strict=True)
    ]
    return [members[0] for members in group(found)]
