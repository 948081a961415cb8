"""Every detector over a photograph in several turns: all places where a face may be."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ._candidates import Candidate, View, from_landmarks, make_view, turned
from ._cascade import detect_haar, detect_lbp
from ._detector import detect_styleid
from ._mtcnn import Mtcnn, load_mtcnn
from ._scrfd import detect_scrfd, load_scrfd

# Longer side, in pixels, of the picture that is searched: upright, and turned.
_UPRIGHT, _TURNED = 2400, 720
_CASCADE_UPRIGHT, _CASCADE_TURNED = 640, 480
# The networks tolerate 30 degrees to either side, the cascades about 20.
_TURNS = (60, 120, 180, 240, 300)
_CASCADE_TURNS = tuple(range(40, 360, 40))
_SMALLEST, _SMALLEST_TURNED = 20, 24  # pixels, in the searched picture
_LEAST_SCORE = 0.5


def search(
    photo: torch.Tensor,
    min_size: float,
    detector: nn.Module | None,
    *,
    cascades: bool = True,
    turns: bool = True,
) -> list[Candidate]:
    """Candidates in photograph pixels of a photograph [3, H, W] in 0..1; faces smaller than min_size are not sought.

    detector: this project's own, see `networks.detector`. Without `cascades` these, whose word is the weakest, look only
    where no network is there. Without `turns` the networks that know upright faces look at no turned picture where this
    project's detector, which sees any rotation, does.
    """
    mtcnn, scrfd = load_mtcnn(), load_scrfd()
    network = mtcnn is not None or scrfd is not None
    base = make_view(photo, 0, _UPRIGHT)
    found = _by_networks(base, min_size, mtcnn, scrfd)
    if detector is not None:
        found += detect_styleid(detector, base, min_size)
    if cascades or not (network or detector is not None):
        found += _by_cascades(turned(base, 0, _CASCADE_UPRIGHT), min_size, step=1.0)
    for angle in _TURNS if turns or detector is None else ():
        if network:
            found += _by_networks(turned(base, angle, _TURNED), min_size, mtcnn, scrfd)
    for angle in () if network else _CASCADE_TURNS:
        found += _by_cascades(turned(base, angle, _CASCADE_TURNED), min_size, step=1.5)
    height, width = photo.shape[1:]
    return [c for c in found if -0.5 <= c.centre[0] <= width - 0.5 and -0.5 <= c.centre[1] <= height - 0.5]


def _by_networks(view: View, min_size: float, mtcnn: Mtcnn | None, scrfd: Any | None) -> list[Candidate]:
    found = [] if scrfd is None else detect_scrfd(scrfd, view)
    if mtcnn is not None:
        least = max(_SMALLEST if view.angle == 0 else _SMALLEST_TURNED, min_size / view.scale)
        _, scores, points = mtcnn.detect(view.image, min_size=least, threshold=_LEAST_SCORE)
        found += [from_landmarks(p, float(s), "mtcnn") for s, p in zip(scores, points, strict=True)]
    return [view.place(one) for one in found]


def _by_cascades(view: View, min_size: float, *, step: float) -> list[Candidate]:
    least = min_size / view.scale
    found = detect_lbp(view, min_side=least, step=step) + detect_haar(view, min_side=least)
    return [view.place(one) for one in found]
