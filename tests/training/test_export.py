"""What training writes into a models folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from styleid.latent import Ranking, save_ranking
from training import export
from training.__main__ import forget_codes
from training.export import edit_manifest, set_recogniser
from training.ranking import set_ranking, ship
from training.swapper import set_swapper


def invented_manifest() -> dict:
    shared = {"generator": "embedded-generator", "ranking": "embedded-ranking", "swapper": "embedded-swapper"}
    ours, other = {"weights": "embedded-recogniser", "threshold": 0.5}, {"weights": "arc", "threshold": 0.7}
    judge = {"weights": "dlib-resnet", "threshold": 0.44}
    families = {
        "embedded": {**shared, "recogniser": dict(ours)},
        "embedded-dlib": {**shared, "recogniser": dict(ours), "judge": judge},
        "public": {"generator": "public", "ranking": "public-ranking", "swapper": "p", "recogniser": other},
    }
    return {"version": 1, "weights": {}, "families": families}


def test_every_family_with_the_recogniser_gets_its_new_threshold() -> None:
    manifest = invented_manifest()
    set_recogniser(manifest, "recogniser", {"weights": "embedded-recogniser", "threshold": 0.9})
    set_recogniser(manifest, "judge", {"weights": "embedded-judge", "threshold": 0.8})
    families = manifest["families"]
    thresholds = [one["recogniser"]["threshold"] for one in families.values()]
    assert thresholds == [0.9, 0.9, 0.7]
    assert families["embedded"]["judge"]["threshold"] == 0.8
    assert families["embedded-dlib"]["judge"] == {"weights": "dlib-resnet", "threshold": 0.44}


def test_every_family_with_the_generator_loses_what_was_learned_on_its_codes_until_it_is_remade() -> None:
    manifest, before = invented_manifest(), invented_manifest()
    forget_codes(manifest)
    families = manifest["families"]
    assert not any(
        part in families[name] for name in ("embedded", "embedded-dlib") for part in ("ranking", "swapper")
    )
    assert families["public"] == before["families"]["public"]
    set_ranking(manifest)
    set_swapper(manifest)
    assert manifest == before


def test_a_first_run_has_no_other_family() -> None:
    manifest = {"version": 1, "weights": {}, "families": {}}
    forget_codes(manifest)
    set_ranking(manifest)
    assert manifest["families"] == {"embedded": {"ranking": "embedded-ranking"}}


def test_manifest_and_ranking_appear_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "made.safetensors"
    how = {"pairs": "3", "estimator": "attribution"}
    save_ranking(Ranking((2, 3), torch.ones(2, 8), torch.rand(8, 16), 32, how), file)
    ship(file, tmp_path)
    written = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert tmp_path / "manifest.json" in written and not list(tmp_path.glob("*.partial"))
    save_ranking(Ranking((2, 3), torch.ones(2, 8), torch.zeros(8, 16), 32, how), tmp_path / "other.new")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        ship(tmp_path / "other.new", tmp_path)
    with pytest.raises(KeyboardInterrupt):
        edit_manifest(tmp_path, lambda manifest: manifest["weights"].clear())
    assert {path: path.read_bytes() for path in written} == written
    assert json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["weights"]
