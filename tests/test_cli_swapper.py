"""`python -m styleid train-swapper`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from styleid.cli import main
from styleid.networks import load_network, write_network
from styleid.networks.swapper import Swapper, swapper_config


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tiny_family):
    monkeypatch.setattr("styleid.family.load_family", lambda *args, **kwargs: tiny_family)


def test_a_network_and_its_curve_are_written(tmp_path, capsys):
    target = tmp_path / "mine.safetensors"
    assert main(["train-swapper", str(target), "--steps", "4", "--examples", "8", "--device", "cpu"]) == 0
    assert load_network(target, "swapper").num_layers == 8
    curve = json.loads(target.with_suffix(".json").read_text())["curve"]
    assert curve[-1]["step"] == 4
    assert "distance" in capsys.readouterr().out


def test_an_existing_file_is_kept(tmp_path):
    target = tmp_path / "mine.safetensors"
    target.write_text("mine")
    assert main(["train-swapper", str(target)]) == 2
    assert target.read_text() == "mine"


def test_an_existing_curve_is_kept(tmp_path, capsys):
    curve = tmp_path / "mine.json"
    curve.write_text("mine")
    assert main(["train-swapper", str(tmp_path / "mine.safetensors")]) == 2
    assert "mine.json" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"] and curve.read_text() == "mine"


def test_what_was_trained_anonymises(tmp_path, capsys, monkeypatch, tiny_family):
    """`--swapper` reaches the family that anonymises, and the report says which file it was."""
    torch.manual_seed(3)
    network = Swapper(swapper_config(8, (2, 3), hidden=8))
    write_network(network, tmp_path / "mine.safetensors", "swapper")
    given = []

    def load(*_, swapper=None, **__):
        given.append(swapper)
        return replace(tiny_family, swapper=load_network(swapper, "swapper"))

    monkeypatch.setattr("styleid.family.load_family", load)
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "a.png")
    own = ["--method", "swapper", "--swapper", str(tmp_path / "mine.safetensors")]
    where = [str(tmp_path / name) for name in ("a.png", "b.png")]
    assert (
        main(["anonymize", *where, *own, "--report", str(tmp_path / "r.json")]) == 1
    )  # no face, nothing written
    assert given == [tmp_path / "mine.safetensors"]
    settings = json.loads((tmp_path / "r.json").read_text())["settings"]
    assert settings["swapper"].startswith("mine.safetensors ")
    assert settings["ranking"] is None
    assert main(["anonymize", *where, *own[2:], "--overwrite"]) == 2
    assert "--method swapper" in capsys.readouterr().err
    missing = [*own[:3], str(tmp_path / "none.safetensors")]
    assert main(["anonymize", str(tmp_path / "a.png"), str(tmp_path / "c.png"), *missing]) == 2
    assert "none.safetensors" in capsys.readouterr().err
