"""Files that the user brings: registered under a name, bound to their content, and kept safe afterwards."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from styleid import weights
from styleid.errors import WeightsError
from styleid.networks import load_network

LOCAL = "pub-local"


@pytest.fixture
def local(store) -> str:
    """Weights that nobody may fetch, of which no hash was published."""
    store.publish(LOCAL, [], None, non_commercial=False, licence="MIT")
    return LOCAL


@pytest.fixture
def brought(tmp_path: Path, container: bytes) -> Path:
    path = tmp_path / "brought.pt"
    path.write_bytes(container)
    return path


def test_a_local_file_is_registered(store, local, brought, container) -> None:
    with pytest.raises(
        WeightsError, match=r"drive of a person.*weights convert FILE --kind stylegan2 --name pub-local"
    ):
        weights.resolve(local)
    with pytest.raises(
        WeightsError, match=r"cannot be fetched: get pub-local\.pt yourself, from the drive of a person"
    ):
        weights.fetch([local])
    path = weights.convert(brought, "stylegan2", local)
    assert path == weights.resolve(local) == store.folder / "pub-local.safetensors"
    assert load_network(local, "stylegan2").size == 32
    assert brought.read_bytes() == container
    record = json.loads((store.folder / "pub-local.record.json").read_text())
    assert record["source_sha256"] == hashlib.sha256(container).hexdigest()


def test_a_converted_file_is_checked_from_then_on(local, brought) -> None:
    path = weights.convert(brought, "stylegan2", local)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    assert weights.verify([local]) == ((local, "damaged"),)
    with pytest.raises(WeightsError, match="damaged"):
        load_network(local, "stylegan2")
    weights.convert(brought, "stylegan2", local)
    assert weights.verify([local]) == ((local, "ok"),)


def test_a_listed_content_finds_its_name(store, published, brought) -> None:
    assert weights.convert(brought, "stylegan2", accept=True) == store.folder / f"{published}.safetensors"
    assert weights.verify([published])[0].state == "ok"


def test_an_unlisted_file_gets_its_own_name(store, brought) -> None:
    path = weights.convert(brought, "stylegan2")
    assert path == store.folder / "brought.safetensors"
    assert load_network(path, "stylegan2").size == 32
    with pytest.raises(WeightsError, match="Unknown kind"):
        weights.convert(brought, "no-kind")


def test_another_file_of_the_same_name_is_never_lost(store, brought, tmp_path) -> None:
    kept = weights.convert(brought, "stylegan2")
    assert weights.convert(brought, "stylegan2") == kept  # the same once more
    before = kept.read_bytes()
    other = tmp_path / "elsewhere" / brought.name
    other.parent.mkdir()
    other.write_bytes(brought.read_bytes() + b" ")
    for file in (other, kept):
        with pytest.raises(WeightsError, match="would be lost"):
            weights.convert(file, "stylegan2")
    assert kept.read_bytes() == before


def test_terms_come_first(store, published, brought) -> None:
    with pytest.raises(WeightsError, match="non-commercial"):
        weights.convert(brought, "stylegan2", published)
    assert store.left_over() == []


def test_the_published_file_itself_may_lie_in_the_folder(store, published, container) -> None:
    store.folder.mkdir()
    (store.folder / "pub-generator.pt").write_bytes(container)
    assert weights.resolve(published).suffix == ".pt"
    assert load_network(published, "stylegan2").size == 32


def test_a_file_without_a_known_hash_is_not_taken_unseen(store, local, container) -> None:
    store.folder.mkdir()
    (store.folder / "pub-local.pt").write_bytes(container)
    with pytest.raises(WeightsError, match="missing"):
        weights.resolve(local)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("none.pt", "stylegan2", LOCAL), "found none"),
        (("brought.pt", "psp", LOCAL), "of kind stylegan2, found --kind psp"),
        (("brought.pt", "stylegan2", "embedded-generator"), "come with their manifest"),
        (("brought.pt", "stylegan2", "nothing"), "Unknown weights"),
        (("brought.pt", "no-kind", None), "kind"),
        (("text.pt", "stylegan2", LOCAL), "PyTorch"),
        (
            ("other.pt", "stylegan2", "pub-generator"),
            r"is not the file.*expected sha256 \w{64}, found \w{64}",
        ),
        (("pub-local.pt", "stylegan2", None), "add --name"),
    ],
)
def test_wrong_files_are_refused(
    store, local, published, brought, container, tmp_path, monkeypatch, arguments, says
) -> None:
    (tmp_path / "text.pt").write_text("no weights")
    (tmp_path / "other.pt").write_bytes(container + b"x")
    (tmp_path / "pub-local.pt").write_bytes(container + b"y")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=says):
        weights.convert(*arguments)
    assert store.left_over() == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": 3}', '{"file": "../x"}', "[" * 100_000])
def test_records_that_cannot_be_believed_are_none(store, local, brought, content) -> None:
    weights.convert(brought, "stylegan2", local)
    (store.folder / "pub-local.record.json").write_text(content)
    assert weights.verify([local]) == ((local, "missing"),)


@pytest.mark.parametrize(
    "change", [{"file": "../brought.safetensors"}, {"sha256": "x"}, {"bytes": "1"}, {"kind": "psp"}]
)
def test_records_of_something_else_are_none(store, local, brought, change) -> None:
    weights.convert(brought, "stylegan2", local)
    record = store.folder / "pub-local.record.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), **change}))
    assert weights.verify([local]) == ((local, "missing"),)


def test_a_conversion_of_another_original_is_not_used(store, local, published, brought, container) -> None:
    """The manifest has moved on to a new file: what was made from the old one is fetched again."""
    weights.accept_licences(["Test-NC"])
    weights.convert(brought, "stylegan2", published)
    store.publish(published, [], container + b"new")
    assert weights.verify([published]) == ((published, "missing"),)
