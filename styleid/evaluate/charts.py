"""Charts of a report as pictures, drawn without a window and without matplotlib's global state."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "as_png",
    "attack_chart",
    "attribute_chart",
    "disentanglement_chart",
    "distance_chart",
    "diversity_chart",
    "draw",
    "method_chart",
    "report_charts",
]

_SIZE, _DPI = (9.0, 5.4), 100
BLUE, ORANGE, GREEN, RED, GREY = "#3b6ea5", "#d98032", "#4f9a5b", "#b5443c", "#8a8a8a"
_ATTACKS = {"clean": GREY, "naive": BLUE, "naive, other pictures": GREEN, "parrot": ORANGE}


def report_charts(data: Mapping[str, Any], faces: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """The charts of a report by name, IMAGE [H, W, 3] in 0..1, all of one size."""
    judge = data["judge"]
    charts = {}
    distances = {kind: _column(faces, f"{judge} {kind}") for kind in ("reconstruction", "output", "place")}
    if distances["reconstruction"]:
        charts["distances"] = distance_chart(distances, data["identity"][judge]["threshold"], judge)
        charts["attackers"] = attack_chart(data["reidentification"][judge], judge)
    if data["attributes"].get("each"):
        charts["attributes"] = attribute_chart(data["attributes"]["each"])
    if data["baselines"].get("methods"):
        charts["methods"] = method_chart(data["baselines"]["methods"], judge)
    return charts


def draw(figure: Figure) -> Tensor:
    """A figure as IMAGE [H, W, 3] in 0..1."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return torch.from_numpy(np.asarray(canvas.buffer_rgba())[..., :3].copy()).float() / 255


def as_png(chart: Tensor) -> bytes:
    """A chart [H, W, 3] as a file of pixels only."""
    buffer = io.BytesIO()
    Image.fromarray((chart.numpy() * 255 + 0.5).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def distance_chart(
    distances: Mapping[str, Sequence[float]], threshold: float | None, recogniser: str
) -> Tensor:
    """Histograms of distances [N] by name, with the recogniser's threshold."""
    figure, (axes,) = _figure(1)
    colours = dict(zip(distances, (GREY, BLUE, GREEN, ORANGE), strict=False))
    known = {name: list(values) for name, values in distances.items() if len(values)}
    bins = np.linspace(0, max(1.6, *(max(values) for values in known.values())), 41)
    for name, values in known.items():
        label = f"{_DISTANCES.get(name, name)} (n = {len(values)})"
        axes.hist(values, bins=bins, color=colours[name], alpha=0.6, label=label)
    if threshold is not None:
        axes.axvline(threshold, color=RED, linestyle="--", label=f"threshold {threshold:.2f}")
        axes.text(threshold, 0.99, " someone else", transform=axes.get_xaxis_transform(), color=RED, va="top")
        axes.text(
            threshold,
            0.99,
            "same person ",
            transform=axes.get_xaxis_transform(),
            color=RED,
            va="top",
            ha="right",
        )
    axes.set(
        xlabel="identity distance to the original", ylabel="faces", title=f"Identity distance, {recogniser}"
    )
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0.93))
    return draw(figure)


_DISTANCES = {
    "reconstruction": "mere reconstruction",
    "output": "output, as found",
    "place": "output, at the same place",
}


def attack_chart(attacks: Mapping[str, Mapping[str, Any]], recogniser: str) -> Tensor:
    """ROC and CMC of every attack that was measured."""
    figure, (left, right) = _figure(2)
    for name, attack in attacks.items():
        colour = _ATTACKS.get(name, RED)
        if attack.get("roc"):
            label = f"{name}, AUC {attack['auc']['value']:.2f}"
            left.step(attack["roc"]["far"], attack["roc"]["tar"], where="post", color=colour, label=label)
        if attack.get("cmc"):
            shown = attack["cmc"][: max(2, attack["gallery_identities"])]
            right.plot(range(1, len(shown) + 1), shown, marker="o", markersize=3, color=colour, label=name)
    smallest = min((1 / a["impostor_pairs"] for a in attacks.values() if a.get("roc")), default=1e-4)
    far = np.logspace(-4, 0, 60)
    left.plot(far, far, color=GREY, linestyle=":", label="guessing")
    left.set(
        xscale="log", xlim=(min(0.1, max(1e-4, smallest)), 1), ylim=(0, 1.02), title=f"ROC, {recogniser}"
    )
    left.set(xlabel="false-accept rate", ylabel="true-accept rate")
    left.minorticks_off()
    gallery = max((a.get("gallery_identities", 1) for a in attacks.values()), default=1)
    ranks = np.arange(1, min(20, max(2, gallery)) + 1)
    right.plot(ranks, np.minimum(ranks / gallery, 1), color=GREY, linestyle=":", label="guessing")
    right.set(xlabel="rank in the gallery", ylabel="share of found probes", title="CMC", ylim=(0, 1.02))
    right.xaxis.get_major_locator().set_params(integer=True)
    for axes in (left, right):
        axes.legend(loc="lower right", fontsize=8)
    return draw(figure)


def attribute_chart(changes: Sequence[Mapping[str, Any]]) -> Tensor:
    """Share of faces with each attribute before and after, and the share of faces that kept it."""
    figure, (left, right) = _figure(2)
    changes = sorted(changes, key=lambda change: change["preserved"])
    rows, names = np.arange(len(changes)), [change["name"].replace("_", " ") for change in changes]
    left.barh(rows + 0.2, [c["before"] for c in changes], 0.4, color=GREY, label="before")
    left.barh(rows - 0.2, [c["after"] for c in changes], 0.4, color=BLUE, label="after")
    left.set(title="Share of faces with the attribute", xlim=(0, 1))
    left.set_yticks(rows, names, fontsize=7)
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncol=2, fontsize=8)
    right.barh(rows, [c["preserved"] for c in changes], 0.7, color=GREEN)
    right.set(title="Share of faces that kept it", xlim=(0, 1))
    right.set_yticks(rows, [])
    return draw(figure)


def disentanglement_chart(identity: Sequence[float], attributes: Sequence[float]) -> Tensor:
    """Faces by how far identity and attributes moved, both as shares of the way to a random identity."""
    figure, (axes,) = _figure(1)
    end = 1.1 * max(1, *identity, *attributes)
    axes.plot([0, end], [0, end], color=GREY, linestyle=":", label="score 0")
    axes.scatter(attributes, identity, color=BLUE, s=40, label="faces")
    mean = float(np.mean(attributes)), float(np.mean(identity))
    axes.scatter(*mean, color=ORANGE, marker="D", s=80, label="mean")
    axes.text(0.02, 0.96, "identity moved, attributes kept", transform=axes.transAxes, va="top", color=GREEN)
    axes.set(
        xlim=(0, end),
        ylim=(0, end),
        xlabel="attributes moved",
        ylabel="identity moved",
        title="Disentanglement",
    )
    axes.legend(loc="lower right")
    return draw(figure)


def diversity_chart(counts: Mapping[str, float], recogniser: str) -> Tensor:
    """Bars of counts by name: people before and after, collisions."""
    figure, (axes,) = _figure(1)
    bars = axes.barh(list(counts)[::-1], list(counts.values())[::-1], 0.6, color=BLUE)
    axes.bar_label(bars, fmt="%d", padding=4)
    axes.set(
        title=f"People that {recogniser} tells apart",
        xlabel="count",
        xlim=(0, 1.1 * max(1, *counts.values())),
    )
    return draw(figure)


def method_chart(methods: Sequence[Mapping[str, Any]], recogniser: str) -> Tensor:
    """What each method hides (rank-1 recognition) against what it keeps (SSIM, attributes)."""
    figure, (left, right) = _figure(2)
    known = [m for m in methods if m.get("recognisers")][::-1]
    rows, names = np.arange(len(known)), [m["method"] for m in known]
    colours = [BLUE if name == "the output" else GREY for name in names]
    left.barh(rows, [m["recognisers"][recogniser]["rank_1"] or 0 for m in known], 0.6, color=colours)
    left.set(
        title=f"Recognised at rank 1, {recogniser}", xlim=(0, 1), xlabel="share of faces; low is private"
    )
    left.set_yticks(rows, names)
    right.barh(rows + 0.2, [m["ssim"] for m in known], 0.4, color=GREEN, label="SSIM")
    if all(m["attributes_preserved"] is not None for m in known):
        kept = [m["attributes_preserved"] for m in known]
        right.barh(rows - 0.2, kept, 0.4, color=ORANGE, label="attributes preserved")
    right.set(title="Kept", xlim=(0, 1), xlabel="high is useful")
    right.set_yticks(rows, [])
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncol=2, fontsize=8)
    return draw(figure)


def _figure(panels: int) -> tuple[Figure, Sequence[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _column(faces: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [face[name] for face in faces if face.get(name) is not None]
