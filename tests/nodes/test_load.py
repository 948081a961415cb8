"""Load Models: what is chosen, what is fetched, and what ComfyUI is told about folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

LABEL = "ffhq-1024 (non-commercial)"


@pytest.fixture
def cls(pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type:
    """The node, where nothing but the shipped weights is present, and no network is allowed."""
    monkeypatch.setenv("STYLEID_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return pack.NODE_CLASS_MAPPINGS["StyleIDLoadModels"]


def test_non_commercial_families_say_so(cls) -> None:
    families, options = cls.INPUT_TYPES()["required"]["family"]
    assert LABEL in families
    assert options["default"] == "embedded"
    assert "embedded" in families


@pytest.mark.parametrize("family", ["embedded", LABEL, "ffhq-1024", "embedded (non-commercial)"])
def test_workflows_open_by_name_and_by_label(cls, family) -> None:
    assert cls.VALIDATE_INPUTS(family=family) is True


def test_unknown_families_are_refused_before_the_run(cls) -> None:
    assert "known are embedded" in cls.VALIDATE_INPUTS(family="nothing")


def test_missing_weights_say_how_to_get_them(cls, errors) -> None:
    with pytest.raises(errors.WeightsError, match=r"python -m styleid weights fetch .*switch on 'download'"):
        cls().execute(family=LABEL, device="cpu")


def test_models_are_loaded_again_once_a_missing_part_is_there(cls, tmp_path: Path) -> None:
    before = cls.IS_CHANGED(family=LABEL, device="cpu")
    assert cls.IS_CHANGED(family=LABEL, device="cpu") == before
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "parsing_bisenet.pth").write_bytes(b"to be read by nobody here")
    assert cls.IS_CHANGED(family=LABEL, device="cpu") != before
    assert cls.IS_CHANGED(family=None, device="cpu") == "wired"


def test_download_accepts_and_fetches(cls, errors, tmp_path: Path) -> None:
    """As far as that is possible without a network; the licences were accepted before."""
    with pytest.raises(errors.WeightsError, match="HF_HUB_OFFLINE"):
        cls().execute(family=LABEL, device="cpu", download=True)
    assert "NVIDIA" in (tmp_path / "config" / "styleid" / "licences.json").read_text()


@pytest.fixture
def folder_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """ComfyUI's module of folders, of a user whose extra_model_paths.yaml names another one."""
    known = {"styleid": ([str(tmp_path / "extra")], set())}

    def add(name: str, path: str) -> None:
        known.setdefault(name, ([], set()))[0].append(path)

    fake = SimpleNamespace(
        models_dir=str(tmp_path / "models"), folder_names_and_paths=known, add_model_folder_path=add
    )
    monkeypatch.setitem(sys.modules, "folder_paths", fake)
    return fake


def test_comfyui_and_the_library_share_folders(pack, folder_paths, tmp_path, monkeypatch) -> None:
    bridge = sys.modules[f"{pack.__name__}.nodes._bridge"]
    weights = sys.modules[f"{pack.__name__}.styleid.weights"]
    own = str(tmp_path / "own")
    monkeypatch.setenv("STYLEID_MODELS", own)
    bridge.register_models()
    folders, suffixes = folder_paths.folder_names_and_paths["styleid"]
    assert folders == [str(tmp_path / "extra"), str(tmp_path / "models" / "styleid")]
    assert suffixes == {".safetensors"}
    assert os.environ["STYLEID_MODELS"].split(os.pathsep) == [own, *folders]
    assert weights.store_folder() == Path(own)
    bridge.register_models()
    assert os.environ["STYLEID_MODELS"].split(os.pathsep)[0] == own
    monkeypatch.delenv("STYLEID_MODELS")
    bridge.register_models()
    assert weights.store_folder() == tmp_path / "extra"


def test_without_comfyui_nothing_is_registered(pack, monkeypatch) -> None:
    bridge = sys.modules[f"{pack.__name__}.nodes._bridge"]
    monkeypatch.setitem(sys.modules, "folder_paths", None)
    monkeypatch.setenv("STYLEID_MODELS", "as it was")
    bridge.register_models()
    assert os.environ["STYLEID_MODELS"] == "as it was"
