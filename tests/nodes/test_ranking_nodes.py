"""Rank Layers, Rank Channels, and the nodes that a ranking can be wired to."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

QUICK = {"pairs": 1}


@pytest.fixture
def codes(node, tiny_family):
    return node("StyleIDRandomIdentity")(models=tiny_family, count=2, seed=1)[0]


@pytest.fixture
def target(node, tiny_family):
    return node("StyleIDRandomIdentity")(models=tiny_family, count=2, seed=2)[0]


def moved_layers(before, after):
    return (before.w_plus != after.w_plus).any(-1).any(0).nonzero().flatten().tolist()


def test_ranked_layers_are_swapped_by_either_wire(node, tiny_family, codes, target):
    with torch.inference_mode():  # as ComfyUI runs nodes
        ranking, layers, chart, scores = node("StyleIDRankLayers")(models=tiny_family, widest=2, **QUICK)
    assert chart.ndim == 4 and chart.shape[0] == 1 and chart.shape[-1] == 3
    assert len(scores.splitlines()) == 2 and layers in scores
    swap = node("StyleIDSwapIdentityLayers")
    common = {"models": tiny_family, "source": codes, "target": target}
    (by_text,) = swap(layers=layers, **common)
    (by_ranking,) = swap(ranking=ranking, **common)
    assert torch.equal(by_text.w_plus, by_ranking.w_plus)
    assert moved_layers(codes, by_ranking) == list(ranking.layers)


def test_ranked_channels_make_a_mask(node, tiny_family, codes, target):
    with torch.inference_mode():
        layers_ranking = node("StyleIDRankLayers")(models=tiny_family, widest=2, **QUICK)[0]
        ranking, chart, scores = node("StyleIDRankChannels")(
            models=tiny_family, ranking=layers_ranking, **QUICK
        )
    assert ranking.block == 1 and ranking.channel_scores.shape == (8, 512)
    assert ranking.layers == layers_ranking.layers
    assert chart.shape[0] == 1 and len(scores.splitlines()) == 8
    mask, count = node("StyleIDChannelMask")(models=tiny_family, share=0.25, ranking=ranking)
    assert count == 1024 and torch.equal(mask[0].bool(), ranking.channel_mask(1024))
    (swapped,) = node("StyleIDSwapChannels")(source=codes, target=target, channels=mask)
    changed = (swapped.w_plus != codes.w_plus).any(0)
    assert torch.equal(changed, mask[0].bool())


def test_blocks_and_the_exact_estimator(node, tiny_family):
    ranking = node("StyleIDRankChannels")(models=tiny_family, block="256", estimator="exact", **QUICK)[0]
    assert ranking.block == 256 and ranking.provenance["estimator"] == "exact"


def test_a_ramp_gives_a_grey_mask_of_the_same_sum(node, tiny_family):
    hard, count = node("StyleIDChannelMask")(models=tiny_family, share=0.5)
    soft, same = node("StyleIDChannelMask")(models=tiny_family, share=0.5, ramp=0.2)
    assert count == same and set(hard.unique().tolist()) == {0.0, 1.0}
    assert float(soft.sum()) == pytest.approx(count) and len(soft.unique()) > 100


def test_rankings_of_other_models_are_refused(node, tiny_family, errors, codes):
    own = tiny_family.ranking
    other = replace(own, channel_scores=own.channel_scores[:4])
    for kind, inputs in (
        ("StyleIDChannelMask", {"share": 0.1}),
        ("StyleIDSwapIdentityLayers", {"source": codes, "target": codes}),
        ("StyleIDRankChannels", QUICK),
    ):
        with pytest.raises(errors.InputError, match="4"):
            node(kind)(models=tiny_family, ranking=other, **inputs)


def test_cancel_stops_the_measurement(node, tiny_family, monkeypatch, pack):
    import sys

    class Cancelled(Exception):
        pass

    def bar(total):
        def progress(done, total):
            if done == 3:
                raise Cancelled

        return progress

    monkeypatch.setattr(sys.modules[f"{pack.__name__}.nodes._bridge"], "progress_bar", bar)
    with pytest.raises(Cancelled):
        node("StyleIDRankLayers")(models=tiny_family, **QUICK)
