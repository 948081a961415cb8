"""Writes trained networks into `models/` as safetensors and their entries into `models/manifest.json`.

Weight matrices and kernels are stored in fp16, biases and statistics in fp32; figures are measured on networks rounded
like that.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from styleid.networks import write_network

__all__ = [
    "Entry",
    "edit_manifest",
    "export",
    "family",
    "list_parts",
    "read_content",
    "register",
    "rounded",
    "set_recogniser",
    "sharing",
]

REFINE = 12  # steps by which codes of the encoder are refined unless somebody says otherwise
LICENCE = "MIT"
TRAINED_ON = "heads rendered from the ICT-FaceKit morphable model (USC ICT, MIT); no photograph of a person"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One weight file: the trained network, its `kind` for `load_network`, what it takes, and held-out figures."""

    name: str
    kind: str
    network: nn.Module
    input: str
    figures: dict[str, float]


def export(entry: Entry, models: Path) -> None:
    """Save one network and write (or replace) its manifest entry."""
    path = models / f"{entry.name}.safetensors"
    write_network(entry.network, path, entry.kind)
    register(entry.name, entry.kind, path, models, entry.input, entry.figures)


def register(
    name: str, kind: str, path: Path, models: Path, takes: str, figures: Mapping[str, float | str]
) -> None:
    """Write (or replace) the manifest entry of a file that lies in `models`."""
    record: dict[str, Any] = {
        "kind": kind,
        "family": "embedded",
        "file": path.name,
        "source": "trained by training/ of this repository",
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "licence": LICENCE,
        "non_commercial": False,
        "citation": "StyleID for ComfyUI; ICT-FaceKit (Li et al. 2020) for the face model",
        "input": takes,
        "trained_on": TRAINED_ON,
        "figures": {
            key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()
        },
    }
    edit_manifest(models, lambda manifest: manifest["weights"].update({name: record}))


def edit_manifest(models: Path, change: Any) -> None:
    path = models / "manifest.json"
    manifest = read_content(models)
    change(manifest)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)


def read_content(models: Path) -> dict:
    """What the manifest of `models` holds; a new one where there is none."""
    path = models / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"version": 1}
    manifest.setdefault("weights", {})
    manifest.setdefault("families", {})
    return manifest


def family(manifest: dict) -> dict:
    return manifest["families"].setdefault("embedded", {})


def list_parts(manifest: dict) -> None:
    """Name in the family all parts that there are, as the detector is trained apart; codes are refined by default."""
    parts = ("generator", "encoder", "segmentation-encoder", "parser", "attributes", "landmarks", "detector")
    there = [part for part in parts if f"embedded-{part}" in manifest["weights"]]
    own = family(manifest)
    own.update({part.replace("-", "_"): f"embedded-{part}" for part in there})
    if "encoder" in own:
        own.setdefault("refine", REFINE)


def sharing(manifest: dict, role: str, weights: str) -> list[dict]:
    """The family `embedded`, and all others that have these weights in this role."""
    own = family(manifest)

    def named(part: str | dict | None) -> str | None:
        return part["weights"] if isinstance(part, dict) else part

    others = [other for other in manifest["families"].values() if other is not own]
    return [own, *(other for other in others if named(other.get(role)) == weights)]


def set_recogniser(manifest: dict, role: str, place: dict) -> None:
    """Weights and threshold, for every family that has these weights in this role."""
    for one in sharing(manifest, role, place["weights"]):
        one[role] = dict(place)


@torch.no_grad()
def rounded(network: nn.Module) -> nn.Module:
    """The network with its weights as the file stores them, so that figures are measured on what ships."""
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.copy_(parameter.half().float())
    return network
