"""Files of the user's own that nodes offer by name, out of the models folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..styleid.weights.folders import model_folders

__all__ = ["files_in", "version_of"]


def files_in(folder: str, suffixes: Sequence[str]) -> dict[str, Path]:
    """Files with these suffixes in ``folder`` below every models folder, by name; the first models folder wins."""
    folders = [models / folder for models in reversed(model_folders())]
    files = [path for found in folders if found.is_dir() for path in sorted(found.iterdir())]
    return {path.name: path for path in files if path.suffix.lower() in suffixes}


def version_of(path: Path | None) -> str:
    """Another text once the file is another: for IS_CHANGED."""
    try:
        found = None if path is None else path.stat()
    except OSError:
        found = None
    return "none" if found is None else f"{path}:{found.st_mtime_ns}:{found.st_size}"
