"""Where weights are looked for, and where new ones go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styleid.weights import folders, model_folders, store_folder


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STYLEID_MODELS", "COMFYUI_PATH"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))


def comfyui(root: Path) -> Path:
    """A folder that looks like ComfyUI."""
    (root / "custom_nodes").mkdir(parents=True)
    (root / "main.py").touch()
    return root


def test_without_comfyui_the_users_cache_is_the_store(tmp_path: Path) -> None:
    assert tmp_path / "cache" in store_folder().parents
    assert model_folders()[-1] == store_folder()


def test_comfyui_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path / "none"))
    assert folders.comfyui_folder() is None
    monkeypatch.setenv("COMFYUI_PATH", str(comfyui(tmp_path / "ComfyUI")))
    assert store_folder() == tmp_path / "ComfyUI" / "models" / "styleid"
    assert tmp_path / "cache" in model_folders()[-1].parents  # still looked into


def test_comfyui_around_this_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = comfyui(tmp_path / "ComfyUI")
    monkeypatch.setattr(folders, "_ROOT", root / "custom_nodes" / "any name")
    assert store_folder() == root / "models" / "styleid"


def test_the_users_own_folders_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_PATH", str(comfyui(tmp_path / "ComfyUI")))
    monkeypatch.setenv("STYLEID_MODELS", os.pathsep.join([str(tmp_path / "a"), "", str(tmp_path / "b")]))
    assert store_folder() == tmp_path / "a"
    assert model_folders()[1:4] == (
        tmp_path / "a",
        tmp_path / "b",
        tmp_path / "ComfyUI" / "models" / "styleid",
    )
