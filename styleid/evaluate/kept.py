"""Sections of the report on what was kept: attributes, landmarks, pose, expression, background, image quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..metrics import attribute_changes
from .measure import NOT_FOUND, MeasuredFace

if TYPE_CHECKING:
    from .evaluation import Evaluation

__all__ = ["attribute_section", "background_section", "drift_section", "quality_section"]


def attribute_section(run: Evaluation) -> dict[str, Any]:
    if run.family.attributes is None:
        return {"note": f"not measured: the family {run.family.name!r} has no attribute net"}
    known = [face for face in run.faces if face.attributes is not None]
    lost = sum(face.outcome == NOT_FOUND for face in run.faces)
    if not known:
        return {"faces": 0, "not_found": lost}
    before, after = (torch.stack([face.attributes[side] for face in known]) for side in (0, 1))
    changes = attribute_changes(run.family.attributes.names, before, after)
    preserved = float(np.mean([change.preserved for change in changes]))
    return {
        "faces": len(known),
        "not_found": lost,
        "distance": _stats([face.numbers["attribute_distance"] for face in known]),
        "preserved": preserved,
        "preserved_conservative": preserved * len(known) / (len(known) + lost),
        "each": [vars(change) for change in changes],
    }


def drift_section(faces: Sequence[MeasuredFace]) -> dict[str, Any]:
    units = {
        "landmarks": "share of the distance between the eyes",
        "pose": "degrees", "yaw": "degrees", "pitch": "degrees", "roll": "degrees", "gaze": "degrees",
        "mouth_open": "share of the mouth", "eye_open": "height by width", "smiling": "confidence",
    }  # fmt: skip
    table: dict[str, Any] = {}
    for name, unit in units.items():
        values = [face.numbers[name] for face in faces if name in face.numbers]
        table[name] = {"unit": unit, **_stats(values)}
    not_found = sum(face.outcome == NOT_FOUND for face in faces)
    return table | {"not_found": not_found}


def background_section(run: Evaluation) -> dict[str, Any]:
    outside = [one for one in run.background if one.pixels]
    if not outside:
        return {"note": "not measured: no picture has an output of its size and something outside the faces"}
    pixels = np.array([one.pixels for one in outside], dtype=float)
    return {
        "pictures": len(outside),
        "untouched": sum(one.changed == 0 for one in outside),
        "changed": float(np.average([one.changed for one in outside], weights=pixels)),
        "mean": float(np.average([one.mean for one in outside], weights=pixels)),
        "largest": max(one.largest for one in outside),
    }


def quality_section(run: Evaluation) -> dict[str, Any]:
    table: dict[str, Any] = {
        name: _stats([face.numbers[name] for face in run.faces if name in face.numbers])
        for name in ("psnr", "ssim")
    }
    return table | run.perceptual.result()


def _stats(values: Sequence[float]) -> dict[str, Any]:
    """Over the finite values; equal pictures (infinite PSNR) are counted apart."""
    array = np.array(values, dtype=float)
    finite = array[np.isfinite(array)]
    table: dict[str, Any] = {"faces": len(finite)}
    if np.isinf(array).any():
        table["equal"] = int(np.isinf(array).sum())
    if len(finite):
        table |= {
            "mean": finite.mean(),
            "std": finite.std(),
            "median": np.median(finite),
            "p95": np.percentile(finite, 95),
        }
    return table
