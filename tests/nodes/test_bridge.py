"""Progress and Cancel, with a stand-in for ComfyUI."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch


class Cancelled(Exception):
    """Stands for ComfyUI's own interruption."""


@pytest.fixture
def bar(monkeypatch):
    """A ProgressBar that remembers, and cancels at the second face."""
    seen: list[tuple[int, int]] = []

    class ProgressBar:
        def __init__(self, total):
            self.total = total

        def update_absolute(self, value, total=None):
            seen.append((value, total or self.total))
            if value >= 8:
                raise Cancelled

    comfy, utils = ModuleType("comfy"), SimpleNamespace(ProgressBar=ProgressBar)
    comfy.utils = utils
    monkeypatch.setitem(sys.modules, "comfy", comfy)
    monkeypatch.setitem(sys.modules, "comfy.utils", utils)
    return seen


def test_cancel_leaves_a_batch_early(node, tiny_family, bar):
    with pytest.raises(Cancelled):
        node("StyleIDEncodeToWPlus")(models=tiny_family, crops=torch.rand(40, 64, 64, 3))
    assert bar == [(0, 40), (4, 40), (8, 40)]


def test_without_comfyui_everything_runs(node, tiny_family):
    (codes,) = node("StyleIDEncodeToWPlus")(models=tiny_family, crops=torch.rand(5, 64, 64, 3))
    assert len(codes) == 5
