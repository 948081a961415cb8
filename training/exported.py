"""Loads the family `embedded` out of any models folder: `styleid.load_family` only knows the shipped one by that name."""

from __future__ import annotations

from pathlib import Path

from styleid.errors import WeightsError
from styleid.family import Family, assemble
from styleid.latent import load_ranking
from styleid.networks import load_network
from styleid.weights.folders import MANIFEST
from styleid.weights.manifest import read_manifest

__all__ = ["load_exported"]


def load_exported(models: Path) -> Family:
    """The family `embedded` as training left it in `models`. Raises WeightsError where it is not complete."""
    manifest = read_manifest(models / MANIFEST)
    if "embedded" not in manifest.families:
        raise WeightsError(
            f"{models / MANIFEST} has no family 'embedded'. Train it first: python -m training."
        )
    weights = manifest.weights
    return assemble(
        manifest.families["embedded"],
        lambda name: load_network(models / weights[name].file, weights[name].kind),
        lambda name: load_ranking(models / weights[name].file),
    )
