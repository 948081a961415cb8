"""Reports as short texts: outcomes, distances and thresholds, never a pixel, code, embedding or seed."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..styleid.family import Recogniser
from ..styleid.privacy import FaceReport, ImageResult
from ..styleid.privacy.outcomes import BLURRED
from ._finish import Finished

__all__ = ["changed_pixels", "distance_report", "paste_report", "result_report", "smallest_distance"]


def changed_pixels(before: Tensor, after: Tensor) -> Tensor:
    """MASK [B, H, W]: 1 where any channel of [B, H, W, 3] differs."""
    return (before != after).any(dim=-1).float()


def distance_report(distances: Tensor, recogniser: Recogniser) -> str:
    """One line per face: the distance [N] and what the recogniser concludes."""
    lines = [f"{recogniser.name}: same person below {recogniser.threshold:.3f}"]
    for number, distance in enumerate(distances.tolist(), start=1):
        verdict = "someone else" if distance > recogniser.threshold else "SAME PERSON"
        lines.append(f"face {number}: {distance:.3f}  {verdict}")
    return "\n".join(lines)


def paste_report(finished: Sequence[Finished], judge: Recogniser) -> str:
    """One line per face of every photograph, as pasted and verified."""
    lines = [f"{judge.name} (judge): same person below {judge.threshold:.3f}"]
    for number, photograph in enumerate(finished, start=1):
        if not photograph.outcomes:
            lines.append(f"image {number}: no face was found")
        for face, (outcome, distance) in enumerate(
            zip(photograph.outcomes, photograph.nearest, strict=True), start=1
        ):
            lines.append(f"image {number} face {face}: {number_or_dash(distance)}  {outcome}")
        if photograph.missed:
            lines.append(
                f"image {number}: {photograph.missed} more face(s) seen in the result that were not replaced"
            )
    return "\n".join(lines)


def result_report(results: Sequence[ImageResult]) -> str:
    """One line per face and recogniser of an Anonymizer's results."""
    lines = []
    for number, result in enumerate(results, start=1):
        lines.append(f"image {number}: {result.outcome}" + (f" ({result.reason})" if result.reason else ""))
        for face in result.faces:
            lines += face_lines(face)
    return "\n".join(lines)


def face_lines(face: FaceReport) -> list[str]:
    """The outcome of one face, then its distances by recogniser."""
    how = f", {face.method} in {face.area}, attempt {face.attempts}" if face.method else ""
    lines = [f"  face {face.index + 1}: {face.outcome}{how}" + (f" ({face.reason})" if face.reason else "")]
    for name, values in face.distances.items():
        role = "judge" if name == face.judge else "tuner"
        before, after = number_or_dash(values.get("before")), number_or_dash(values.get("after"))
        limit = number_or_dash(values.get("threshold"))
        lines.append(
            f"    {name} ({role}): reconstruction {before}, output {after}, same person below {limit}"
        )
    return lines


def smallest_distance(results: Sequence[ImageResult]) -> float:
    """The judge's smallest distance of any new face to its own source or another one; 0 when no face was anonymised, or
    one that was not measured was let through."""
    faces = [face for result in results for face in result.faces if face.outcome != BLURRED]
    return min((_smallest(face) for face in faces), default=0.0)


def _smallest(face: FaceReport) -> float:
    values = face.distances.get(face.judge, {})
    known = [values[name] for name in ("after", "nearest") if values.get(name) is not None]
    return min(known, default=0.0)


def number_or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
