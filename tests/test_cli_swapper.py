"""`python -m styleid train-swapper`."""

from __future__ import annotations

import json

import pytest

from styleid.cli import main
from styleid.networks import load_network


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
