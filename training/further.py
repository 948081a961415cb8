"""Trains the networks of a models folder further in a copy of it, whose networks replace them when all is done.

Until then the networks to begin with stay what they are, so an interrupted run goes on. Copy and checkpoints lie in a
folder that is named by a digest of these networks: other networks begin anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from .export import edit_manifest, family, list_parts, read_content, set_recogniser
from .ranking import set_ranking
from .swapper import set_swapper

__all__ = ["deliver", "further_folder"]

STARTS = (
    "parser", "recogniser", "judge", "landmarks", "attributes", "generator", "encoder", "segmentation-encoder", "ranking",
)  # fmt: skip


def further_folder(models: Path, checkpoints: Path) -> Path:
    """The folder for the checkpoints of this further training, with a copy of `models` in it that it exports into."""
    digest = hashlib.sha256()
    for part in STARTS:
        digest.update(hashlib.sha256((models / f"embedded-{part}.safetensors").read_bytes()).digest())
    folder = checkpoints / f"further-{digest.hexdigest()[:12]}"
    if not (folder / "models").exists():
        unfinished = folder / "models.partial"
        unfinished.mkdir(parents=True, exist_ok=True)
        for path in (models / "manifest.json", *models.glob("embedded-*.safetensors")):
            shutil.copyfile(path, unfinished / path.name)
        os.replace(unfinished, folder / "models")
    return folder


def deliver(made: Path, models: Path, *, detector: bool = False) -> None:
    """Put what was trained further into `models`: the files and their entries, thresholds, ranking and SwapperNet, and
    the detector where one was trained."""
    new = read_content(made)
    parts = (*STARTS, "swapper", *["detector"] * detector)
    records = {name: new["weights"][name] for name in (f"embedded-{part}" for part in parts)}
    partials = {models / record["file"]: models / f"{name}.partial" for name, record in records.items()}
    for path, partial in partials.items():
        shutil.copyfile(made / path.name, partial)
    for path, partial in partials.items():
        os.replace(partial, path)

    def change(manifest: dict) -> None:
        manifest["weights"].update(records)
        list_parts(manifest)
        for role in ("recogniser", "judge"):
            set_recogniser(manifest, role, family(new)[role])
        set_ranking(manifest)
        set_swapper(manifest)

    edit_manifest(models, change)
