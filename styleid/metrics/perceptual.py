"""LPIPS and FID, computed by torchmetrics where it is installed and the networks' published weights are there.

Nothing is downloaded here. Both say which file they lack and where it belongs.
"""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import InputError

__all__ = ["PERCEPTUAL", "Perceptual", "why_unavailable"]

_log = logging.getLogger(__name__)


class _Metric(NamedTuple):
    module: str
    name: str
    packages: tuple[str, ...]
    weights: str
    source: str
    arguments: dict[str, Any]


# Weights as the packages themselves store them, below torch.hub's folder.
PERCEPTUAL = {
    "lpips": _Metric(
        "torchmetrics.image.lpip",
        "LearnedPerceptualImagePatchSimilarity",
        ("torchmetrics", "torchvision"),
        "alexnet-owt-7be5be79.pth",
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        {"net_type": "alex", "normalize": True},
    ),
    "fid": _Metric(
        "torchmetrics.image.fid",
        "FrechetInceptionDistance",
        ("torchmetrics", "torchvision", "torch_fidelity"),
        "weights-inception-2015-12-05-6726825d.pth",
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
        "weights-inception-2015-12-05-6726825d.pth",
        {"normalize": True},
    ),
}


def why_unavailable(metric: str) -> str | None:
    """What `lpips` or `fid` lacks, as a sentence; None where it can be computed."""
    needs = PERCEPTUAL[metric]
    missing = [package for package in needs.packages if importlib.util.find_spec(package) is None]
    if missing:
        return f"not computed: install {', '.join(missing).replace('_', '-')}"
    if not (_weights_folder() / needs.weights).is_file():
        return f"not computed: put {needs.source} into the folder checkpoints of PyTorch's hub (torch.hub.get_dir())"
    return None


class Perceptual:
    """Collects pairs of pictures for LPIPS and FID in constant memory."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}
        self._metrics: dict[str, Any] = {}
        self._faces = 0
        for name, needs in PERCEPTUAL.items():
            reason = why_unavailable(name)
            if reason is None:
                try:
                    module = importlib.import_module(needs.module)
                    self._metrics[name] = getattr(module, needs.name)(**needs.arguments)
                    continue
                except (
                    Exception
                ) as error:  # packages that do not fit each other raise nearly anything on import
                    _log.info("%s cannot be computed (%s)", name, type(error).__name__)
                    reason = (
                        f"not computed: the installed packages do not work together ({type(error).__name__})"
                    )
            self.notes[name] = reason

    @torch.inference_mode()
    def update(self, before: Tensor, after: Tensor) -> None:
        """Add pictures ``[N, H, W, 3]`` in 0..1 and what became of them."""
        if before.shape != after.shape or before.ndim != 4:
            raise InputError("Pictures must pair up for LPIPS and FID: give two batches of one shape.")
        self._faces += len(before)
        first, second = (
            pictures.movedim(-1, 1).float().clamp(0, 1).contiguous() for pictures in (before, after)
        )
        if "lpips" in self._metrics:
            self._metrics["lpips"].update(first, second)
        if "fid" in self._metrics:
            self._metrics["fid"].update(first, real=True)
            self._metrics["fid"].update(second, real=False)

    def result(self) -> dict[str, float | str]:
        """Each metric's value over all pairs, or the sentence that says why there is none."""
        values: dict[str, float | str] = dict(self.notes)
        for name, metric in self._metrics.items():
            if self._faces < 2:
                values[name] = "not computed: it needs at least two faces"
            else:
                values[name] = float(metric.compute())
        return values


def _weights_folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"
