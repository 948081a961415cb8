"""Decision thresholds that the user measured, for recognisers for which nobody published one."""

from __future__ import annotations

import json
import os

from ..errors import WeightsError
from ._disk import alone, downloads, unwritable
from ._records import hash_of
from .folders import store_folder
from .store import family_entry, family_names, resolve, weights_entry

__all__ = ["calibrated", "decision_threshold", "write_calibration"]

SUFFIX = ".threshold.json"


def calibrated(name: str) -> float | None:
    """The measured L2 distance of the weights ``name``; None where none was measured for this very file."""
    try:
        content = json.loads((store_folder() / f"{name}{SUFFIX}").read_text(encoding="utf-8"))
        threshold, digest = content["threshold"], content["sha256"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    sound = isinstance(threshold, int | float) and not isinstance(threshold, bool) and 0 < threshold < 2
    return float(threshold) if sound and digest == hash_of(resolve(name)) else None


def decision_threshold(name: str) -> float | None:
    """The L2 distance beyond which the weights ``name`` say somebody else: what the user measured, else that of a family
    that uses them, else the one at FAR 1e-2 among their own figures; None where nobody knows one."""
    if (own := calibrated(name)) is not None:
        return own
    for family in map(family_entry, family_names()):
        for part in (family.recogniser, family.judge):
            if part.weights == name and part.threshold is not None:
                return part.threshold
    figure = weights_entry(name).figures.get("threshold_at_far_0.01")
    return None if figure is None else float(figure)


def write_calibration(name: str, threshold: float, *, far: float, people: int, population: str) -> None:
    """Keep a measured threshold of the weights ``name``, with what it was measured on. WeightsError where it cannot."""
    store = store_folder()
    content = {
        "threshold": threshold,
        "far": far,
        "people": people,
        "population": population,
        "sha256": hash_of(resolve(name)),
    }
    try:
        with alone(store, name):
            partial = downloads(store) / f"new-{name}{SUFFIX}"
            partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            os.replace(partial, store / f"{name}{SUFFIX}")
    except OSError as error:
        raise WeightsError(unwritable(store, error)) from error
