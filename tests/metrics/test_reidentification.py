"""Attackers: who is recognised, by whom, and what becomes of faces that were not found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from styleid.errors import InputError
from styleid.metrics import FaceSet, cmc, reidentify, search_ranks
from styleid.metrics import reidentification as module


@pytest.fixture
def people() -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings [60, 32] of 20 people in three pictures each, and who they are."""
    rng = torch.Generator().manual_seed(0)
    identities = torch.arange(20).repeat_interleave(3)
    centres = torch.randn(20, 32, generator=rng)
    return centres[identities] + 0.9 * torch.randn(60, 32, generator=rng), identities


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=1, keepdim=True)


def test_auc_equals_scikit_learn_over_all_pairs(people):
    embeddings, identities = people
    moved = embeddings + torch.randn(60, 32, generator=torch.Generator().manual_seed(1))
    attack = reidentify(FaceSet(moved, identities), FaceSet(embeddings, identities), resamples=0)
    score = -(unit(moved)[:, None] - unit(embeddings)[None]).norm(dim=2)
    truth = identities[:, None] == identities[None]
    assert attack.verification.auc.value == pytest.approx(
        roc_auc_score(truth.ravel(), score.ravel()), abs=1e-6
    )
    assert (attack.verification.genuine, attack.verification.impostor) == (180, 3420)


def test_ranks_are_places_among_identities(people):
    embeddings, identities = people
    ranks, ties, mates = search_ranks(FaceSet(embeddings, identities))
    assert bool(mates.all()) and not ties.any()
    for probe in range(60):  # the plain formulation: nearest other picture of each identity, sorted
        distance = {}
        for other in range(60):
            if other != probe:
                d = float((unit(embeddings)[probe] - unit(embeddings)[other]).norm())
                name = int(identities[other])
                distance[name] = min(d, distance.get(name, 9.0))
        order = sorted(distance, key=distance.__getitem__)
        assert int(ranks[probe]) == 1 + order.index(int(identities[probe]))


def test_cmc_grows_to_one(people):
    attack = reidentify(FaceSet(*people), resamples=0)
    curve = cmc(attack.ranks, 20)
    assert (np.diff(curve) >= 0).all() and curve[-1] == 1
    assert curve[0] == pytest.approx(attack.rank(1).value)
    assert curve[4] == pytest.approx(attack.rank(5).value)


def test_unchanged_faces_are_recognised_and_random_ones_are_not(people):
    embeddings, identities = people
    clean = FaceSet(embeddings, identities)
    assert reidentify(clean, clean).rank(1).value == 1
    noise = FaceSet(torch.randn(60, 32, generator=torch.Generator().manual_seed(2)), identities)
    attack = reidentify(noise, clean)
    assert attack.rank(1).value < 0.2
    assert attack.verification.auc.low < 0.5 < attack.verification.auc.high


def test_the_parrot_recognises_what_the_naive_attacker_does_not(people):
    """One fixed new identity per person: far from the originals, and as easy to link among themselves."""
    embeddings, identities = people
    new = torch.randn(20, 32, generator=torch.Generator().manual_seed(3))[identities] + 0.1 * embeddings
    naive = reidentify(FaceSet(new, identities), FaceSet(embeddings, identities))
    parrot = reidentify(FaceSet(new, identities))
    assert naive.rank(1).value < 0.5
    assert parrot.rank(1).value == 1


def test_the_own_picture_can_be_left_out(people):
    embeddings, identities = people
    clean = FaceSet(embeddings, identities)
    attack = reidentify(clean, clean, own_picture=False)
    assert attack.verification.genuine == 60 * 2
    alone = FaceSet(embeddings[:3], torch.arange(3))
    assert reidentify(alone, alone, own_picture=False).without_mate == 3


def test_a_face_that_was_not_found_is_never_a_distance(people):
    embeddings, identities = people
    lost = embeddings.clone()
    lost[:6] = torch.nan  # two people, completely
    attack = reidentify(FaceSet(lost, identities), FaceSet(embeddings, identities), resamples=50)
    rest = reidentify(FaceSet(embeddings[6:], identities[6:]), FaceSet(embeddings, identities), resamples=50)
    assert (attack.probes, attack.missed, attack.pairs_missed) == (60, 6, 18)
    assert attack.verification.auc.value == pytest.approx(rest.verification.auc.value)
    assert attack.rank(1).value == rest.rank(1).value
    # and conservatively each of them was recognised
    recognised = 6 + (rest.ranks <= 1).sum()
    assert attack.rank_conservative(1).value == pytest.approx(recognised / 60)
    expected = (attack.verification.auc.value * 162 + 18) / 180
    assert attack.conservative(attack.verification.auc).value == pytest.approx(expected)


def test_nobody_found_gives_no_rate_but_a_count(people):
    embeddings, identities = people
    attack = reidentify(FaceSet(embeddings * torch.nan, identities), FaceSet(embeddings, identities))
    assert attack.verification is None
    assert attack.rank(1) is None
    assert attack.missed == 60
    assert attack.rank_conservative(1).value == 1


def test_equal_outputs_are_guessing():
    """Everybody behind the same mask: no probe is nearer to its own person than to others."""
    same = torch.ones(10, 8)
    attack = reidentify(FaceSet(same, torch.arange(5).repeat(2)), resamples=0)
    assert attack.verification.auc.value == pytest.approx(0.5)
    for k in (1, 2, 5, 9):
        assert attack.rank(k).value == attack.rank_conservative(k).value == pytest.approx(min(k / 5, 1))
    assert cmc(attack.ranks, 6, attack.ties) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])


def test_a_tie_may_be_won():
    """The second person's probe lies as near to the third; the third's not at all."""
    gallery = torch.eye(3)
    probes = torch.stack([gallery[0], gallery[1] + gallery[2], gallery[2]])
    attack = reidentify(FaceSet(probes, torch.arange(3)), FaceSet(gallery, torch.arange(3)))
    assert (attack.ranks.tolist(), attack.ties.tolist()) == ([1, 1, 1], [0, 1, 0])
    assert attack.rank(1).value == pytest.approx(2.5 / 3)
    assert attack.rank(2).value == 1


def test_many_pairs_are_sampled_and_rates_stay(people, monkeypatch):
    everything = reidentify(FaceSet(*people), FaceSet(*people), resamples=0)
    monkeypatch.setattr(module, "MOST_PAIRS", 1000)
    some = reidentify(FaceSet(*people), FaceSet(*people), resamples=0)
    assert some.verification.genuine == everything.verification.genuine
    assert 700 < some.verification.impostor < 1300
    assert some.verification.auc.value == pytest.approx(everything.verification.auc.value, abs=0.03)


def test_sets_that_do_not_fit_raise(people):
    embeddings, identities = people
    with pytest.raises(InputError):
        FaceSet(embeddings, identities[:5])
    with pytest.raises(InputError):
        reidentify(FaceSet(embeddings, identities), FaceSet(embeddings[:, :8], identities))
    assert "tensor" not in repr(FaceSet(embeddings, identities))
