"""The estimator from gradients, against the whole Jacobian and against the exact ranking."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from styleid.errors import InputError
from styleid.family import load_family
from styleid.latent import rank_family
from styleid.latent._memo import Memo
from styleid.latent._population import Population, blocks, windows
from styleid.latent.attribution import attributed_distances, generator_passes


class Linear(nn.Module):
    """Stands in for all networks: a linear map, whose Jacobian is its matrix."""

    input_size = 16

    def __init__(self, inputs: int, outputs: int, scale: float) -> None:
        super().__init__()
        self.map = nn.Linear(inputs, outputs, bias=False)
        nn.init.normal_(self.map.weight, std=scale)

    def synthesis(self, w_plus):
        return self.map(w_plus.flatten(1)).view(-1, 3, 16, 16)

    def forward(self, x):
        return self.map(x.flatten(1))


@pytest.fixture(scope="module")
def linear():
    """A population of 4 codes [3, 8] of linear networks."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = Linear(24, 3 * 256, 0.01), Linear(3 * 256, 20, 0.1), Linear(3 * 256, 5, 0.1)
        codes = torch.randn(4, 3, 8)
    generator, recogniser, attributes = networks
    view = SimpleNamespace(network=recogniser, view=lambda x: x * 2 - 1)
    family = SimpleNamespace(generator=generator, recogniser=view, attributes=attributes)
    return Population(family, codes, codes, torch.zeros(4, 20), torch.zeros(4, 5), None)


def estimate(population, layer_distances, sizes, directions):
    return attributed_distances(
        population,
        layer_distances,
        sizes,
        directions=directions,
        seed=2,
        memo=Memo(None, {}),
        step=lambda: None,
    )


@pytest.mark.parametrize("directions", [1, 3])
def test_estimates_the_lengths_that_a_jacobian_gives(linear, directions):
    """Few directions are enough on average: here over many runs of the same four codes."""
    family, codes = linear.family, linear.w_s
    change = (codes[None] - codes[:, None])[~torch.eye(4, dtype=torch.bool)]  # [12, 3, 8] every ordered pair
    expected = []
    for network in (family.recogniser.network, family.attributes):
        rows = (network.map.weight @ family.generator.map.weight).view(-1, 3, 8)
        moved = rows * change[:, None]  # [12, D, 3, 8]
        expected.append(
            [
                torch.linalg.vector_norm(part, dim=1).mean(0)
                for part in (moved.unflatten(-1, (2, 4)).sum(-1), moved.sum(-1))
            ]
        )
    parts, whole = (torch.stack(part, dim=-1) for part in zip(*expected, strict=True))
    many = Population(family, codes.repeat(60, 1, 1), codes, linear.embeddings, linear.attributes, None)
    # codes of four kinds: each kind meets itself too, where nothing moves
    found = estimate(many, whole, (4,), directions)[4]  # [3, 2, 2]
    torch.testing.assert_close(found, parts, rtol=0.1, atol=0)


def test_one_run_gives_every_block_size_and_whole_layers_are_exact(linear):
    given = torch.rand(3, 2, generator=torch.Generator().manual_seed(0)) + 0.5
    found = estimate(linear, given, (1, 4, 8), 2)
    assert [found[size].shape for size in (1, 4, 8)] == [(3, 8, 2), (3, 2, 2), (3, 1, 2)]
    torch.testing.assert_close(found[8][:, 0], given)


def test_orders_the_blocks_of_the_shipped_generator_as_swapping_them_does():
    family = load_family("embedded")
    population = Population.draw(family, pairs=8, seed=3)
    layers, channels = population.w_s.shape[1:]
    exact, singles = (
        torch.stack([population.distances(candidate.mask(layers, channels)) for candidate in candidates])
        for candidates in (blocks(layers, channels, 256), windows(layers, channels, 1))
    )
    found = estimate(population, singles, (256,), 4)[256].flatten(0, 1)
    for kind in (0, 1):  # identity, attributes
        assert spearmanr(exact[:, kind], found[:, kind]).statistic > 0.9


def test_works_under_inference_mode_as_comfyui_calls_it(tiny_family):
    with torch.inference_mode():
        ranking = rank_family(tiny_family, pairs=1, block=256, max_window=1, estimator="attribution")
    assert bool(ranking.channel_scores.isfinite().all())
    assert ranking.provenance["estimator"] == "attribution"


def test_needs_few_passes():
    assert generator_passes(identities=10, directions=4) == 90


def test_unknown_estimators_are_named(tiny_family):
    with pytest.raises(InputError, match="exact, attribution"):
        rank_family(tiny_family, pairs=1, estimator="guess")
