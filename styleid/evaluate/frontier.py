"""Privacy against attributes kept, for everything that searches tried, as a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from .charts import BLUE, GREEN, GREY, ORANGE, RED, draw

__all__ = ["frontier_chart"]

_MARKS = {"channels": ("o", BLUE), "layers": ("s", GREEN)}

Rows = Sequence[Mapping[str, Any]]


def frontier_chart(faces: Sequence[Rows], title: str = "") -> Tensor:
    """IMAGE [H, W, 3]: what was tried by margin and attributes kept, the frontier of each face, and what was chosen.

    Args:
        faces: for each face the rows of :func:`styleid.privacy.frontier_rows`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.0), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    measured = [[row for row in rows if row["kept"] is not None] for rows in faces]
    everything = [row for rows in measured for row in rows]
    for method, (mark, colour) in _MARKS.items():
        tried = [row for row in everything if row["method"] == method and not row["chosen"]]
        if tried:
            axes.scatter(*_points(tried), marker=mark, c=colour, alpha=0.55, lw=0, label=f"tried: {method}")
    for number, rows in enumerate(measured):
        best = sorted((row for row in rows if row["frontier"]), key=lambda row: row["margin"])
        label = None if number else "frontier" if len(faces) == 1 else "frontier of a face"
        axes.plot(*_points(best), c=GREY, lw=1.5 if len(faces) == 1 else 0.8, label=label)
    chosen = [row for row in everything if row["chosen"]]
    if chosen:
        axes.scatter(
            *_points(chosen),
            marker="*",
            s=220 if len(faces) == 1 else 110,
            c=ORANGE,
            label="chosen",
            zorder=3,
        )
    axes.axvline(1, c=RED, ls="--", lw=1)
    axes.annotate(
        "passes", (1, 1), (6, -12), xycoords=("data", "axes fraction"), textcoords="offset points", c=RED
    )
    axes.set(xlabel="smallest distance / distance to reach", ylabel="attributes kept", title=title)
    axes.legend(loc="best", frameon=False)
    return draw(figure)


def _points(rows: Rows) -> tuple[list[float], list[float]]:
    return [row["margin"] for row in rows], [row["kept"] for row in rows]
