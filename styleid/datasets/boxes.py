"""Faces that the user brings along, from a file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ..errors import InputError

__all__ = ["Box", "read_boxes"]

Box = tuple[float, float, float, float]

_FORM = '{"path below the input folder": [[x0, y0, x1, y1], ...], ...}'


def read_boxes(path: str | Path, source: str | Path) -> dict[str, list[Box]]:
    """Read boxes by picture from a JSON file.

    Args:
        path: ``{"path below the input folder": [[x0, y0, x1, y1], ...], ...}`` in pixels of the upright picture; for a
            single picture its list alone will do. Pictures with an empty list, or none, are searched as usual.
        source: the input, a file or a folder.

    Raises:
        InputError: the file cannot be read or has another form.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"The boxes cannot be read as JSON ({type(error).__name__}). Expected {_FORM}."
        ) from error
    if isinstance(content, list) and Path(source).is_file():
        content = {Path(source).name: content}
    if not isinstance(content, dict) or not all(isinstance(boxes, list) for boxes in content.values()):
        raise InputError(f"The boxes have another form than {_FORM}.")
    return {name: [_box(box) for box in boxes] for name, boxes in content.items()}


def _box(given: Any) -> Box:
    numbers = isinstance(given, list) and len(given) == 4
    if not numbers or not all(isinstance(v, int | float) and math.isfinite(v) for v in given):
        raise InputError(f"A box is four numbers [x0, y0, x1, y1], found {json.dumps(given)[:60]}.")
    x0, y0, x1, y1 = (float(v) for v in given)
    if x1 <= x0 or y1 <= y0:
        raise InputError(
            f"A box goes from its left top (x0, y0) to its right bottom (x1, y1), found {given}."
        )
    return x0, y0, x1, y1
