"""Non-commercial weights need one acceptance, which is remembered; without it nothing is fetched."""

from __future__ import annotations

import os
import subprocess
import threading
from functools import partial
from pathlib import Path

import pytest

from styleid import cli, doctor, weights
from styleid.errors import WeightsError


@pytest.fixture
def family(store, server, published, container) -> str:
    """A family of two published and one local-only part, with stand-ins for the rest."""
    server.files["/second.pt"] = container
    url = [{"url": f"{server.store}/second.pt"}]
    store.publish("pub-second", url, container, licence="MIT", non_commercial=False)
    store.publish("pub-own", [], None, licence="Other-NC")
    store.family(
        "pub",
        generator=published,
        encoder="pub-own",
        recogniser={"weights": "pub-second", "threshold": 1.2},
        judge={"weights": "pub-own", "threshold": None},
        fallback="embedded",
    )
    return "pub"


def test_without_acceptance_nothing_is_fetched(store, server, published) -> None:
    with pytest.raises(
        WeightsError, match=r"non-commercial.*Test-NC \(https://example.org/terms\).*--accept-licence"
    ):
        weights.fetch([published])
    assert server.requests == []
    assert not store.folder.exists()


def test_acceptance_is_remembered_by_licence(store, published) -> None:
    weights.fetch([published], accept=True)
    assert weights.accepted_licences() == {"Test-NC"}
    for path in store.folder.glob("pub-generator.*"):
        path.unlink()
    weights.fetch([published])
    assert weights.is_present(published)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"accepted": 3}'])
def test_choices_that_cannot_be_read_accept_nothing(store, published, content) -> None:
    weights.accept_licences(["Test-NC"])
    (Path(store.environment["XDG_CONFIG_HOME"]) / "styleid" / "licences.json").write_text(content)
    with pytest.raises(WeightsError, match="not accepted"):
        weights.fetch([published])


def test_free_weights_need_none(family) -> None:
    assert weights.fetch(["pub-second"])[0].path.is_file()
    assert weights.accepted_licences() == set()


def test_a_family_is_fetched_as_far_as_one_may(family) -> None:
    found = {item.name: item for item in weights.fetch([family], accept=True)}
    assert found["pub-generator"].path.is_file()
    assert found["pub-second"].path.is_file()
    assert found["pub-own"].path is None
    assert "weights convert FILE" in found["pub-own"].advice
    assert weights.accepted_licences() == {"Test-NC"}  # not of what was not fetched
    assert [entry.name for entry in weights.missing([family])] == ["pub-own"]


def test_the_command_line(family, capsys) -> None:
    assert cli.main(["weights", "fetch", family]) == 1
    assert "Nothing was fetched or written" in capsys.readouterr().err
    assert cli.main(["weights", "fetch", "--accept-licence", family]) == 0
    out, err = capsys.readouterr()
    assert "pub-generator: " in out
    assert "pub-own: not fetched: get pub-own.pt yourself" in err
    assert cli.main(["weights", "list"]) == 0
    listed = capsys.readouterr().out
    assert "Test-NC (non-commercial)" in listed
    assert "convert your own copy" in listed
    assert cli.main(["weights", "licences"]) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["pub-generator"][1:5] == ["Test-NC", "non-commercial", "yes", "https://example.org/terms"]
    assert rows["pub-own"][1:4] == ["Other-NC", "non-commercial", "no"]
    assert rows["pub-second"][1:4] == ["MIT", "any", "-"]
    assert cli.main(["weights", "verify", "pub-generator", "pub-second"]) == 0
    assert cli.main(["weights", "verify", "pub-own"]) == 1
    assert cli.main(["weights", "fetch", "pub-nothing"]) == 1
    assert "Unknown weights or family 'pub-nothing'" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="a terminal of POSIX")
@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("no", 1)])
def test_at_a_terminal_one_is_asked(store, published, answer, code) -> None:
    user, terminal = os.openpty()
    os.write(user, f"{answer}\n".encode())
    options = {**store.options(), "stdin": terminal, "stdout": subprocess.PIPE, "stderr": terminal}
    shown: list[bytes] = []
    reader = threading.Thread(target=lambda: shown.extend(iter(partial(_read, user), b"")), daemon=True)
    reader.start()  # a terminal that nobody reads stops who writes
    done = subprocess.run(
        store.command("fetch", published), **{**options, "capture_output": False}, check=False
    )
    os.close(terminal)
    reader.join(10)
    assert done.returncode == code
    asked = b"".join(shown).decode()
    assert "non-commercial use only" in asked
    assert "https://example.org/terms" in asked
    assert weights.is_present(published) == (code == 0)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 12)
    except OSError:  # how Linux says that the other side has closed
        return b""


def test_converting_from_the_command_line(family, container, tmp_path, capsys) -> None:
    (tmp_path / "own.pt").write_bytes(container)
    command = ["weights", "convert", str(tmp_path / "own.pt"), "--kind", "stylegan2", "--name", "pub-own"]
    assert cli.main(command) == 1
    assert cli.main([*command, "--accept-licence"]) == 0
    assert capsys.readouterr().out.strip().endswith("pub-own.safetensors")
    assert weights.accepted_licences() == {"Other-NC"}


def test_the_examination_names_what_is_missing(family, store) -> None:
    checks = {check.name: check for check in doctor.examine()}
    assert checks[f"family {family}"].state == "absent"
    assert "pub-own" in checks[f"family {family}"].found
    assert "python -m styleid weights fetch pub" in checks[f"family {family}"].found
    assert str(store.folder) in checks["weights folder"].found
    assert checks["accepted licences"].found == "none"
    weights.fetch([family], accept=True)
    checks = {check.name: check for check in doctor.examine()}
    assert checks["accepted licences"].found == "Test-NC"
    assert checks[f"family {family}"].found.startswith("2 of 3 files")
    (store.folder / "pub-generator.safetensors").write_bytes(b"damage")
    checks = {check.name: check for check in doctor.examine()}
    assert checks["weights pub-generator"].state == "MISSING"
