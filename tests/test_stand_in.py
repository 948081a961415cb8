"""A family of which parts are missing: what its fallback lends, what it cannot lend, and what the user is told."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from styleid import cli
from styleid.demo import example_path
from styleid.errors import WeightsError
from styleid.family import Family, load_family
from styleid.networks import KINDS, write_network
from styleid.networks.mobilefacenet import MobileFaceNetConfig
from styleid.networks.psp import EncoderConfig
from styleid.networks.restyle import restyle
from styleid.networks.stylegan2 import GeneratorConfig
from styleid.pipeline.face import identity_layers

BODY = {"units": (1, 1, 1, 1), "widths": (16, 16, 16, 16), "input_size": 32}
ENCODER = EncoderConfig(**BODY, layers=8, pool=2, hidden=16)
JUDGE = MobileFaceNetConfig(width=0.25, blocks=(1, 1, 1), input_size=32)
GENERATOR = GeneratorConfig(size=32, channels=(16, 16, 8, 8), mapping_layers=2)
SOMEWHERE = [{"repo": "owner/name", "file": "net.pt"}]


def entry(file: str, kind: str) -> dict:
    """A published file that was not fetched."""
    return {
        "kind": kind, "family": "own", "file": file, "source": "its authors", "sources": SOMEWHERE, "bytes": 100,
        "sha256": "0" * 64, "licence": "MIT", "non_commercial": False, "citation": "", "input": "", "trained_on": "",
        "figures": {},
    }  # fmt: skip


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Family]:
    """family(**parts): a family with its own generator and encoder; what else it names was never fetched."""
    monkeypatch.setenv("STYLEID_MODELS", str(tmp_path))

    def make(encoder: EncoderConfig = ENCODER, **parts: object) -> Family:
        torch.manual_seed(3)
        weights = {}
        parts_here = (
            ("generator", "stylegan2", GENERATOR),
            ("encoder", "psp", encoder),
            ("judge", "mobilefacenet", JUDGE),
        )
        for name, kind, config in parts_here:
            path = tmp_path / f"own-{name}.safetensors"
            if not path.exists() or name == "encoder":
                write_network(KINDS[kind].build(config), path, kind)
            content = path.read_bytes()
            weights[f"own-{name}"] = entry(path.name, kind) | {
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        for name in ("recogniser", "judge", "parser", "attributes", "segmentation-encoder", "ranking"):
            weights[f"far-{name}"] = entry(f"far-{name}.pt", "unet-parser")
        own = {
            "generator": "own-generator", "encoder": "own-encoder", "fallback": "embedded",
            "recogniser": {"weights": "far-recogniser", "threshold": 1.2},
            "judge": {"weights": "far-judge", "threshold": 1.2},
        }  # fmt: skip
        manifest = {"version": 1, "weights": weights, "families": {"own": own | parts}}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        return load_family("own")

    return make


def test_parts_that_see_pictures_are_lent_and_named(family) -> None:
    found = family(parser="far-parser", attributes="far-attributes")
    embedded = load_family("embedded")
    assert (found.recogniser.name, found.judge.name) == (embedded.recogniser.name, embedded.judge.name)
    assert found.attributes.names == embedded.attributes.names
    assert found.parser is not None
    assert found.detector is not None
    lent = [note for note in found.notes if "stands in" in note]
    assert [note.split(":")[0] for note in lent] == [
        "recogniser",
        "judge",
        "landmarks",
        "detector",
        "parser",
        "attributes",
    ]
    assert all("'embedded'" in note for note in lent)
    assert "weights fetch far-parser" in lent[4]


def test_parts_that_speak_codes_are_absent_rather_than_lent(family) -> None:
    found = family(segmentation_encoder="far-segmentation-encoder", ranking="far-ranking", layers=[2, 3])
    assert found.seg_encoder is None
    assert found.ranking is None
    assert identity_layers(found, 1) == (2, 3, 4, 5)
    assert any(note.startswith("no segmentation encoder") and "fetch" in note for note in found.notes)


@pytest.mark.parametrize("part", ["generator", "encoder"])
def test_a_family_without_its_generator_or_encoder_says_how_to_get_it(
    part: str, family, tmp_path: Path
) -> None:
    family()
    (tmp_path / f"own-{part}.safetensors").unlink()
    with pytest.raises(WeightsError, match=f"weights fetch own-{part}"):
        load_family("own")


def test_a_damaged_part_is_no_missing_part(family, tmp_path: Path) -> None:
    family()
    (tmp_path / "far-parser.pt").write_bytes(b"x" * 100)
    with pytest.raises(WeightsError, match="damaged"):
        family(parser="far-parser")


def test_an_encoder_for_another_generator_is_refused(family) -> None:
    with pytest.raises(WeightsError, match="10 layers, its generator has 8"):
        family(EncoderConfig(**BODY, layers=10, pool=2, hidden=16))


def test_a_recogniser_without_a_published_threshold_waits_for_a_measured_one(
    family, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Random identities here; `--photos` takes photographs of different people."""
    judge = {"weights": "own-judge", "threshold": None}
    before = family(judge=judge)
    assert before.judge.name == "embedded-judge"
    assert any("calibrate own-judge" in note for note in before.notes)

    assert cli.main(["calibrate", "own-judge", "--models", "own", "--people", "16"]) == 0

    after = family(judge=judge)
    assert after.judge.name == "own-judge"
    assert f"{after.judge.threshold:.4f}" in capsys.readouterr().out
    assert not any("calibrate" in note for note in after.notes)
    measured = tmp_path / "own-judge.threshold.json"
    measured.write_text(measured.read_text().replace('"sha256": "', '"sha256": "0'))
    assert any("calibrate" in note for note in family(judge=judge).notes), "it holds for one file only"


def test_photographs_calibrate_where_there_are_some(family, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "none.txt").write_text("no photograph")
    family()
    assert cli.main(["calibrate", "embedded-judge", "--photos", str(folder)]) == 2
    assert "one each" in capsys.readouterr().err
    shutil.copy(example_path("astronaut"), folder)
    assert cli.main(["calibrate", "embedded-judge", "--photos", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "none.txt: left out" in said
    assert "at least 100 pairs" in said, "one face was found, and is too few"
    shutil.rmtree(folder)
    assert cli.main(["calibrate", "embedded-judge", "--photos", str(folder)]) == 2


def test_restyle_looks_at_the_picture_beside_its_reconstruction() -> None:
    """Twice: from the mean code, then from the code before, whose picture the encoder is shown."""
    torch.manual_seed(4)
    generator = KINDS["stylegan2"].build(GENERATOR).eval()
    seen: list[tuple[Tensor, Tensor | None]] = []

    class Encoder(torch.nn.Module):
        latent_avg = torch.full((8, 512), 0.1)

        def forward(self, x: Tensor, latent: Tensor | None = None) -> Tensor:
            seen.append((x, latent))
            return (self.latent_avg if latent is None else latent) + torch.ones(len(x), 8, 512) * 0.2

    picture = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        code = restyle(Encoder(), generator, picture, steps=2)
        mean = generator.synthesis(torch.full((2, 8, 512), 0.1))
        first = generator.synthesis(torch.full((2, 8, 512), 0.3))
    torch.testing.assert_close(code, torch.full((2, 8, 512), 0.5))
    torch.testing.assert_close(seen[0][0], torch.cat([picture, mean], 1))
    torch.testing.assert_close(seen[1][0], torch.cat([picture, first], 1))
    assert seen[0][1] is None
