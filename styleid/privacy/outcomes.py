"""What became of each picture and each face. Nothing here holds a seed, a code or an embedding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

__all__ = [
    "ANONYMISED",
    "BLOCKED",
    "BLURRED",
    "NO_FACE",
    "PASSED",
    "FaceReport",
    "ImageResult",
    "Result",
]

ANONYMISED = "anonymised"  # every face moved past the judge's threshold from every source face
NO_FACE = "no_face"  # no face was found; says nothing about whether there is one
BLOCKED = "blocked"  # a face was not hidden: there is no output
BLURRED = "blurred"  # a face could not be anonymised and is blurred instead
PASSED = "passed"  # a face was not hidden and is in the output: only where on_failure="pass" was chosen


@dataclass(frozen=True)
class FaceReport:
    """One face of one picture.

    Attributes:
        index: position in the order of detection.
        box: (x0, y0, x1, y1) pixels of the source face; `detector` says who found it.
        outcome: anonymised, blurred, blocked or passed.
        distances: by recogniser: `before` source to reconstruction (what the encoder alone loses), `swap`
            reconstruction to swapped face (what the swap alone hides), `after` source to output, `nearest`
            output to the closest source face of the picture, `threshold` below which this recogniser says
            "same person". None: not measured.
        tuner, judge: the recogniser that chose the change, and the other one that judged it.
        attributes: by name: confidence `before` and `after`, and whether it was `preserved`.
        attempts: settings tried; `method` and `area` are those of the last one.
        tried: where the least change was searched: everything that was measured, see
            :func:`styleid.privacy.frontier_rows`.
        changed_box: (x0, y0, x1, y1), end exclusive: all pixels changed for this face lie within.
        reason: why the face failed, for outcomes other than anonymised.
        notes: what a reader of the report should know.
    """

    index: int
    box: tuple[float, float, float, float]
    detector: str
    outcome: str
    tuner: str
    judge: str
    distances: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    attributes: Mapping[str, Mapping[str, float | bool]] = field(default_factory=dict)
    attempts: int = 0
    tried: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    method: str | None = None
    area: str | None = None
    changed_box: tuple[int, int, int, int] | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "distances", MappingProxyType(dict(self.distances)))
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["box"] = [round(value, 1) for value in self.box]
        plain["changed_box"] = None if self.changed_box is None else list(self.changed_box)
        plain["notes"] = list(self.notes)
        plain["tried"] = [dict(row) for row in self.tried]
        for name in ("distances", "attributes"):
            plain[name] = {key: dict(values) for key, values in plain[name].items()}
        return plain


@dataclass(frozen=True, eq=False)
class ImageResult:
    """One picture: `output` is None unless every face in it was dealt with as the caller chose.

    Attributes:
        output: of the source's type and dtype, equal to it bit for bit where `changed` is False; None when
            blocked or when no face was found.
        outcome: the worst outcome of its faces: anonymised, no_face, blurred, blocked or passed.
        faces: one report per face.
        changed: bool [H, W], pixels that may differ from the source; None when there is no output.
        reason: why there is no output.
    """

    output: Any = field(repr=False)
    outcome: str
    faces: tuple[FaceReport, ...] = ()
    changed: np.ndarray | None = field(default=None, repr=False)
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; no pixels."""
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "faces": [face.to_dict() for face in self.faces],
        }


@dataclass(frozen=True, eq=False)
class Result(Sequence[ImageResult]):
    """One ImageResult per given picture, in the given order."""

    images: tuple[ImageResult, ...]

    def __getitem__(self, index: int) -> ImageResult:  # type: ignore[override]
        return self.images[index]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[ImageResult]:
        return iter(self.images)

    @property
    def outputs(self) -> list[Any]:
        """The output of every picture, None where there is none."""
        return [image.output for image in self.images]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; no pixels."""
        return {"images": [image.to_dict() for image in self.images]}
