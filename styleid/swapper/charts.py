"""Charts of a training run: held-out losses, and which channels the network opens."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from ..evaluate.charts import draw
from .train import Point

__all__ = ["curve_chart", "mask_chart"]

_SIZE, _DPI = (9.0, 5.4), 100
_LOSSES = {
    "w": "code: squared difference",
    "latent": "unlike the truth: 1 - cos",
    "identity": "likeness to the source",
}


def curve_chart(curve: Sequence[Point]) -> Tensor:
    """Held-out losses, each relative to its first value, and what is hidden and kept: IMAGE [H, W, 3]."""
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [point.step for point in curve]
    for name, label in _LOSSES.items():
        values = [getattr(point, name) for point in curve]
        left.plot(steps, [value / max(values[0], 1e-9) for value in values], marker="o", label=label)
    left.set(title="Held-out losses (first = 1)", xlabel="step")
    right.plot(steps, [point.distance for point in curve], marker="o", label="identity distance (judge)")
    right.plot(steps, [point.kept for point in curve], marker="o", label="attributes kept")
    right.plot(steps, [point.opened for point in curve], marker="o", label="mean of the mask")
    right.set(title="Held-out faces", xlabel="step")
    for axes in (left, right):
        axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    return draw(figure)


def mask_chart(mask: Tensor) -> Tensor:
    """A mask [L, 512], each layer's channels sorted by how far they open, with each layer's mean: IMAGE [H, W, 3]."""
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    map_, bars = figure.subplots(1, 2, width_ratios=(2.2, 1), sharey=True)
    values = mask.detach().cpu().sort(dim=1, descending=True).values
    shown = map_.imshow(
        values.numpy(), aspect="auto", cmap="viridis", vmin=0, vmax=1, interpolation="nearest"
    )
    map_.set(title="Share taken from the random identity", xlabel="channels, sorted", ylabel="layer")
    map_.set_yticks(range(len(values)))
    figure.colorbar(shown, ax=map_, fraction=0.05)
    bars.barh(range(len(values)), values.mean(1).numpy(), color="#3b6ea5")
    bars.set(title="Mean of each layer", xlim=(0, 1))
    bars.grid(alpha=0.3, axis="x")
    return draw(figure)
