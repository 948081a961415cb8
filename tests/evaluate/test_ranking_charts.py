"""Charts of rankings: pictures that show something, for any shape of ranking."""

from __future__ import annotations

import pytest
import torch

from styleid.evaluate.ranking_charts import channel_chart, curve_chart, window_chart
from styleid.latent import Curves, Ranking


@pytest.fixture
def ranking():
    generator = torch.Generator().manual_seed(0)
    windows = torch.rand(3, 8, generator=generator) - 0.2
    windows[1, 7:], windows[2, 6:] = torch.nan, torch.nan
    return Ranking((3, 4), windows, torch.rand(8, 64, generator=generator) - 0.5, 8, {})


def colours(picture):
    return len(torch.unique(picture.flatten(0, 1), dim=0))


@pytest.mark.parametrize("draw", [window_chart, channel_chart])
def test_scores_are_drawn(ranking, draw):
    picture = draw(ranking)
    assert picture.ndim == 3 and picture.shape[-1] == 3 and picture.dtype == torch.float32
    assert float(picture.min()) >= 0 and float(picture.max()) <= 1
    other = Ranking(ranking.layers, ranking.window_scores.flip(0), -ranking.channel_scores, ranking.block, {})
    assert colours(picture) > 100
    assert not torch.equal(picture, draw(other))


def test_curves_are_drawn_with_the_threshold():
    distances = torch.stack([torch.linspace(0, 1, 4), torch.linspace(0, 2, 4)], dim=-1)
    curves = Curves((1, 64), (0, 100, 200, 300), distances.expand(2, 4, 2) * 1.0, torch.zeros(2, 4))
    assert not torch.equal(curve_chart(curves), curve_chart(curves, threshold=0.9))


def test_one_layer_and_one_score():
    ranking = Ranking((0,), torch.zeros(1, 1), torch.zeros(1, 1), 512, {})
    assert window_chart(ranking).shape == channel_chart(ranking).shape
