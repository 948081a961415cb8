from __future__ import annotations

import pytest
import torch

from styleid.errors import InputError, WeightsError
from styleid.latent import load_ranking, random_targets, rank_family, save_ranking
from styleid.metrics import Reference, attribute_distance, disentanglement_score, identity_distance
from styleid.randomness import derive_generator


@pytest.fixture(scope="module")
def ranking(request):
    return rank_family(request.getfixturevalue("_networks"), pairs=3, seed=1, block=256, max_window=2)


def test_shapes_and_best_window(ranking):
    assert ranking.window_scores.shape == (2, 8) and ranking.channel_scores.shape == (8, 2)
    assert bool(ranking.window_scores[0].isfinite().all())
    assert ranking.window_scores[1].isfinite().tolist() == [True] * 7 + [False]
    best = max(ranking.best_window(1), ranking.best_window(2), key=lambda w: score_of(ranking, w))
    assert ranking.layers == best
    assert int(ranking.channel_mask(700).sum()) == 700 and ranking.num_channels == 8 * 512


def score_of(ranking, window):
    return float(ranking.window_scores[len(window) - 1, window[0]])


def test_a_window_score_is_the_formulas(ranking, tiny_family):
    w = random_targets(tiny_family, [derive_generator(1, i) for i in range(6)])
    pairs = [(i, (i + 3) % 6) for i in range(6)]  # both directions

    def measure(codes):
        crops = tiny_family.decode(codes)
        return tiny_family.recogniser.embed(crops), tiny_family.attribute_confidences(crops)

    e, a = measure(w)
    swapped = w.clone()
    for s, t in pairs:
        swapped[s, 3:5] = w[t, 3:5]
    e_o, a_o = measure(swapped)
    other = [t for _, t in pairs]
    reference = Reference(
        0.0, float(identity_distance(e, e[other]).mean()), 0.0, float(attribute_distance(a, a[other]).mean())
    )
    expected = disentanglement_score(
        identity_distance(e, e_o), attribute_distance(a, a_o), reference=reference
    )
    assert float(ranking.window_scores[1, 3]) == pytest.approx(float(expected), abs=1e-4)


def test_file_round_trip(ranking, tmp_path):
    path = tmp_path / "ranking.safetensors"
    save_ranking(ranking, path)
    again = load_ranking(path)
    assert again.layers == ranking.layers and again.block == ranking.block
    assert dict(again.provenance) == dict(ranking.provenance)
    assert again.provenance["pairs"] == "3" and len(again.provenance["generator_sha256"]) == 64
    torch.testing.assert_close(again.window_scores, ranking.window_scores, equal_nan=True)
    assert torch.equal(again.channel_scores, ranking.channel_scores)


def test_other_files_are_no_rankings(ranking, tmp_path):
    path = tmp_path / "ranking.safetensors"
    save_ranking(ranking, path)
    data = path.read_bytes()
    for content in (
        b"",
        b"not a ranking",
        data[: len(data) // 2],
        data.replace(b"styleid-ranking-1", b"styleid-ranking-9"),
    ):
        path.write_bytes(content)
        with pytest.raises(WeightsError):
            load_ranking(path)
    with pytest.raises(WeightsError):
        load_ranking(tmp_path / "missing.safetensors")


@pytest.mark.parametrize(
    "options", [{"pairs": 0}, {"block": 7}, {"block": 0}, {"max_window": 0}, {"seed": -1}]
)
def test_wrong_numbers_raise(tiny_family, options):
    with pytest.raises(InputError):
        rank_family(tiny_family, **{"pairs": 1, **options})


def test_progress(tiny_family):
    seen = []
    rank_family(tiny_family, pairs=1, block=512, max_window=1, progress=lambda *step: seen.append(step))
    assert seen == [(i, 16) for i in range(1, 17)]


def test_random_targets_are_distinct_repeatable_and_in_w(tiny_family):
    codes = random_targets(tiny_family, [derive_generator(3, i) for i in range(4)])
    assert codes.shape == (4, 8, 512) and torch.equal(codes, codes[:, :1].expand_as(codes))
    assert len({tuple(code[0, :4].tolist()) for code in codes}) == 4
    assert torch.equal(codes[2:3], random_targets(tiny_family, [derive_generator(3, 2)]))
    near = random_targets(tiny_family, [derive_generator(3, 2)], truncation=0.5)
    torch.testing.assert_close(
        near - tiny_family.generator.w_mean, (codes[2:3] - tiny_family.generator.w_mean) * 0.5
    )


def test_random_targets_refuse_shared_or_missing_randomness(tiny_family):
    one = derive_generator(1)
    for generators, truncation in (([], 1.0), ([one, one], 1.0), ([one], 0.0), ([one], 1.5)):
        with pytest.raises(InputError):
            random_targets(tiny_family, generators, truncation=truncation)
