"""Other models folders than the shipped one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from styleid.errors import WeightsError
from styleid.family import Family
from styleid.weights.manifest import read_manifest
from training import ranking, sheets, swapper
from training.export import REFINE, Entry, edit_manifest, export, family, list_parts, set_recogniser
from training.exported import load_exported

SHIPPED = Path(__file__).parents[2] / "models" / "manifest.json"
KINDS = {
    "generator": "stylegan2", "encoder": "psp", "parser": "unet-parser", "attributes": "attributes",
    "landmarks": "landmarks",
}  # fmt: skip


@pytest.fixture
def models(tmp_path: Path, tiny_family: Family) -> Path:
    """A folder with what training leaves: all but detector, ranking and SwapperNet."""
    nets = {
        **{f"embedded-{name}": (kind, getattr(tiny_family, name)) for name, kind in KINDS.items()},
        "embedded-segmentation-encoder": ("psp-seg", tiny_family.seg_encoder),
        "embedded-recogniser": ("ir-se", tiny_family.recogniser.network),
        "embedded-judge": ("mobilefacenet", tiny_family.judge.network),
    }
    for name, (kind, network) in nets.items():
        export(Entry(name=name, kind=kind, network=network, input="a test's", figures={}), tmp_path)
    for role in ("recogniser", "judge"):
        place = {"weights": f"embedded-{role}", "threshold": 0.2}
        edit_manifest(tmp_path, lambda m, role=role, place=place: set_recogniser(m, role, place))
    edit_manifest(tmp_path, list_parts)
    return tmp_path


def test_the_family_of_a_folder_is_that_of_the_folder(models: Path, tiny_family: Family) -> None:
    found = load_exported(models)
    assert found.generator.size == tiny_family.generator.size == 32
    assert found.detector is None and found.ranking is None and found.swapper is None
    codes = torch.randn(1, 8, 512, generator=torch.manual_seed(0))
    torch.testing.assert_close(found.decode(codes), tiny_family.decode(codes), atol=0.02, rtol=0.02)


def test_ranking_and_swapper_are_of_the_generator_in_the_folder(
    models: Path, tiny_family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def ranked(family: Family, *, save, **_: object) -> None:
        seen.append(family)
        save(tiny_family.ranking)

    def trained(family: Family, *_: object, **__: object) -> None:
        seen.append(family)
        raise KeyboardInterrupt

    monkeypatch.setattr(ranking, "rank_family", ranked)
    monkeypatch.setattr(ranking, "ship", lambda *_: None)
    monkeypatch.setattr(swapper, "draw_examples", lambda *_: None)
    monkeypatch.setattr(swapper, "train_swapper", trained)
    ranking.rank_embedded(models)
    with pytest.raises(KeyboardInterrupt):
        swapper.swapper_embedded(models / "checkpoints", models)
    assert [one.generator.weights_file for one in seen] == [models / "embedded-generator.safetensors"] * 2


def test_a_folder_without_the_family_is_refused(tmp_path: Path) -> None:
    edit_manifest(tmp_path, lambda manifest: None)
    with pytest.raises(WeightsError, match="no family 'embedded'"):
        load_exported(tmp_path)


def test_a_detector_is_listed_where_there_is_one() -> None:
    manifest: dict = {"weights": {"embedded-parser": {}}, "families": {}}
    list_parts(manifest)
    assert family(manifest) == {"parser": "embedded-parser"}
    manifest["weights"]["embedded-detector"] = {}
    list_parts(manifest)
    assert family(manifest) == {"parser": "embedded-parser", "detector": "embedded-detector"}


def test_codes_of_a_new_encoder_are_refined_unless_the_family_says_otherwise(
    models: Path, tmp_path: Path
) -> None:
    assert load_exported(models).refine == REFINE == read_manifest(SHIPPED).families["embedded"].refine
    edit_manifest(models, lambda manifest: family(manifest).update(refine=3))
    edit_manifest(models, list_parts)
    assert load_exported(models).refine == 3


def test_the_pictures_of_the_cards_are_of_the_folder_that_is_named(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, saved = [], []
    for name in ("samples", "mixed", "between", "reconstructed", "swapped"):
        monkeypatch.setattr(sheets, name, lambda family, *_: shown.append(family.generator.weights_file))
    monkeypatch.setattr(sheets, "save", lambda _, path: saved.append(path.parent))
    monkeypatch.setattr(sheets.Heads, "open", lambda _: SimpleNamespace(exchanged=lambda _: None))
    monkeypatch.setattr("sys.argv", ["sheets", f"--cache={tmp_path}", f"--models={models}"])
    sheets.main()
    assert set(shown) == {models / "embedded-generator.safetensors"}
    assert set(saved) == {models / "pictures"}
