"""Privacy against attributes kept, for everything that a search tried: as rows and as a chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..privacy.reach import Probe, frontier
from .charts import BLUE, GREY, ORANGE, RED, draw

__all__ = ["frontier_chart", "frontier_rows"]

_MARKS = {"channels": "o", "layers": "s"}


def frontier_rows(probes: Sequence[Probe]) -> list[dict[str, Any]]:
    """One row per probe, plain values for JSON or CSV; `frontier` says whether no other beats it."""
    best = set(map(id, frontier(probes)))
    return [
        {
            **{
                name: getattr(probe.attempt, name)
                for name in ("method", "share", "widen", "area", "strength")
            },
            "margin": probe.margin,
            "passed": probe.passed,
            "kept": probe.kept,
            "change": probe.change,
            **{f"distance {name}": value for name, value in probe.distances.items()},
            "frontier": id(probe) in best,
        }
        for probe in probes
    ]


def frontier_chart(probes: Sequence[Probe], chosen: Probe | None = None, title: str = "") -> Tensor:
    """IMAGE [H, W, 3]: every probe by margin and attributes kept, the frontier, and the one that was chosen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.0), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for method, mark in _MARKS.items():
        points = [p for p in probes if p.attempt.method == method and p.kept is not None]
        if points:
            x, y = [p.margin for p in points], [p.kept for p in points]
            axes.scatter(x, y, marker=mark, c=BLUE, alpha=0.55, linewidths=0, label=f"tried: {method}")
    best = frontier([*probes, *([] if chosen is None else [chosen])])
    if best:
        axes.plot([p.margin for p in best], [p.kept for p in best], c=GREY, lw=1.5, label="frontier")
    if chosen is not None and chosen.kept is not None:
        axes.scatter([chosen.margin], [chosen.kept], marker="*", s=220, c=ORANGE, label="chosen", zorder=3)
    axes.axvline(1, c=RED, ls="--", lw=1)
    axes.annotate(
        "passes", (1, 1), (6, -12), xycoords=("data", "axes fraction"), textcoords="offset points", c=RED
    )
    axes.set(xlabel="smallest distance / distance to reach", ylabel="attributes kept", title=title)
    axes.legend(loc="lower left", frameon=False)
    return draw(figure)
