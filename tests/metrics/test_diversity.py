from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import DBSCAN, AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from styleid.errors import InputError
from styleid.metrics import cluster_identities, collisions


@pytest.fixture
def faces() -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    centres = torch.randn(8, 16, generator=rng)
    return centres.repeat_interleave(5, 0) + 0.35 * torch.randn(40, 16, generator=rng)


def test_clusters_are_scikit_learns(faces):
    unit = (faces / faces.norm(dim=1, keepdim=True)).numpy()
    tree = AgglomerativeClustering(n_clusters=None, distance_threshold=0.8, linkage="average").fit_predict(
        unit
    )
    assert adjusted_rand_score(tree, cluster_identities(faces, 0.8)) == 1
    chain = DBSCAN(eps=0.5, min_samples=1).fit_predict(unit)
    assert adjusted_rand_score(chain, cluster_identities(faces, 0.5, method="dbscan")) == 1


def test_people_are_told_apart_at_a_sensible_threshold(faces):
    truth = np.arange(8).repeat(5)
    assert adjusted_rand_score(truth, cluster_identities(faces, 0.8)) == 1
    assert len(set(cluster_identities(faces, 1e-6))) == 40  # everybody alone
    assert len(set(cluster_identities(faces, 2.0))) == 1  # everybody one
    assert len(cluster_identities(faces[:1], 0.8)) == 1


def test_collisions_are_pairs_of_different_people():
    faces = torch.tensor([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [0.01, 1.0]])
    found = collisions(faces, torch.tensor([0, 0, 1, 2]), 0.5)
    assert (found.pairs, found.compared) == (1, 5)  # 0 and 1 are one person
    assert found.faces.tolist() == [False, False, True, True]


def test_collisions_with_another_set():
    outputs, originals = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 1.0], [0.1, 1.0]])
    found = collisions(
        outputs, torch.tensor([0, 1]), 0.5, others=originals, other_identities=torch.tensor([0, 1])
    )
    assert (found.pairs, found.compared) == (1, 2)
    assert found.faces.tolist() == [False, True]  # the second now looks like the first's original


def test_what_was_not_measured_raises(faces):
    faces[3] = torch.nan
    for call in (lambda: cluster_identities(faces, 0.8), lambda: collisions(faces, torch.arange(40), 0.8)):
        with pytest.raises(InputError, match="not measured"):
            call()
    with pytest.raises(InputError):
        cluster_identities(faces[:2], 0.0)
    with pytest.raises(InputError, match="kmeans"):
        cluster_identities(faces[:2], 0.8, method="kmeans")
