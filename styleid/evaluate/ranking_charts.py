"""Charts of a ranking (the paper's figure 3) as IMAGE [H, W, 3] in 0..1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ..latent.curves import Curves
from ..latent.ranking import Ranking
from .charts import BLUE, draw

__all__ = ["channel_chart", "curve_chart", "window_chart"]

_SIZE, _DPI = (9.0, 5.4), 100
_SHARE = 0.27  # the paper swaps 2,500 of 9,216 channels
_SCORE = "disentanglement score"


def window_chart(ranking: Ranking) -> Tensor:
    """The score of every window of layers, its best one framed."""
    figure, (axes,) = _figure(1)
    scores = ranking.window_scores.numpy()  # [M, L]
    limit = float(np.nanmax(np.abs(scores)))
    image = axes.imshow(scores, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), score in np.ndenumerate(scores):
        if np.isfinite(score):
            colour = "white" if abs(score) > 0.6 * limit else "black"
            axes.text(column, row, f"{score:.2f}", ha="center", va="center", fontsize=7, color=colour)
    width, start = len(ranking.layers), ranking.layers[0]
    if width <= len(scores):
        frame = Rectangle((start - 0.5, width - 1.5), 1, 1, fill=False, linewidth=2.5)
        axes.add_patch(frame)
    axes.set_xticks(range(scores.shape[1]))
    axes.set_yticks(range(len(scores)), range(1, len(scores) + 1))
    axes.set(xlabel="first layer", ylabel="layers in the window")
    axes.set_title(f"Identity by windows of layers; best: {_span(ranking.layers)}")
    figure.colorbar(image, label=_SCORE)
    return draw(figure)


def channel_chart(ranking: Ranking) -> Tensor:
    """The score of every block of channels, and in which layers the best ones lie."""
    figure, (left, right) = _figure(2, widths=(3, 1))
    scores = ranking.channel_scores.numpy()  # [L, C / block]
    limit = float(np.quantile(np.abs(scores), 0.99)) or 1.0  # a few channels must not hide all others
    channels = scores.shape[1] * ranking.block
    rows = np.arange(len(scores))
    image = left.imshow(
        scores, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest",
        extent=(0, channels, len(scores) - 0.5, -0.5),
    )  # fmt: skip
    left.set_yticks(rows)
    left.set(xlabel=f"channel (blocks of {ranking.block})", ylabel="layer", title="Identity by channels")
    figure.colorbar(image, label=_SCORE, location="bottom", extend="both")
    chosen = ranking.channel_mask(round(_SHARE * ranking.num_channels)).float().mean(1)
    right.barh(rows, chosen.numpy(), 0.7, color=BLUE)
    right.set(ylim=(len(scores) - 0.5, -0.5), xlim=(0, 1), title=f"Best {_SHARE:.0%} of all")
    right.set(xlabel="share of the layer")
    right.set_yticks(rows)
    return draw(figure)


def curve_chart(curves: Curves, threshold: float | None = None) -> Tensor:
    """Identity distance by number of channels, and what it costs in attributes, for each block size."""
    figure, (left, right) = _figure(2)
    colours = colormaps["viridis"](np.linspace(0, 0.92, len(curves.sizes)))
    for size, colour, points in zip(curves.sizes, colours, curves.distances.numpy(), strict=True):
        style = {"color": colour, "marker": "o", "markersize": 3, "label": f"{size}"}
        left.plot(curves.counts, points[:, 0], **style)
        right.plot(points[:, 0], points[:, 1], **style)
    if threshold is not None:
        left.axhline(threshold, color="grey", linestyle="--", linewidth=1)
        left.text(curves.counts[-1], threshold, "threshold ", ha="right", va="bottom", color="grey")
    left.set(
        xlabel="channels swapped, best first", ylabel="identity distance", ylim=(0, None), xlim=(0, None)
    )
    right.set(xlabel="identity distance", ylabel="attribute distance", ylim=(0, None), xlim=(0, None))
    left.set_title("Identity by channels swapped")
    right.set_title("What it costs (low is good)")
    left.legend(title="channels per block", loc="lower right", fontsize=8, ncol=2)
    return draw(figure)


def _span(layers: Sequence[int]) -> str:
    return f"layer {layers[0]}" if len(layers) == 1 else f"layers {layers[0]} to {layers[-1]}"


def _figure(panels: int, widths: Sequence[float] | None = None) -> tuple[Figure, Sequence[Any]]:
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    return figure, figure.subplots(1, panels, squeeze=False, width_ratios=widths)[0]
