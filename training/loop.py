"""What every training run shares: a fixed seed, a budget in steps, checkpoints that resume, an average of weights."""

from __future__ import annotations

import copy
import io
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

__all__ = ["FURTHER", "Run", "averaged", "cosine", "update_average"]

log = logging.getLogger(__name__)

# Share of the learning rate with which networks that were trained before are trained further: the full rate first undoes
# what its decay had given them.
FURTHER = 0.25
# Bytes of one file of a checkpoint: places that lend a GPU often carry small files only.
PART = 15_000_000


def cosine(progress: float, warmup: float = 0.02, floor: float = 0.01) -> float:
    """Learning-rate factor at `progress` 0..1: linear warm-up, then half a cosine."""
    if progress < warmup:
        return progress / warmup + 1e-3
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def averaged(net: nn.Module) -> nn.Module:
    """A frozen copy to hold the running average of the weights."""
    return copy.deepcopy(net).requires_grad_(False)


@torch.no_grad()
def update_average(average: nn.Module, net: nn.Module, decay: float) -> None:
    for mean, value in zip(average.parameters(), net.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)
    for mean, value in zip(average.buffers(), net.buffers(), strict=True):
        mean.copy_(value)


@dataclass
class Run:
    """One resumable run: `steps()` yields step numbers, saves `state` now and then, and reports.

    `state` names everything that a resumed run needs; each value has `state_dict` and `load_state_dict`.
    """

    name: str
    folder: Path
    steps_total: int
    state: dict[str, nn.Module | torch.optim.Optimizer]
    report: Callable[[], dict[str, float]]
    seed: int = 0
    every_seconds: float = 300.0

    def steps(self) -> Iterator[int]:
        start = saved = self._resume()
        torch.manual_seed(self.seed * 1_000_003 + start)
        began = last = time.monotonic()
        for step in range(start, self.steps_total):
            yield step
            if time.monotonic() - last > self.every_seconds:
                last = time.monotonic()
                saved = step + 1
                self._save(saved)
                rate = (step + 1 - start) / (last - began)
                log.info(
                    "%s step %d/%d %.2f/s %s", self.name, step + 1, self.steps_total, rate, self.report()
                )
        if saved < self.steps_total:
            self._save(self.steps_total)
        log.info("%s done %s", self.name, self.report())

    @property
    def _index(self) -> Path:
        return self.folder / f"{self.name}.json"

    def _resume(self) -> int:
        if not self._index.exists():
            return 0
        whole = b"".join((self.folder / name).read_bytes() for name in _parts(self._index))
        saved = torch.load(io.BytesIO(whole), map_location="cpu", weights_only=True)
        for key, value in self.state.items():
            value.load_state_dict(saved[key])
        log.info("%s resumes at step %d", self.name, saved["step"])
        return int(saved["step"])

    def _save(self, step: int) -> None:
        """Parts first, then the index that names them: at any moment one whole checkpoint can be read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content: dict[str, int | dict[str, Tensor]] = {
            key: value.state_dict() for key, value in self.state.items()
        }
        whole = io.BytesIO()
        torch.save(content | {"step": step}, whole)
        names = []
        for start in range(0, whole.tell(), PART):
            names.append(f"{self.name}-{step}-{len(names)}.part")
            (self.folder / names[-1]).write_bytes(whole.getbuffer()[start : start + PART])
        before = _parts(self._index) if self._index.exists() else []
        partial = self._index.with_suffix(".partial")
        partial.write_text(json.dumps(names), encoding="utf-8")
        os.replace(partial, self._index)
        for name in set(before) - set(names):
            (self.folder / name).unlink(missing_ok=True)


def _parts(index: Path) -> list[str]:
    return json.loads(index.read_text(encoding="utf-8"))
