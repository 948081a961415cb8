"""Identity diversity: how many people a recogniser sees in a set of faces, and who collides with whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .identity import pairwise_identity_distance

__all__ = ["Collisions", "cluster_identities", "collisions"]

_ROWS = 512


@dataclass(frozen=True)
class Collisions:
    """Pairs of faces of different identities that lie closer than the threshold.

    pairs: how many, of `compared`; faces: bool [N], which faces of the first set are in one.
    """

    pairs: int
    compared: int
    faces: np.ndarray


def cluster_identities(embeddings: Tensor, threshold: float, *, method: str = "average") -> np.ndarray:
    """Group faces into people at a recogniser's threshold.

    Args:
        embeddings: ``[N, D]``, normalised here.
        threshold: L2 distance below which two faces are one person.
        method: ``average`` is scikit-learn's agglomerative clustering with average linkage, ``dbscan`` its DBSCAN with
            clusters of one face and more (chains of near faces become one person).

    Returns:
        Integers ``[N]``, the cluster of each face.

    Raises:
        InputError: embeddings that are no ``[N, D]``, a threshold that is not positive, an unknown method.
    """
    from sklearn.cluster import DBSCAN, AgglomerativeClustering

    if method not in ("average", "dbscan"):
        raise InputError(f"Clustering is 'average' or 'dbscan', found {method!r}.")
    if not threshold > 0:
        raise InputError(f"The threshold must be a positive distance, found {threshold}.")
    pairwise_identity_distance(embeddings[:1], embeddings)  # raises for what was not measured
    unit = torch.nn.functional.normalize(embeddings.double(), dim=1).cpu().numpy()
    if len(unit) == 1:
        return np.zeros(1, dtype=int)
    if method == "dbscan":
        return DBSCAN(eps=threshold, min_samples=1).fit_predict(unit)
    return AgglomerativeClustering(
        n_clusters=None, distance_threshold=threshold, linkage="average"
    ).fit_predict(unit)


def collisions(
    embeddings: Tensor,
    identities: Tensor,
    threshold: float,
    *,
    others: Tensor | None = None,
    other_identities: Tensor | None = None,
) -> Collisions:
    """Faces of different identities that a recogniser would take for one person.

    Args:
        embeddings, identities: ``[N, D]`` and integers ``[N]``.
        threshold: L2 distance below which two faces are one person.
        others, other_identities: another set ``[M, D]``, ``[M]`` (the originals: who now looks like somebody else in
            the set?); by default the faces are compared with each other, each pair once.
    """
    alone = others is None
    others = embeddings if others is None else others
    names = torch.as_tensor(identities)
    other_names = names if other_identities is None else torch.as_tensor(other_identities)
    if len(names) != len(embeddings) or len(other_names) != len(others):
        raise InputError("Each face needs an identity: the numbers of faces and identities differ.")
    pairs = compared = 0
    involved = np.zeros(len(embeddings), dtype=bool)
    for start in range(0, len(embeddings), _ROWS):
        rows = slice(start, start + _ROWS)
        distances = pairwise_identity_distance(embeddings[rows], others)
        different = names[rows, None] != other_names[None]
        near = (distances < threshold) & different
        involved[rows] = near.any(1).cpu().numpy()
        pairs += int(near.sum())
        compared += int(different.sum())
    return Collisions(pairs // 2, compared // 2, involved) if alone else Collisions(pairs, compared, involved)
