"""SCRFD (insightface, `det_10g.onnx` of buffalo_l) through onnxruntime, where both are on this machine."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import WeightsError
from ._candidates import Candidate, View, from_landmarks
from ._mtcnn import suppress

_log = logging.getLogger(__name__)

_STRIDES = (8, 16, 32)
_ANCHORS = 2  # per cell
_INPUT = 640
_THRESHOLD = 0.4
_FILE = "det_10g.onnx"


def find_scrfd() -> Path | None:
    """The weights where insightface or the user's models folder keeps them; never downloaded here."""
    from ..weights import model_folders

    home = Path(os.environ.get("INSIGHTFACE_HOME", Path.home() / ".insightface"))
    try:
        folders = (*model_folders(), home / "models")
    except WeightsError:
        folders = (home / "models",)
    names = (Path(_FILE), Path("buffalo_l") / _FILE, Path("insightface") / "models" / "buffalo_l" / _FILE)
    return next((folder / name for folder in folders for name in names if (folder / name).is_file()), None)


@functools.lru_cache(maxsize=1)
def load_scrfd() -> Any | None:
    """An onnxruntime session, or None where weights or onnxruntime are missing."""
    path = find_scrfd()
    if path is None or importlib.util.find_spec("onnxruntime") is None:
        return None
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base class for a damaged model
        _log.warning("SCRFD is not used: %s cannot be loaded (%s).", _FILE, type(error).__name__)
        return None
    if len(session.get_outputs()) != 9:
        _log.warning("SCRFD is not used: %s is another network.", _FILE)
        return None
    return session


def detect_scrfd(session: Any, view: View) -> list[Candidate]:
    """Candidates in an upright view, in the view's pixels."""
    height, width = view.image.shape[1:]
    scale = _INPUT / max(height, width)
    shape = [max(1, round(height * scale)), max(1, round(width * scale))]
    small = F.interpolate(view.image[None], size=shape, mode="area" if scale < 1 else "bilinear")
    canvas = torch.zeros(1, 3, _INPUT, _INPUT)
    canvas[:, :, : shape[0], : shape[1]] = small.cpu()
    outputs = session.run(None, {session.get_inputs()[0].name: ((canvas * 255 - 127.5) / 128).numpy()})
    return [
        from_landmarks(points / scale, float(score), "scrfd")
        for score, points in zip(*decode(outputs), strict=True)
    ]


def decode(outputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Scores [K] and landmarks [K, 5, 2] in input pixels from the nine outputs: scores, boxes, points per stride."""
    scores, boxes, points = [], [], []
    for level, stride in enumerate(_STRIDES):
        score, box, marks = (
            np.asarray(outputs[level + k * 3]).reshape(-1, n) for k, n in enumerate((1, 4, 10))
        )
        cells = _INPUT // stride
        y, x = np.mgrid[:cells, :cells]
        anchor = np.repeat(np.stack([x, y], -1).reshape(-1, 2), _ANCHORS, axis=0) * float(stride)
        keep = score[:, 0] > _THRESHOLD
        anchor = anchor[keep]
        reach = box[keep] * stride
        boxes.append(np.concatenate([anchor - reach[:, :2], anchor + reach[:, 2:]], 1))
        points.append(anchor[:, None] + marks[keep].reshape(-1, 5, 2) * stride)
        scores.append(score[keep, 0])
    score, box = (torch.from_numpy(np.concatenate(x)).float() for x in (scores, boxes))
    order = suppress(box, score, 0.4).numpy()
    return np.concatenate(scores)[order], np.concatenate(points)[order]
