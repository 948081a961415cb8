from __future__ import annotations

import math

import pytest
import torch

from styleid.errors import InputError
from styleid.metrics import cosine_similarity, identity_distance, pairwise_identity_distance, threshold_at_far


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 32, generator=generator), torch.randn(5, 32, generator=generator)


def test_known_values():
    a = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    b = torch.tensor([[3.0, 0.0], [0.0, 0.5], [-7.0, 0.0]])
    torch.testing.assert_close(identity_distance(a, b), torch.tensor([0.0, math.sqrt(2.0), 2.0]))


def test_length_of_an_embedding_does_not_matter(pair):
    a, b = pair
    torch.testing.assert_close(identity_distance(a * 7, b * 0.01), identity_distance(a, b))


def test_cosine_follows_from_the_distance(pair):
    expected = torch.nn.functional.cosine_similarity(*pair)
    torch.testing.assert_close(cosine_similarity(identity_distance(*pair)), expected)


def test_pairwise_agrees_with_pairs(pair):
    a, b = pair
    table = pairwise_identity_distance(a, b[:3])
    assert table.shape == (5, 3)
    torch.testing.assert_close(table[:, 1], identity_distance(a, b[1]))
    torch.testing.assert_close(table.diagonal(), identity_distance(a[:3], b[:3]))


def test_gradients_are_finite_for_equal_embeddings(pair):
    a = pair[0].clone().requires_grad_()
    identity_distance(a, pair[0]).sum().backward()
    assert bool(torch.isfinite(a.grad).all())


def test_a_recogniser_can_do_the_embedding(pair):
    class Mean:
        name, threshold = "mean", 1.0

        def embed(self, crops):
            return crops.mean((1, 2))

    crops = torch.rand(2, 4, 4, 3, generator=torch.Generator().manual_seed(1))
    expected = identity_distance(crops[:1].mean((1, 2)), crops[1:].mean((1, 2)))
    torch.testing.assert_close(identity_distance(crops[:1], crops[1:], Mean()), expected)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_faces_that_were_not_measured_raise(pair, value):
    bad = pair[1].clone()
    bad[2] = value
    for function in (identity_distance, pairwise_identity_distance):
        with pytest.raises(InputError, match="not measured"):
            function(pair[0], bad)
        with pytest.raises(InputError, match="not measured"):
            function(bad, pair[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_types_may_be_mixed(pair, dtype):
    a, b = pair[0].to(dtype), pair[1]
    for function in (identity_distance, pairwise_identity_distance):
        for first, second in ((a, a), (a, b), (b, a)):
            expected = function(first.float(), second.float())
            torch.testing.assert_close(function(first, second).float(), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-42, 1e-25, 1e25, 1e38])
def test_any_length_of_float32_has_a_direction(scale):
    a, b = torch.tensor([[1.0, 1.0]]) * scale, torch.tensor([[1.0, -1.0]])
    for function in (identity_distance, pairwise_identity_distance):
        torch.testing.assert_close(function(a, b).flatten(), torch.tensor([math.sqrt(2.0)]))


def test_shapes_that_do_not_pair_raise(pair):
    a, b = pair
    for other in (b[:3], b[:, :8], b[:0], b[None]):
        with pytest.raises(InputError):
            identity_distance(a, other)


def test_threshold_keeps_the_false_accept_rate():
    distances = torch.rand(5000, generator=torch.Generator().manual_seed(0)) + 0.5
    for far in (1e-3, 1e-2, 0.1):
        threshold = threshold_at_far(distances, far)
        share = float((distances < threshold).double().mean())
        assert share <= far and share > far - 2 / 5000


def test_threshold_with_ties_and_lists():
    assert threshold_at_far([1.0] * 10, 0.1) == 1.0
    assert threshold_at_far([0.1, 0.9, 0.5, 0.7], 0.25) == 0.5


@pytest.mark.parametrize(
    ("distances", "far"),
    [
        ([1.0] * 9, 0.1),
        ([], 0.1),
        ([1.0] * 20, 0.0),
        ([1.0] * 20, 1.0),
        ([1.0, math.nan] * 10, 0.1),
        ([-1.0] * 20, 0.1),
    ],
)
def test_threshold_without_evidence_raises(distances, far):
    with pytest.raises(InputError):
        threshold_at_far(distances, far)
