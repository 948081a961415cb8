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
    save_ranking(Ranking((2, 3), torch.rand(2, 8), torch.rand(8, 16), 32, how), file)
    models = tmp_path / "models"
    models.mkdir()
    ship(file, models)
    manifest = json.loads((models / "manifest.json").read_text())
    entry = manifest["weights"][manifest["families"]["embedded"]["ranking"]]
    data = (models / entry["file"]).read_bytes()
    assert entry["sha256"] == hashlib.sha256(data).hexdigest() and entry["bytes"] == len(data)
    assert entry["figures"] == {
        "identity_layers": "2 3",
        "pairs": 3,
        "block": 32,
        "estimator": "attribution",
    }
