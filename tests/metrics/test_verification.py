"""ROC and rates: scikit-learn's values, and intervals from resampling people."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import auc, roc_auc_score, roc_curve

from styleid.errors import InputError
from styleid.metrics import Pairs, bootstrap_mean, roc, verify_pairs


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def distances(rng) -> tuple[np.ndarray, np.ndarray]:
    """Rounded, so that there are ties: 300 genuine and 4000 impostor distances that overlap."""
    return rng.normal(0.7, 0.2, 300).clip(0).round(2), rng.normal(1.1, 0.2, 4000).clip(0).round(2)


def all_pairs(embeddings: np.ndarray, identities: np.ndarray) -> Pairs:
    i, j = np.triu_indices(len(embeddings), 1)
    distances = np.linalg.norm(embeddings[i] - embeddings[j], axis=1)
    return Pairs(distances, identities[i], identities[j])


def test_the_curve_is_scikit_learns(distances):
    genuine, impostor = distances
    truth = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]
    score = -np.r_[genuine, impostor]
    far, tar, thresholds = roc_curve(truth, score, drop_intermediate=False)
    curve = roc(genuine, impostor)
    np.testing.assert_array_equal(curve.far, far)
    np.testing.assert_array_equal(curve.tar, tar)
    np.testing.assert_array_equal(curve.thresholds, -thresholds)
    assert curve.auc == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert curve.auc == pytest.approx(auc(far, tar), abs=1e-12)


def test_tar_at_far_never_exceeds_its_far(distances):
    genuine, impostor = distances
    curve = roc(genuine, impostor)
    for far in (0.1, 0.01, 0.001):
        allowed = [t for t in np.unique(np.r_[genuine, impostor]) if (impostor <= t).mean() <= far]
        assert curve.tar_at(far) == pytest.approx((genuine <= max(allowed)).mean())


def test_equal_error_rate_of_known_cases():
    assert roc([0.1, 0.2], [0.8, 0.9]).eer == 0  # apart
    assert roc([0.8, 0.9], [0.1, 0.2]).eer == 1  # the wrong way round
    assert roc([0.5], [0.5]).eer == pytest.approx(0.5)  # all alike
    assert roc([0.1, 0.2, 0.3, 0.7], [0.25, 0.8, 0.9, 1.0]).eer == pytest.approx(0.25)


def test_rates_and_counts(rng):
    identities = np.repeat(np.arange(30), 4)
    centres = rng.normal(size=(30, 16))
    pairs = all_pairs(centres[identities] + rng.normal(size=(120, 16)), identities)
    result = verify_pairs(pairs, fars=(0.1, 1e-3, 1e-6), resamples=200)
    genuine, impostor = pairs.distances[pairs.genuine], pairs.distances[~pairs.genuine]
    assert (result.genuine, result.impostor) == (len(genuine), len(impostor)) == (180, 6960)
    assert result.auc.value == pytest.approx(roc(genuine, impostor).auc)
    assert result.tar[0.1].value == pytest.approx(result.roc.tar_at(0.1))
    assert result.tar[1e-6] is None  # 6960 pairs say nothing about one in a million
    for interval in (result.auc, result.eer, result.tar[0.1], result.tar[1e-3]):
        assert interval.low <= interval.value <= interval.high
        assert interval.low < interval.high


def test_one_draw_of_everybody_is_the_plain_rate(rng):
    """A bootstrap round in which each person is drawn once must give the rates of the curve itself, ties included."""
    identities = np.repeat(np.arange(6), 3)
    pairs = all_pairs(rng.normal(size=(18, 3)).round(1), identities)
    pairs = Pairs(pairs.distances.round(1), pairs.first, pairs.second)

    class Once:
        def multinomial(self, n, shares):
            return np.ones(n, dtype=int)

    result = verify_pairs(pairs, fars=(0.1,), resamples=30, rng=Once())
    for interval in (result.auc, result.eer, result.tar[0.1]):
        assert interval.low == pytest.approx(interval.value) == interval.high


def test_intervals_cover_the_truth_and_shrink_with_more_people(rng):
    def interval(people: int):
        values = np.repeat(rng.random(people) < 0.3, 5)  # five pictures of one person behave alike
        return bootstrap_mean(values, np.repeat(np.arange(people), 5))

    covered = [(i.low <= 0.3 <= i.high) for i in (interval(60) for _ in range(60))]
    assert np.mean(covered) > 0.8
    wide, narrow = interval(20), interval(2000)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_a_single_person_has_no_interval():
    interval = bootstrap_mean([0.0, 1.0], [7, 7])
    assert (interval.value, interval.low, interval.high) == (0.5, None, None)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_mean_over_what_was_not_measured_is_refused(bad):
    with pytest.raises(InputError, match="not measured"):
        bootstrap_mean([0.0, bad, 1.0], [1, 2, 3])


@pytest.mark.parametrize("bad", [[np.nan], [np.inf], [-1.0], []])
def test_distances_of_faces_that_were_not_found_are_refused(bad):
    with pytest.raises(InputError):
        roc(bad, [1.0])
    with pytest.raises(InputError):
        roc([1.0], bad)
