from __future__ import annotations

import math

import pytest
import torch

from styleid.errors import InputError
from styleid.metrics import (
    Reference,
    attribute_changes,
    attribute_distance,
    attributes_preserved,
    disentanglement_score,
)

REFERENCE = Reference(id_low=0.0, id_high=1.2, attr_low=0.0, attr_high=0.8)


def test_attribute_distance_known_values():
    a = torch.tensor([[0.0, 1.0], [0.5, 0.5]])
    b = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    torch.testing.assert_close(attribute_distance(a, b), torch.tensor([math.sqrt(2.0), 0.0]))
    torch.testing.assert_close(attribute_distance(a[0], b), attribute_distance(a[:1].expand(2, 2), b))


def test_an_attribute_is_preserved_when_it_keeps_its_side():
    kept = attributes_preserved(torch.tensor([0.4, 0.6, 0.5]), torch.tensor([0.1, 0.4, 0.9]))
    assert kept.tolist() == [True, False, True]


@pytest.mark.parametrize(
    "bad", [torch.tensor([[0.1, 1.2]]), torch.tensor([[0.1, torch.nan]]), torch.zeros(1, 3)]
)
def test_attribute_distance_refuses_what_is_no_confidence(bad):
    with pytest.raises(InputError):
        attribute_distance(torch.zeros(1, 2), bad)


def test_score_is_zero_for_nothing_and_alpha_minus_beta_for_everything():
    nothing, everything = torch.zeros(4), torch.ones(4)
    assert float(disentanglement_score(nothing, nothing, reference=REFERENCE)) == 0.0
    score = disentanglement_score(
        everything * 1.2, everything * 0.8, alpha=2.0, beta=0.5, reference=REFERENCE
    )
    assert float(score) == pytest.approx(1.5)


def test_score_follows_its_formula_for_several_candidates():
    generator = torch.Generator().manual_seed(0)
    d_id, d_attr = torch.rand(3, 10, generator=generator), torch.rand(3, 10, generator=generator)
    reference = Reference(0.1, 1.1, 0.2, 0.7)
    expected = (d_id.mean(-1) - 0.1) / 1.0 - 2.0 * (d_attr.mean(-1) - 0.2) / 0.5
    torch.testing.assert_close(disentanglement_score(d_id, d_attr, beta=2.0, reference=reference), expected)


def test_identity_moved_with_attributes_kept_scores_highest():
    d_id, d_attr = torch.tensor([[1.0], [1.0], [0.1]]), torch.tensor([[0.1], [0.7], [0.1]])
    assert int(disentanglement_score(d_id, d_attr, reference=REFERENCE).argmax()) == 0


@pytest.mark.parametrize(
    "bad", [torch.tensor([torch.nan]), torch.tensor([-1.0]), torch.tensor([torch.inf]), torch.ones(2)]
)
def test_score_refuses_what_was_not_measured(bad):
    with pytest.raises(InputError):
        disentanglement_score(torch.ones(1), bad, reference=REFERENCE)


@pytest.mark.parametrize("weight", [{"alpha": math.nan}, {"beta": math.inf}])
def test_score_refuses_weights_that_are_no_numbers(weight):
    with pytest.raises(InputError, match="finite"):
        disentanglement_score(torch.ones(1), torch.ones(1), reference=REFERENCE, **weight)


def test_whole_numbers_and_lists_count_as_numbers():
    expected = disentanglement_score(torch.ones(2), torch.tensor([0.0, 1.0]), reference=REFERENCE)
    assert disentanglement_score([1, 1], torch.tensor([0, 1]), reference=REFERENCE) == expected
    (change,) = attribute_changes(["Young"], [[1], [0]], torch.tensor([[0.75], [0.25]]).half())
    assert (change.before, change.after, change.preserved, change.moved) == (0.5, 0.5, 1.0, 0.25)


def test_a_reference_without_spread_raises():
    with pytest.raises(InputError, match="identity"):
        Reference(0.0, 0.0, 0.0, 1.0)
    with pytest.raises(InputError, match="attribute"):
        Reference(0.0, 1.0, 0.0, math.nan)
