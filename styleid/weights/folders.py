"""Where weight files lie: shipped with the project, in ComfyUI's models folder, or in the user's own folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import WeightsError

__all__ = ["MANIFEST", "comfyui_folder", "config_folder", "model_folders", "store_folder"]

MANIFEST = "manifest.json"
# Of a checkout; an installed package keeps its files in styleid_models.
_ROOT = Path(__file__).absolute().parents[2]


def model_folders() -> tuple[Path, ...]:
    """Folders that may hold weights, in the order of search.

    These are the shipped one, those of ``STYLEID_MODELS``, ComfyUI's ``models/styleid`` and the user's cache.
    ``STYLEID_MODELS`` may name several folders, separated as in ``PATH``. A folder of the user may bring its own
    ``manifest.json``, which adds weights and families to the shipped ones.
    """
    shipped = next(
        (_ROOT / name for name in ("styleid_models", "models") if (_ROOT / name / MANIFEST).is_file()), None
    )
    if shipped is None:
        raise WeightsError(
            f"The models folder with its {MANIFEST} is missing from {_ROOT}. Install or clone again."
        )
    return tuple(dict.fromkeys(path.absolute() for path in (shipped, *_own_folders())))


def store_folder() -> Path:
    """The folder that fetched and converted weights are written to: the first of the user's :func:`model_folders`."""
    return _own_folders()[0].absolute()


def comfyui_folder() -> Path | None:
    """``models/styleid`` of the ComfyUI that this project is a custom node of, or that ``COMFYUI_PATH`` names."""
    places = [_ROOT.parents[1]] if _ROOT.parent.name == "custom_nodes" else []
    if os.environ.get("COMFYUI_PATH"):
        places.append(Path(os.environ["COMFYUI_PATH"]))
    root = next((place for place in places if (place / "main.py").is_file()), None)
    return None if root is None else root / "models" / "styleid"


def config_folder() -> Path:
    """Where the user's choices are kept, such as accepted licences."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "styleid"


def _own_folders() -> list[Path]:
    named = [Path(part) for part in os.environ.get("STYLEID_MODELS", "").split(os.pathsep) if part]
    comfyui = comfyui_folder()
    return [*named, *([] if comfyui is None else [comfyui]), _user_cache()]


def _user_cache() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "styleid"
