"""Loads the family `embedded` out of any models folder: `styleid.load_family` only knows the shipped one by that name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from styleid.errors import WeightsError
from styleid.family import Family, Recogniser
from styleid.latent import load_ranking
from styleid.networks import load_network
from styleid.weights.folders import MANIFEST
from styleid.weights.manifest import RecogniserEntry, read_manifest

__all__ = ["load_exported"]


def load_exported(models: Path) -> Family:
    """The family `embedded` as training left it in `models`. Raises WeightsError where it is not complete."""
    manifest = read_manifest(models / MANIFEST)
    if "embedded" not in manifest.families:
        raise WeightsError(
            f"{models / MANIFEST} has no family 'embedded'. Train it first: python -m training."
        )
    entry = manifest.families["embedded"]

    def network(name: str | None) -> Any:
        weights = name and manifest.weights[name]
        return weights and load_network(models / weights.file, weights.kind)

    def recogniser(part: RecogniserEntry) -> Recogniser:
        return Recogniser(part.weights, network(part.weights), part.threshold)

    return Family(
        name=entry.name,
        generator=network(entry.generator),
        encoder=network(entry.encoder),
        recogniser=recogniser(entry.recogniser),
        judge=recogniser(entry.judge),
        landmarks=network(entry.landmarks),
        detector=network(entry.detector),
        seg_encoder=network(entry.segmentation_encoder),
        parser=network(entry.parser),
        attributes=network(entry.attributes),
        ranking=load_ranking(models / manifest.weights[entry.ranking].file) if entry.ranking else None,
        swapper=network(entry.swapper),
        layers=entry.layers,
        refine=entry.refine,
    )
