"""A ranking that ships is what the manifest says."""

from __future__ import annotations

import hashlib
import json

import torch

from styleid.latent import Ranking, save_ranking


def test_a_ranking_is_registered_with_its_hash(tmp_path):
    from training.ranking import ship

    file = tmp_path / "made.safetensors"
    how = {"pairs": "3", "estimator": "attribution"}
    scores = torch.zeros(2, 8)
    scores[1, 2], scores[1, 7] = (
        1.0,
        torch.nan,
    )  # the window of two layers that begins with layer 2; one that does not fit
    save_ranking(Ranking((2, 3), scores, torch.rand(8, 16), 32, how), file)
    models = tmp_path / "models"
    models.mkdir()
    ship(file, models)
    manifest = json.loads((models / "manifest.json").read_text())
    entry = manifest["weights"][manifest["families"]["embedded"]["ranking"]]
    data = (models / entry["file"]).read_bytes()
    assert entry["sha256"] == hashlib.sha256(data).hexdigest() and entry["bytes"] == len(data)
    assert entry["figures"] == {
        "identity_layers": "2 3",
        "score_over_mean_of_windows": 7.0,
        "pairs": 3,
        "block": 32,
        "estimator": "attribution",
    }


def test_a_narrow_window_is_shipped_where_a_wide_one_is_hardly_better():
    from training.ranking import narrowest

    scores = torch.full((3, 6), 0.1)
    scores[1, 4:], scores[2, 3:] = torch.nan, torch.nan  # windows that do not fit
    scores[0, 4], scores[1, 3], scores[2, 2] = 0.5, 0.95, 1.0
    ranking = Ranking((2, 3, 4), scores, torch.rand(6, 16), 32, {})
    assert narrowest(ranking) == (3, 4)
