"""Sections of the report on what was hidden: distances, attackers, diversity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..metrics import (
    FaceSet,
    bootstrap_mean,
    cluster_identities,
    collisions,
    pairwise_identity_distance,
    reidentify,
    threshold_at_far,
)
from .examiners import Examiner
from .measure import FOUND, NOT_FOUND, WITHHELD, MeasuredFace
from .report import attack_to_dict

__all__ = ["attack_section", "diversity_section", "identity_section"]

_MOST_AT_ONCE = 4000  # faces; clustering needs all their distances at once


def identity_section(one: Examiner, faces: Sequence[MeasuredFace], identities: Tensor) -> dict[str, Any]:
    released = [n for n, face in enumerate(faces) if face.outcome != WITHHELD]
    table: dict[str, Any] = {
        "role": one.role,
        "trained_on": one.trained_on,
        "threshold": one.threshold,
        "threshold_measured_here": (here := _calibrated(one, faces, identities)),
    }
    for kind in ("reconstruction", "swap", "output", "place"):
        known = [n for n, face in enumerate(faces) if kind in face.distances[one.name]]
        distances = np.array([faces[n].distances[one.name][kind] for n in known])
        table[kind] = _distance_stats(distances, identities[known].numpy(), one.threshold)
        if len(distances):
            limits = {far: limit for far, limit in here.items() if limit is not None}
            table[kind]["beyond_measured_here"] = {far: (distances > t).mean() for far, t in limits.items()}
    if one.threshold is not None and released:
        hidden = [_hidden(faces[n], one) for n in released]
        table["output"]["beyond_conservative"] = bootstrap_mean(
            hidden, identities[released].numpy()
        ).to_dict()
        table["output"]["not_found"] = sum(faces[n].outcome == NOT_FOUND for n in released)
    return table


def _hidden(face: MeasuredFace, one: Examiner) -> bool:
    """Found, and beyond the threshold both where it was found and where the source's face was."""
    distances = face.distances[one.name]
    return face.outcome == FOUND and min(distances["output"], distances["place"]) > one.threshold


def _distance_stats(distances: np.ndarray, identities: np.ndarray, threshold: float | None) -> dict[str, Any]:
    if not len(distances):
        return {"faces": 0}
    table = {
        "faces": len(distances),
        "mean": distances.mean(),
        "std": distances.std(),
        "smallest": distances.min(),
    }
    if threshold is not None:
        table["beyond"] = bootstrap_mean(distances > threshold, identities).to_dict()
    return table


def _calibrated(one: Examiner, faces: Sequence[MeasuredFace], identities: Tensor) -> dict[str, float | None]:
    """The distance at which this recogniser confuses two of these people at a given rate, from the clean pictures."""
    sampled = _sampled(len(faces))
    vectors, names = torch.stack([faces[n].before[one.name] for n in sampled]), identities[sampled]
    different = torch.triu(names[:, None] != names[None], diagonal=1)
    impostors = pairwise_identity_distance(vectors, vectors)[different]
    table: dict[str, float | None] = {}
    for far in (1e-2, 1e-3):
        table[f"{far:g}"] = threshold_at_far(impostors, far) if len(impostors) * far >= 1 else None
    return table


def attack_section(one: Examiner, faces: Sequence[MeasuredFace], identities: Tensor) -> dict[str, Any]:
    released = [n for n, face in enumerate(faces) if face.outcome != WITHHELD]
    clean = _face_set(one, "before", faces, range(len(faces)), identities)
    attacks: dict[str, Any] = {}
    repeated = len(identities.unique()) < len(identities)
    without = {"note": "not measured: it needs two pictures of one person, and to be told who is in them"}
    attacks["clean"] = attack_to_dict(reidentify(clean)) if repeated else without
    if not released:
        return attacks | {"naive": {"note": "not measured: every picture was withheld"}}
    hidden = _face_set(one, "after", faces, released, identities)
    attacks["naive"] = attack_to_dict(reidentify(hidden, clean))
    attacks["naive, other pictures"] = (
        attack_to_dict(reidentify(hidden, clean, own_picture=False)) if repeated else without
    )
    attacks["parrot"] = attack_to_dict(reidentify(hidden)) if repeated else without
    return attacks


def _face_set(
    one: Examiner, side: str, faces: Sequence[MeasuredFace], numbers: Sequence[int], identities: Tensor
) -> FaceSet:
    """The faces `numbers` as they were `before` or `after`; one that was not found becomes a row of NaN."""
    lost = torch.full_like(faces[0].before[one.name], torch.nan)
    views = [getattr(faces[n], side) for n in numbers]
    index = torch.tensor(list(numbers))
    vectors = torch.stack([lost if view is None else view[one.name] for view in views])
    return FaceSet(vectors, identities[index], index)


def diversity_section(one: Examiner, faces: Sequence[MeasuredFace], identities: Tensor) -> dict[str, Any]:
    if one.threshold is None:
        return {"note": "not measured: no threshold is known for this recogniser"}
    found = [n for n, face in enumerate(faces) if face.outcome == FOUND]
    found = [found[n] for n in _sampled(len(found))]
    table: dict[str, Any] = {
        "faces": len(found),
        "not_found": sum(face.outcome == NOT_FOUND for face in faces),
        "identities": len(identities[found].unique()),
    }
    if not found:
        return table
    before, after = (
        torch.stack([getattr(faces[n], side)[one.name] for n in found]) for side in ("before", "after")
    )
    names = identities[found]
    for side, vectors in (("before", before), ("after", after)):
        table[f"clusters_{side}"] = len(set(cluster_identities(vectors, one.threshold).tolist()))
        table[f"clusters_{side}_dbscan"] = len(
            set(cluster_identities(vectors, one.threshold, method="dbscan"))
        )
        table[f"collisions_{side}"] = _collided(collisions(vectors, names, one.threshold))
    taken = collisions(after, names, one.threshold, others=before, other_identities=names)
    return table | {"like_another_original": _collided(taken)}


def _collided(found: Any) -> dict[str, Any]:
    return {"pairs": found.pairs, "of": found.compared, "faces": float(found.faces.mean())}


def _sampled(count: int) -> list[int]:
    if count <= _MOST_AT_ONCE:
        return list(range(count))
    return sorted(np.random.default_rng(0).choice(count, _MOST_AT_ONCE, replace=False).tolist())
