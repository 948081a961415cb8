"""What a set of pictures meets, as a chart and as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from .charts import BLUE, GREY, ORANGE, RED, draw

if TYPE_CHECKING:
    from ..datasets import ReleaseReport
    from ..privacy import Achieved

__all__ = ["release_chart", "release_lines"]


def release_chart(report: ReleaseReport) -> Tensor:
    """IMAGE [H, W, 3]: how many faces each class has, in the sources and published, and the share of the sensitive
    attribute in each published class.
    """
    from matplotlib.figure import Figure

    asked, rows = report.asked, report.classes[::-1]
    panels = 1 if asked.sensitive is None else 2
    figure = Figure(figsize=(9.0, max(3.2, 1.6 + 0.5 * len(rows))), dpi=100, layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False, sharey=True)[0]
    places = np.arange(len(rows))
    axes[0].barh(places + 0.2, [row["before"] for row in rows], 0.4, color=GREY, label="sources")
    axes[0].barh(places - 0.2, [row["after"] for row in rows], 0.4, color=BLUE, label="published")
    axes[0].axvline(asked.k, c=RED, ls="--", lw=1, label=f"asked: k = {asked.k}")
    axes[0].set_yticks(places, [_name(row["values"]) for row in rows])
    axes[0].set(xlabel="faces", title=f"k = {report.after.k} of {report.after.faces} published faces")
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    if asked.sensitive is not None:
        axes[1].barh(places, [row["sensitive"] or 0.0 for row in rows], 0.5, color=ORANGE)
        total = sum(row["after"] for row in rows)
        share = sum(row["after"] * (row["sensitive"] or 0.0) for row in rows) / max(total, 1)
        axes[1].axvspan(
            max(share - asked.t, 0), min(share + asked.t, 1), color=GREY, alpha=0.2, label="within t"
        )
        axes[1].axvline(share, c=GREY, lw=1, label="whole set")
        met = "" if report.after.l is None else f"l = {report.after.l}, t = {report.after.t:.2f}"
        axes[1].set(xlim=(0, 1), xlabel=f"share of {asked.sensitive}, published", title=met)
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncol=3, frameon=False, fontsize=8)
    return draw(figure)


def release_lines(report: ReleaseReport) -> Iterator[str]:
    """What the set met, for people."""
    yield f"source faces: {_words(report.before)}"
    yield f"new faces, first round: {_words(report.anonymised)}"
    yield (
        f"published: {_words(report.after)}; {report.withheld} picture(s) withheld because they stand out, "
        f"after {report.rounds} round(s)"
    )


def _name(values: Mapping[str, Any]) -> str:
    return ", ".join(name if shown else f"not {name}" for name, shown in values.items())


def _words(met: Achieved) -> str:
    more = "" if met.l is None else f", l = {met.l}, t = {met.t:.3f}"
    return f"{met.faces} faces in {met.classes} classes, k = {met.k}{more}"
