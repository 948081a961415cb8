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


@pytest.fixture
def manager(monkeypatch):
    """ComfyUI's memory manager as far as the bridge knows it: remembers what was brought, and in which way."""
    brought = []
    patcher = SimpleNamespace(
        ModelPatcher=lambda model, load_device, offload_device: SimpleNamespace(
            model=model, load_device=load_device
        )
    )
    management = SimpleNamespace(
        get_torch_device=lambda: torch.device("cpu"),
        unet_offload_device=lambda: torch.device("cpu"),
        load_models_gpu=lambda patchers, force_full_load: brought.append(
            (patchers[0].model, force_full_load)
        ),
    )
    comfy = ModuleType("comfy")
    comfy.model_management, comfy.model_patcher = management, patcher
    monkeypatch.setitem(sys.modules, "comfy", comfy)
    return brought


def test_the_memory_manager_brings_the_networks_of_a_family_before_every_node(node, manager):
    models, _ = node("StyleIDLoadModels")(family="embedded", device="auto")
    assert manager == []
    node("StyleIDRandomIdentity")(models=models, count=1, truncation=0.7, new_each_run=True)
    [(networks, whole)] = manager
    assert whole
    assert set(networks) == set(models.networks())
    assert models.judge.network in set(networks) and models.generator in set(networks)


def test_networks_that_comfyui_moves_still_allow_gradients(node, manager):
    def moved(patchers, force_full_load):
        for dtype in (torch.float64, torch.float32):
            patchers[0].model.to(dtype)

    sys.modules["comfy"].model_management.load_models_gpu = moved
    with torch.inference_mode():  # as ComfyUI runs nodes
        models, _ = node("StyleIDLoadModels")(family="embedded", device="auto")
        (codes,) = node("StyleIDRandomIdentity")(models=models)
        (crops,) = node("StyleIDDecodeWPlus")(models=models, codes=codes)
        (refined,) = node("StyleIDEncodeToWPlus")(models=models, crops=crops, refine_steps=6)
        (plain,) = node("StyleIDEncodeToWPlus")(models=models, crops=crops, refine_steps=0)
    assert not torch.equal(refined.w_plus, plain.w_plus)


def test_networks_on_the_cpu_by_choice_are_nobody_elses(node, manager):
    models, _ = node("StyleIDLoadModels")(family="embedded", device="cpu")
    node("StyleIDRandomIdentity")(models=models, count=1, truncation=0.7, new_each_run=True)
    assert manager == []


def test_half_precision_is_a_choice(node):
    models, _ = node("StyleIDLoadModels")(family="embedded", device="cpu", precision="bf16")
    assert next(models.generator.parameters()).dtype == torch.bfloat16
