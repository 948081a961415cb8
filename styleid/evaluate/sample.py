"""A bounded random sample of faces, kept as crops, and the baselines measured on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..faces import AlignedFaces, Face
from ..metrics import (
    FaceSet,
    attribute_changes,
    attribute_distance,
    identity_distance,
    psnr,
    reidentify,
    ssim,
)
from .baselines import BASELINES
from .examiners import Examiner
from .faces import face_in_crop
from .measure import reconstructions

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["Sample", "compare_methods"]

Detector = Callable[[Tensor], Sequence[Face]]


class Sample:
    """At most `size` of all `offered` faces, each with the same chance (reservoir sampling), as 8-bit crops."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.offered = 0
        self._rng = np.random.default_rng(0)
        self._kept: list[tuple[int, AlignedFaces, Tensor]] = []

    def offer(self, number: int, source: AlignedFaces, output: Tensor) -> None:
        """`number` of the face, its source alone, and the output's crop [S, S, 3]."""
        self.offered += 1
        entry = (number, replace(source, crops=_bytes(source.crops)), _bytes(output))
        if len(self._kept) < self.size:
            self._kept.append(entry)
        elif (place := int(self._rng.integers(self.offered))) < self.size:
            self._kept[place] = entry

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def numbers(self) -> list[int]:
        return [number for number, _, _ in self._kept]

    @property
    def sources(self) -> list[AlignedFaces]:
        return [source for _, source, _ in self._kept]

    def crops(self) -> tuple[Tensor, Tensor]:
        """Sources and outputs, [N, S, S, 3] in 0..1."""
        before = torch.cat([source.crops for source in self.sources]).float() / 255
        return before, torch.stack([output for _, _, output in self._kept]).float() / 255


def compare_methods(
    before: Tensor,
    output: Tensor,
    identities: Tensor,
    *,
    family: Family,
    examiners: Sequence[Examiner],
    sources: Sequence[AlignedFaces] | None = None,
    detect: Detector | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """The given output beside doing nothing, the mere reconstruction, and the baselines, on the same crops.

    Every method's crop is cut where the source's face was, as by an attacker who knows the place.

    Args:
        before, output: aligned crops [N, S, S, 3].
        identities: integers [N].
        sources: the aligned faces, each alone, and `detect`: to say in how many crops a face is still found.

    Returns:
        One row per method; a value is None where it was not measured, `note` says why.
    """
    made: dict[str, Callable[[Tensor], Tensor]] = {
        "nothing": lambda crops: crops,
        "reconstruction only": lambda crops: reconstructions(family, crops),
        **BASELINES,
        "the output": lambda crops: output,
    }
    clean = {one.name: one.embed(before) for one in examiners}
    attributes = None if family.attributes is None else family.attribute_confidences(before).cpu()
    rows = []
    for done, (name, make) in enumerate(made.items(), start=1):
        row: dict[str, Any] = {"method": name, "faces": len(before), "note": None}
        try:
            crops = make(before)
        except InputError as error:
            rows.append(row | {"note": str(error)})
            continue
        row["found"] = None if sources is None or detect is None else _found(crops, sources, detect)
        row |= {"psnr": _finite_mean(psnr(before, crops)), "ssim": float(ssim(before, crops).mean())}
        row |= _utility(attributes, crops, family)
        row["recognisers"] = {
            one.name: _privacy(one, clean[one.name], crops, identities) for one in examiners
        }
        rows.append(row)
        if progress is not None:
            progress(done, len(made))
    return rows


def _privacy(one: Examiner, clean: Tensor, crops: Tensor, identities: Tensor) -> dict[str, Any]:
    embeddings = one.embed(crops)
    distances = identity_distance(clean, embeddings)
    attack = reidentify(FaceSet(embeddings, identities), FaceSet(clean, identities), resamples=0)
    rank = attack.rank(1)
    return {
        "distance": float(distances.mean()),
        "beyond": None if one.threshold is None else float((distances > one.threshold).float().mean()),
        "rank_1": None if rank is None else rank.value,
        "auc": None if attack.verification is None else attack.verification.auc.value,
    }


def _utility(attributes: Tensor | None, crops: Tensor, family: Family) -> dict[str, Any]:
    if attributes is None:
        return {"attribute_distance": None, "attributes_preserved": None}
    after = family.attribute_confidences(crops).cpu()
    changes = attribute_changes(family.attributes.names, attributes, after)
    return {
        "attribute_distance": float(attribute_distance(attributes, after).mean()),
        "attributes_preserved": float(np.mean([change.preserved for change in changes])),
    }


def _found(crops: Tensor, sources: Sequence[AlignedFaces], detect: Detector) -> float:
    return float(np.mean([face_in_crop(s, detect(crop)) for s, crop in zip(sources, crops, strict=True)]))


def _finite_mean(values: np.ndarray) -> float | None:
    """Decibels of equal pictures are infinite and have no mean."""
    return float(values.mean()) if np.isfinite(values).all() else None


def _bytes(crops: Tensor) -> Tensor:
    return (crops * 255).round().clamp(0, 255).byte()
