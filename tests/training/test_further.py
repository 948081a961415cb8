"""Networks that are trained further stay apart from other training, and replace those that they began with at the end."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from styleid.networks.heads import AttributeConfig, AttributeNet
from training import __main__ as training
from training.data import Heads
from training.export import edit_manifest, register
from training.further import STARTS, deliver, further_folder
from training.regressors import train_attributes


class Opened:
    """Stands in for heads."""

    @classmethod
    def open(cls, _: Path) -> Opened:
        return cls()

    def exchanged(self, _: Path) -> None:
        return None


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder with invented files, and a family of somebody else."""
    folder = tmp_path / "models"
    folder.mkdir()
    for part in (*STARTS, "swapper", "detector"):
        fill(folder, part, "first")
    place = {"weights": "embedded-recogniser", "threshold": 0.5}
    families = {"embedded": {"recogniser": place, "judge": place}, "theirs": {"generator": "theirs"}}
    edit_manifest(folder, lambda manifest: manifest["families"].update(families))
    return folder


def fill(folder: Path, part: str, text: str) -> None:
    path = folder / f"embedded-{part}.safetensors"
    path.write_text(f"{part} {text}", encoding="utf-8")
    register(path.stem, "kind", path, folder, "nothing", {})


def test_a_further_run_goes_on_and_another_start_begins_anew(models: Path, tmp_path: Path) -> None:
    first = further_folder(models, tmp_path)
    fill(first / "models", "parser", "second")  # exported before the run was interrupted
    assert further_folder(models, tmp_path) == first
    assert "second" in (first / "models" / "embedded-parser.safetensors").read_text(encoding="utf-8")
    assert "first" in (models / "embedded-parser.safetensors").read_text(encoding="utf-8")
    fill(models, "parser", "third")
    assert further_folder(models, tmp_path) != first


def test_what_was_trained_further_replaces_its_start_and_nothing_else(models: Path, tmp_path: Path) -> None:
    made = further_folder(models, tmp_path) / "models"
    for part in (*STARTS, "swapper"):
        fill(made, part, "second")
    place = {"weights": "embedded-recogniser", "threshold": 0.7}
    edit_manifest(made, lambda manifest: manifest["families"]["embedded"].update(recogniser=place))
    fill(models, "detector", "made meanwhile")
    edit_manifest(models, lambda manifest: manifest["families"].update(new={"generator": "new"}))
    deliver(made, models)
    manifest = json.loads((models / "manifest.json").read_text(encoding="utf-8"))
    for name, entry in manifest["weights"].items():
        data = (models / entry["file"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert data.endswith(b"made meanwhile" if name == "embedded-detector" else b"second")
    families = manifest["families"]
    assert families["embedded"]["recogniser"]["threshold"] == 0.7
    assert families["embedded"]["swapper"] == "embedded-swapper"
    assert families["theirs"] == {"generator": "theirs"} and families["new"] == {"generator": "new"}
    assert not list(models.glob("*.partial"))
    deliver(made, models, detector=True)
    assert (models / "embedded-detector.safetensors").read_text(encoding="utf-8") == "detector first"


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("further", [False, True])
def test_a_further_run_reads_the_start_and_writes_beside_it(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, further: bool, wide: bool
) -> None:
    calls = []
    checkpoints = tmp_path / "checkpoints"
    target = checkpoints if not further else further_folder(models, checkpoints)
    options = [f"--cache={tmp_path}", f"--checkpoints={checkpoints}", f"--models={models}"]
    more = ["--further"] * further + [f"--wide={tmp_path}"] * wide
    monkeypatch.setattr("sys.argv", ["training", *options, *more])
    monkeypatch.setattr(training, "prepare", lambda _: None)
    monkeypatch.setattr(training, "TurnedHeads", Opened)
    for name in ("set_num_threads", "set_flush_denormal", "set_default_device"):
        monkeypatch.setattr(training.torch, name, lambda _: None)
    monkeypatch.setattr(training, "Heads", Opened)
    monkeypatch.setattr(training, "train_helpers", lambda _, *where: calls.append(where) or (None, None))
    monkeypatch.setattr(
        training, "train_generator", lambda *where: calls.append((where[2], where[3], where[6]))
    )
    monkeypatch.setattr(training, "train_face_detector", lambda _, *where: calls.append(where))
    monkeypatch.setattr(training, "rank_embedded", lambda to: calls.append(to))
    monkeypatch.setattr(training, "swapper_embedded", lambda *where: calls.append(where))
    monkeypatch.setattr(training, "deliver", lambda *where, detector: calls.append((*where, detector)))
    training.main()
    into = target / "models" if further else models
    begin = models if further else None
    detector = [(target, into)] * wide
    expected = [(target, into, begin), (target, into, begin), *detector, into, (target, into)]
    assert calls == expected + [(into, models, wide)] * further


def test_an_interrupted_further_run_of_fewer_attributes_resumes(heads: Heads, tmp_path: Path) -> None:
    """The net is that of the start, which knows two of three attributes; its own checkpoint fits it."""
    torch.manual_seed(0)
    config = AttributeConfig(
        names=heads.names[1:], units=(1, 1, 1, 1), widths=(16, 16, 16, 16), input_size=32, hidden=8
    )
    few = replace(heads, held_out=heads.held_out[:4])
    first = train_attributes(few, tmp_path, steps=1, start=AttributeNet(config))
    again = train_attributes(few, tmp_path, steps=1, start=AttributeNet(config))
    assert again.names == heads.names[1:]
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
