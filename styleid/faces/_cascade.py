"""Window cascades: scikit-image's LBP cascade, always there, and OpenCV's Haar cascades where they are installed."""

from __future__ import annotations

import functools
import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

from ._candidates import Candidate, View, group

_log = logging.getLogger(__name__)

# A cascade's window reaches beyond brow and chin: share of its side, and how far the face's centre lies below its own.
_LBP_FACE, _LBP_DOWN = 0.85, 0.05
_HAAR_FACE, _HAAR_DOWN = 0.72, 0.06
_HAAR_FILES = (
    ("haarcascade_frontalface_alt2.xml", False),
    ("haarcascade_profileface.xml", False),
    ("haarcascade_profileface.xml", True),
)
_SMALLEST_WINDOW = 24


@functools.lru_cache(maxsize=1)
def _lbp() -> Cascade:
    return Cascade(lbp_frontal_face_cascade_filename())


def detect_lbp(view: View, *, min_side: float, step: float) -> list[Candidate]:
    """Candidates of the LBP cascade in an upright view, in the view's pixels; votes are the windows that agree.

    step: stride of the windows (1 thorough, 1.5 three times as fast).
    """
    grey = _grey(view)
    least = max(_SMALLEST_WINDOW, int(min_side / _LBP_FACE))
    if min(grey.shape) <= least:
        return []
    windows = _lbp().detect_multi_scale(
        img=grey,
        scale_factor=1.2,
        step_ratio=step,
        min_size=(least, least),
        max_size=grey.shape,
        min_neighbor_number=1,
        intersection_score_threshold=2.0,  # above 1: windows stay apart, we count them ourselves
    )
    boxes = [(w["c"], w["r"], w["width"], w["height"]) for w in windows]
    return _count_votes(boxes, "lbp", _LBP_FACE, _LBP_DOWN)


def detect_haar(view: View, *, min_side: float) -> list[Candidate]:
    """Candidates of OpenCV's frontal and profile cascades; none where this OpenCV has no cascades."""
    found: list[Candidate] = []
    grey = _grey(view)
    least = max(_SMALLEST_WINDOW, int(min_side / _HAAR_FACE))
    for name, mirrored in _HAAR_FILES:
        detect = _haar(name)
        if detect is None:
            return []
        boxes = detect(np.ascontiguousarray(grey[:, ::-1]) if mirrored else grey, least)
        if mirrored:
            boxes = [(grey.shape[1] - x - w, y, w, h) for x, y, w, h in boxes]
        found += _count_votes(boxes, "haar", _HAAR_FACE, _HAAR_DOWN)
    return found


@functools.lru_cache(maxsize=4)
def _haar(name: str) -> Callable[[np.ndarray, int], list[tuple[int, int, int, int]]] | None:
    if importlib.util.find_spec("cv2") is None:
        return None
    try:
        import cv2
    except ImportError as error:
        _log.info("OpenCV cannot be loaded (%s): its cascades are not used.", error)
        return None
    # OpenCV 5 ships neither the class nor the files.
    path = Path(getattr(getattr(cv2, "data", None), "haarcascades", "")) / name
    if not hasattr(cv2, "CascadeClassifier") or not path.is_file():
        return None
    classifier = cv2.CascadeClassifier(str(path))
    return lambda grey, least: [
        tuple(int(v) for v in box)
        for box in classifier.detectMultiScale(grey, 1.15, 0, minSize=(least, least))
    ]


def _grey(view: View) -> np.ndarray:
    """uint8 [h, w], Rec. 601 luma."""
    weights = view.image.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    return (view.image * weights).sum(0).mul(255).round().byte().cpu().numpy()


def _count_votes(
    boxes: list[tuple[int, int, int, int]], detector: str, face: float, down: float
) -> list[Candidate]:
    """One candidate per group of windows: their median place, their number as votes."""
    windows = [
        Candidate(
            centre=np.array([x + (w - 1) / 2, y + (h - 1) / 2 + down * h]),
            side=face * w,
            angle=0.0,
            score=0.0,
            votes=1,
            detector=detector,
        )
        for x, y, w, h in boxes
    ]
    merged = []
    for members in group(_densest_first(windows)):
        centre = np.median([m.centre for m in members], axis=0)
        side = float(np.median([m.side for m in members]))
        merged.append(Candidate(centre, side, 0.0, score_of_votes(len(members)), len(members), detector))
    return merged


def _densest_first(windows: list[Candidate]) -> list[Candidate]:
    """The same windows, each scored by how many others agree with it, so that grouping starts in the middle."""
    if len(windows) < 2:
        return windows
    places = np.array([[*w.centre, w.side] for w in windows])
    near = (
        np.hypot(*(places[:, None, :2] - places[None, :, :2]).transpose(2, 0, 1)) < 0.25 * places[:, None, 2]
    )
    alike = np.abs(np.log(places[:, None, 2] / places[None, :, 2])) < 0.35
    counts = (near & alike).sum(1)
    return [
        Candidate(w.centre, w.side, w.angle, float(count), 1, w.detector)
        for w, count in zip(windows, counts, strict=True)
    ]


def score_of_votes(votes: int) -> float:
    """0..1 from the number of agreeing windows: 1 says little, 8 and more are convincing."""
    return 1.0 - 2.0 ** (-votes / 4)
