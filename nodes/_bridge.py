"""The only module that touches ComfyUI. Everything is looked up on use, so the nodes also run without ComfyUI."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

__all__ = [
    "manage",
    "offload_device",
    "output_folder",
    "progress_bar",
    "ready",
    "register_models",
    "torch_device",
]

MODELS = "styleid"  # the folder below ComfyUI's models, and the entry of extra_model_paths.yaml


def torch_device(choice: str) -> torch.device:
    """The device ComfyUI computes on ("auto"), or the CPU ("cpu")."""
    if choice == "cpu":
        return torch.device("cpu")
    try:
        from comfy import model_management
    except ImportError:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return model_management.get_torch_device()


def offload_device(choice: str) -> torch.device:
    """Where networks wait until a node needs them: the CPU under ComfyUI, which moves them; else where they compute."""
    try:
        from comfy import model_management
    except ImportError:
        return torch_device(choice)
    return torch.device("cpu") if choice == "cpu" else model_management.unet_offload_device()


# What ComfyUI's memory manager knows each family's networks by.
_managed: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def manage(models: Any, networks: list[nn.Module]) -> None:
    """Hand the networks of ``models`` to ComfyUI's memory manager, which also moves them out when others need the room."""
    try:
        from comfy import model_management, model_patcher
    except ImportError:
        return
    _managed[models] = model_patcher.ModelPatcher(
        nn.ModuleList(networks),
        load_device=model_management.get_torch_device(),
        offload_device=model_management.unet_offload_device(),
    )


def ready(models: Any) -> None:
    """Have the networks of ``models`` on the device that ComfyUI computes on, where it manages them."""
    patcher = _managed.get(models)
    if patcher is not None:
        from comfy import model_management

        # ComfyUI runs nodes in inference mode, and weights that were moved in it allow no gradient: refinement needs them.
        # As a whole: only ComfyUI's own layers can work while part of them lies elsewhere.
        with torch.inference_mode(False), torch.no_grad():
            model_management.load_models_gpu([patcher], force_full_load=True)


def progress_bar(total: int) -> Callable[[int, int], None]:
    """A `progress(done, total)` callable bound to the running node.

    Under ComfyUI each call also raises ComfyUI's own interruption when the user pressed Cancel.
    """
    try:
        from comfy.utils import ProgressBar
    except ImportError:
        return lambda done, total: None
    bar = ProgressBar(max(total, 1))
    bar.update_absolute(0)

    def progress(done: int, total: int) -> None:
        bar.update_absolute(done, max(total, 1))

    return progress


def output_folder(prefix: str, *, width: int, height: int) -> tuple[Path, str, int, str]:
    """Where ComfyUI writes files with this prefix: folder, file stem, next counter, subfolder.

    ComfyUI refuses a prefix that leads outside its output folder.
    """
    import folder_paths

    root = folder_paths.get_output_directory()
    folder, stem, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, root, width, height)
    return Path(folder), stem, counter, subfolder


def register_models() -> None:
    """Give ComfyUI the kind of model `styleid`, and the library all folders that ComfyUI has for it.

    They come after those that the user names in `STYLEID_MODELS`.
    """
    try:
        import folder_paths
    except ImportError:
        return
    folder_paths.add_model_folder_path(MODELS, os.path.join(folder_paths.models_dir, MODELS))
    folders, suffixes = folder_paths.folder_names_and_paths[MODELS]
    suffixes.add(".safetensors")
    named = [part for part in os.environ.get("STYLEID_MODELS", "").split(os.pathsep) if part]
    os.environ["STYLEID_MODELS"] = os.pathsep.join(dict.fromkeys([*named, *folders]))
