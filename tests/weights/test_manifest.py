"""The manifest: what it must hold, and how its files are found and checked."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from styleid import weights
from styleid.errors import WeightsError
from styleid.weights import _records
from styleid.weights.manifest import read_manifest

ROOT = Path(__file__).parents[2]
CONTENT = b"weights of a test"
NAMES = ("own-generator", "own-encoder", "own-recogniser", "own-judge", "own-landmarks")
FAMILY = {
    "generator": "own-generator",
    "encoder": "own-encoder",
    "recogniser": {"weights": "own-recogniser", "threshold": 1.1},
    "judge": {"weights": "own-judge", "threshold": 1.2},
    "landmarks": "own-landmarks",
}


def entry(**changes) -> dict:
    made = {
        "kind": "stylegan2",
        "family": "own",
        "file": "own/generator.safetensors",
        "source": "trained by a test",
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "licence": "MIT",
        "non_commercial": False,
        "citation": "",
        "input": "codes",
        "trained_on": "nothing",
        "figures": {"tar": 0.9, "note": "held out"},
    }
    return {**made, **changes}


def manifest() -> dict:
    return {
        "version": 1,
        "weights": {name: entry() for name in NAMES},
        "families": {"own": copy.deepcopy(FAMILY)},
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's models folder with a manifest of its own; the user's cache is empty."""
    folder = tmp_path / "models"
    (folder / "own").mkdir(parents=True)
    (folder / "own" / "generator.safetensors").write_bytes(CONTENT)
    (folder / "manifest.json").write_text(json.dumps(manifest()))
    monkeypatch.setenv("STYLEID_MODELS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def rewrite(folder: Path, content: object) -> None:
    (folder / "manifest.json").write_text(json.dumps(content))


def test_the_shipped_manifest_is_valid_and_complete() -> None:
    manifest = read_manifest(ROOT / "models" / "manifest.json")
    shipped = {name: item for name, item in manifest.weights.items() if item.shipped}
    for name, item in shipped.items():
        path = ROOT / "models" / item.file
        assert path.stat().st_size == item.bytes, name
        assert path.stat().st_size <= 25e6, name
        assert item.licence, name
    assert sum(path.stat().st_size for path in (ROOT / "models").rglob("*") if path.is_file()) <= 60e6
    listed = {item.file for item in shipped.values()}
    assert {path.name for path in (ROOT / "models").rglob("*.safetensors")} == listed
    assert {check.state for check in weights.verify(shipped)} <= {"ok"}


def test_every_published_file_is_in_the_table_with_its_terms() -> None:
    table = (ROOT / "models" / "README.md").read_text()
    published = [item for item in weights.list_weights() if not item.shipped]
    assert len(published) > 30
    for item in published:
        row = re.search(rf"^\| `{re.escape(item.name)}` .*$", table, re.MULTILINE)
        assert row, item.name
        assert item.licence in row[0], item.name
        assert row[0].split()[-2] == ("yes" if item.non_commercial else "no"), item.name
        assert ("fetched" in row[0]) == item.fetchable, item.name
        assert item.terms.startswith("http") or not item.non_commercial, item.name


def test_the_published_families_stand_on_what_is_listed() -> None:
    family = weights.family_entry("ffhq-1024")
    assert family.recogniser.threshold == pytest.approx((2 - 2 * 0.2410) ** 0.5, abs=1e-4)
    assert family.judge.threshold is None  # none was published
    assert (family.layers, family.fallback) == ((5, 6, 7), "embedded")
    kinds = {item.name: item.kind for item in weights.list_weights()}
    assert kinds[family.encoder] == "e4e"
    assert kinds[weights.family_entry("ffhq-1024-psp").encoder] == "psp"
    assert [
        item.name for item in weights.list_weights() if item.name in family.weight_names() and item.fetchable
    ] == [
        "ffhq-1024-generator",
        "ffhq-1024-encoder",
        "w600k-r50",
        "arcface-ir-se50",
        "bisenet",
    ]


def test_a_folder_of_the_user_adds_families(folder: Path) -> None:
    assert "own" in weights.family_names()
    assert set(NAMES) <= set(weights.weight_names())
    family = weights.family_entry("own")
    assert family.recogniser == ("own-recogniser", 1.1)
    assert set(family.weight_names()) == set(NAMES)
    assert family.parser is None
    listed = {item.name: item for item in weights.list_weights()}
    assert listed["own-judge"].figures["tar"] == 0.9
    terms = {item.name: item for item in weights.licences()}
    assert (terms["own-judge"].licence, terms["own-judge"].non_commercial) == ("MIT", False)


def test_intact_files_resolve(folder: Path) -> None:
    assert weights.resolve("own-generator") == folder / "own" / "generator.safetensors"
    assert weights.verify(["own-generator"]) == (("own-generator", "ok"),)


def test_a_second_folder_may_hold_the_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = tmp_path / "second"
    (second / "own").mkdir(parents=True)
    (folder / "own" / "generator.safetensors").rename(second / "own" / "generator.safetensors")
    with pytest.raises(WeightsError, match="missing"):
        weights.resolve("own-generator")
    monkeypatch.setenv("STYLEID_MODELS", os.pathsep.join([str(folder), str(second), str(folder)]))
    assert weights.resolve("own-generator").parent == second / "own"


@pytest.mark.parametrize("content", [CONTENT[::-1], CONTENT[:-1], CONTENT + b"!", b""])
def test_changed_files_are_noticed_within_a_process(folder: Path, content: bytes) -> None:
    path = weights.resolve("own-generator")
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    with pytest.raises(WeightsError, match="damaged"):
        weights.resolve("own-generator")
    assert weights.verify(["own-generator"]) == (("own-generator", "damaged"),)


def test_missing_files_say_where_they_belong(folder: Path) -> None:
    (folder / "own" / "generator.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"own/generator\.safetensors.*Source: trained by a test"):
        weights.resolve("own-generator")
    assert weights.verify(["own-generator"]) == (("own-generator", "missing"),)


def test_a_file_is_hashed_once(folder: Path) -> None:
    before = _records._sha256.cache_info().misses
    for _ in range(3):
        weights.resolve("own-generator")
    assert _records._sha256.cache_info().misses <= before + 1


def test_unknown_names_say_what_is_known(folder: Path) -> None:
    with pytest.raises(WeightsError, match="own-generator"):
        weights.resolve("generator")
    with pytest.raises(WeightsError, match=r"known are .*own"):
        weights.family_entry("ffhq-9")


def test_shipped_names_are_not_replaced(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    rewrite(second, manifest())
    monkeypatch.setenv("STYLEID_MODELS", os.pathsep.join([str(folder), str(second)]))
    with pytest.raises(WeightsError, match="redefines own"):
        weights.weight_names()


def broken(path: str, value: object) -> dict:
    """The manifest with one value replaced, or removed where ``value`` is None."""
    content = manifest()
    *parents, last = path.split("/")
    place = content
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return content


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        broken("version", 2),
        broken("surplus", 1),
        broken("weights", []),
        broken("weights/own-judge", "text"),
        broken("weights/own-judge/licence", None),
        broken("weights/own-judge/licence", 3),
        broken("weights/own-judge/surplus", "x"),
        broken("weights/own-judge/bytes", 0),
        broken("weights/own-judge/bytes", "7"),
        broken("weights/own-judge/bytes", True),
        {"version": 1, "weights": {"x": entry(sha256=None)}, "families": {}},
        {"version": 1, "weights": {"../x": entry()}, "families": {}},
        broken("weights/own-judge/sha256", "abc"),
        broken("weights/own-judge/non_commercial", "no"),
        broken("weights/own-judge/file", "../secret.safetensors"),
        broken("weights/own-judge/file", "/etc/passwd"),
        broken("weights/own-judge/file", "C:\\x.safetensors"),
        broken("weights/own-judge/file", ""),
        broken("weights/own-judge", None),
        broken("families/own/landmarks", None),
        broken("families/own/parser", "nothing"),
        broken("families/own/surplus", "own-judge"),
        broken("families/own/judge", "own-judge"),
        broken("families/own/judge/threshold", None),
        broken("families/own/judge/threshold", 0),
        broken("families/own/judge/threshold", True),
        broken("families/own/judge/weights", "own-recogniser"),
        broken("families/own/fallback", "own"),
        broken("families/own/layers", [5.0]),
        broken("weights/own-judge/sources", "https://example.org"),
        broken("weights/own-judge/sources", [{}]),
        broken("weights/own-judge/sources", [{"repo": "no-owner", "file": "x.pt"}]),
        broken("weights/own-judge/sources", [{"repo": "owner/name"}]),
        broken("weights/own-judge/sources", [{"repo": "owner/name", "file": "../x.pt"}]),
        broken("weights/own-judge/sources", [{"url": "file:///etc/passwd"}]),
        broken("weights/own-judge/sources", [{"package": "a_package"}]),
        broken("weights/own-judge/sources", [{"package": "../a", "file": "x.pt"}]),
        broken("weights/own-judge/sources", [{"package": "a_package", "file": "../x.pt"}]),
        broken("weights/own-judge/sources", [{"package": "a", "repo": "owner/name", "file": "x.pt"}]),
        broken(
            "weights/own-judge/sources", [{"repo": "owner/name", "file": "x", "url": "https://example.org"}]
        ),
    ],
)
def test_wrong_manifests_are_refused(folder: Path, content: object) -> None:
    rewrite(folder, content)
    with pytest.raises(WeightsError):
        weights.family_names()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_manifests_that_are_no_json_are_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.family_names()


def test_every_package_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(settings["tool"]["setuptools"]["packages"]) - {"styleid_models"}
    packages = {path.parent for path in (ROOT / "styleid").rglob("*.py")}
    assert listed == {".".join(path.relative_to(ROOT).parts) for path in packages}
