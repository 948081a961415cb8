"""Fetching published weights from a real server, which redirects, breaks off, fails and lies."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hub_server import Step
from safetensors import safe_open

from styleid import weights
from styleid.errors import WeightsError
from styleid.networks import load_network

KEY = "/large/owner/generator/weights/generator.pt"
OWN = ["pub-generator.record.json", "pub-generator.safetensors"]
posix = pytest.mark.skipif(os.name != "posix", reason="limits and signals of POSIX")


def test_from_the_hub_to_a_network(store, server, published, container, tmp_path) -> None:
    (tmp_path / "original.pt").write_bytes(container)
    expected = load_network(tmp_path / "original.pt", "stylegan2")
    (fetched,) = weights.fetch([published], accept=True)
    assert fetched.path == store.folder / "pub-generator.safetensors"
    assert store.left_over() == OWN  # the original is not kept
    network = load_network(published, "stylegan2")
    w = torch.randn(1, network.num_layers, 512, generator=torch.Generator().manual_seed(1))
    assert torch.equal(network.synthesis(w), expected.synthesis(w))
    assert {x.dtype for x in network.state_dict().values()} == {torch.float32}
    with safe_open(fetched.path, framework="pt") as file:
        assert file.metadata()["source_sha256"] == hashlib.sha256(container).hexdigest()


def test_what_is_here_is_not_fetched_again(server, published) -> None:
    weights.fetch([published], accept=True)
    before = len(server.requests)
    weights.fetch([published])
    assert len(server.requests) == before


def test_what_is_damaged_is_fetched_again(store, published) -> None:
    path = weights.fetch([published], accept=True)[0].path
    path.write_bytes(path.read_bytes()[:-1])
    assert weights.verify([published])[0].state == "damaged"
    weights.fetch([published])
    assert weights.verify([published])[0].state == "ok"


def test_the_login_goes_to_the_hub_and_no_further(server, published) -> None:
    weights.fetch([published], accept=True)
    front = [request for request in server.requests if "/resolve/" in request.path]
    assert {request.headers["Authorization"] for request in front} == {"Bearer hf_secret"}
    assert all("Authorization" not in request.headers for request in server.downloads(KEY))


def test_progress_counts_bytes(published, container) -> None:
    seen: list[tuple[int, int]] = []
    weights.fetch([published], accept=True, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (len(container), len(container))
    assert len(seen) > 3


def test_a_cut_connection_goes_on_where_it_broke(server, published, plan) -> None:
    plan(Step(cut=150_000), Step(cut=150_000))
    weights.fetch([published], accept=True)
    ranges = [request.headers.get("Range") for request in server.downloads(KEY)]
    starts = [int(text.removeprefix("bytes=").rstrip("-")) for text in ranges[1:]]
    assert ranges[0] is None
    assert 50_000 < starts[0] <= 150_000 < starts[1] <= 300_000


def test_a_server_without_ranges_starts_over(published, plan) -> None:
    plan(Step(cut=150_000), Step(ranges=False))
    weights.fetch([published], accept=True)
    assert weights.verify([published])[0].state == "ok"


def test_errors_of_the_server_are_tried_again(server, published, plan) -> None:
    plan(Step(status=500), Step(status=503), Step(status=429))
    weights.fetch([published], accept=True)
    assert len(server.downloads(KEY)) == 4


def test_a_server_that_stays_broken_is_given_up(store, server, published, plan) -> None:
    plan(*[Step(status=500)] * 50)
    with pytest.raises(WeightsError, match=r"could not be fetched.*status 500"):
        weights.fetch([published], accept=True)
    assert len(server.downloads(KEY)) == 5
    assert not weights.is_present(published)


def test_a_server_that_is_gone(store, published, monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(WeightsError, match="did not deliver"):
        weights.fetch([published], accept=True)


def test_a_missing_file_is_no_reason_to_wait(server, published) -> None:
    server.files.clear()
    with pytest.raises(WeightsError, match=r"no such file \(status 404\)"):
        weights.fetch([published], accept=True)
    assert len(server.requests) == 1


def test_a_file_behind_a_login(server, published, plan) -> None:
    plan(Step(status=403))
    with pytest.raises(WeightsError, match="wants a login"):
        weights.fetch([published], accept=True)
    assert len(server.downloads(KEY)) == 1


def test_mirrors_are_tried_in_order(store, server, published, container) -> None:
    server.files["/copy.pt"] = container
    sources = [
        {"repo": "owner/none", "file": "gone.pt"},
        {"url": f"{server.store}/nothing.pt"},
        {"url": f"{server.store}/copy.pt"},
    ]
    store.publish("pub-mirrored", sources, container)
    (fetched,) = weights.fetch(["pub-mirrored"], accept=True)
    assert fetched.path.is_file()
    assert [request.path for request in server.requests] == [
        "/owner/none/resolve/main/gone.pt",
        "/nothing.pt",
        "/copy.pt",
    ]


def test_what_a_wrong_source_began_does_not_spoil_the_next(store, server, container) -> None:
    server.files |= {"/wrong.pt": container, "/right.pt": container}
    server.plan["/wrong.pt"] = [Step(content=container[::-1], cut=300_000), Step(status=404)]
    sources = [{"url": f"{server.store}/{name}.pt"} for name in ("wrong", "right")]
    store.publish("pub-mirrored", sources, container)
    assert weights.fetch(["pub-mirrored"], accept=True)[0].path.is_file()


def test_a_wrong_file_is_refused_before_it_is_fetched(store, server, published, container) -> None:
    server.put("owner/generator", "weights/generator.pt", container[::-1])
    with pytest.raises(WeightsError, match=r"expected sha256 \w{64}, found \w{64}"):
        weights.fetch([published], accept=True)
    assert len(server.downloads(KEY)) == 1
    assert store.left_over() == []


def test_a_wrong_content_is_removed(store, server, published, container, plan) -> None:
    plan(Step(content=container[:-1] + b"!"))
    with pytest.raises(WeightsError, match=r"removed: expected sha256 (\w{64}), found (?!\1)\w{64}"):
        weights.fetch([published], accept=True)
    assert store.left_over() == []
    weights.fetch([published])  # accepted once is accepted; and nothing wrong is continued with
    assert store.left_over() == OWN


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_wrong_size_is_refused(store, published, container, plan, change, told) -> None:
    content = (container + b"surplus")[: len(container) + change]
    plan(*[Step(content=content, length=told)] * 20)
    with pytest.raises(WeightsError, match=f"{len(container)}"):
        weights.fetch([published], accept=True)
    assert not weights.is_present(published)


def test_a_size_that_nobody_published(store, server, container) -> None:
    server.files["/unsized.pt"] = container
    server.plan["/unsized.pt"] = [Step(cut=150_000), Step(length=False)]
    store.publish("pub-unsized", [{"url": f"{server.store}/unsized.pt"}], container, bytes=None)
    assert weights.fetch(["pub-unsized"], accept=True)[0].path.is_file()
    assert len(server.downloads("/unsized.pt")) == 2


def test_a_whole_file_whose_size_is_unknown_needs_no_more(store, server, container) -> None:
    """A process that ended between the last byte and the renaming: the server has nothing after these bytes."""
    server.files["/unsized.pt"] = container
    store.publish("pub-unsized", [{"url": f"{server.store}/unsized.pt"}], container, bytes=None)
    digest = hashlib.sha256(container).hexdigest()[:8]
    (store.folder / ".downloads").mkdir(parents=True)
    (store.folder / ".downloads" / f"pub-unsized-{digest}.pt.partial").write_bytes(container)
    assert weights.fetch(["pub-unsized"], accept=True)[0].path.is_file()


def test_cancel_keeps_what_arrived(store, server, published) -> None:
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        if done > 100_000:
            raise Cancelled

    with pytest.raises(Cancelled):
        weights.fetch([published], accept=True, progress=cancel)
    assert not weights.is_present(published)
    (partial,) = store.left_over()
    assert partial.endswith(".partial")
    weights.fetch([published])
    assert server.downloads(KEY)[1].headers["Range"].startswith("bytes=1")
    assert store.left_over() == OWN


@posix
def test_a_killed_process_leaves_nothing_half_valid(store, server, published, plan) -> None:
    plan(Step(pause=0.2))
    options = {**store.options(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    for name in ("capture_output", "timeout"):
        options.pop(name)
    process = subprocess.Popen(store.command("fetch", published, "--accept-licence"), **options)
    partials = store.folder / ".downloads"
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 60_000 for path in partials.glob("*.partial")):
        assert time.monotonic() < deadline, process.poll()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not weights.is_present(published)
    weights.fetch([published])
    assert int(server.downloads(KEY)[1].headers["Range"].removeprefix("bytes=").rstrip("-")) > 0
    assert store.left_over() == OWN


def test_two_processes_fetch_it_once(store, server, published, plan) -> None:
    plan(Step(pause=0.05))
    options = {**store.options(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    for name in ("capture_output", "timeout"):
        options.pop(name)
    command = store.command("fetch", published, "--accept-licence")
    processes = [subprocess.Popen(command, **options) for _ in range(2)]
    results = [(process.communicate(timeout=120), process.returncode) for process in processes]
    assert [code for _, code in results] == [0, 0], results
    assert len(server.downloads(KEY)) == 1
    assert store.left_over() == OWN
    assert weights.verify([published])[0].state == "ok"


def limited(store, size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process that may write no file above ``size``: the kernel stops it as a full disk does."""
    import resource

    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # noqa: E731
    return store.run(*arguments, preexec_fn=limit)


@posix
@pytest.mark.parametrize(
    "share", [0.5, 1.5]
)  # of the original: while it is fetched, and while it is converted
def test_no_room(store, published, container, share) -> None:
    done = limited(store, int(len(container) * share), "fetch", published, "--accept-licence")
    assert done.returncode == 1
    assert f"Cannot write into {store.folder}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not weights.is_present(published)
    assert not [name for name in store.left_over() if "partial" in name or "new-" in name]
    weights.fetch([published])
    assert store.left_over() == OWN


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a small file system of one's own")
@pytest.mark.parametrize("known", [True, False])  # the size: then it is told before anything is fetched
def test_a_full_disk(store, server, container, known) -> None:
    server.files["/large.pt"] = container
    changes = {} if known else {"bytes": None}
    store.publish("pub-large", [{"url": f"{server.store}/large.pt"}], container, **changes)
    store.folder.mkdir()
    inner = f'mount -t tmpfs -o size=128k tmpfs "{store.folder}" && exec "$@"; exit 77'
    command = [
        "unshare",
        "-rm",
        "sh",
        "-c",
        inner,
        "-",
        *store.command("fetch", "pub-large", "--accept-licence"),
    ]
    try:
        done = subprocess.run(command, **store.options(), check=False)
    except FileNotFoundError:
        pytest.skip("no unshare")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this user may not mount")
    assert done.returncode == 1
    assert ("need" if known else "no room") in done.stderr
    assert "0 MB free" in done.stderr
    assert len(server.downloads("/large.pt")) == (0 if known else 1)


def test_offline_nothing_is_asked(store, server, published, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE"):
        weights.fetch([published], accept=True)
    assert server.requests == []


def test_offline_the_cache_of_other_programs_helps(store, server, published, container) -> None:
    """huggingface-hub itself takes this server for a Hub, and what it fetched is used."""
    code = "import huggingface_hub as h; print(h.hf_hub_download('owner/generator', 'weights/generator.pt'))"
    options = store.options()
    done = subprocess.run([sys.executable, "-c", code], **options, check=True)
    assert Path(done.stdout.strip()).read_bytes() == container
    before = len(server.requests)
    options["env"]["HF_HUB_OFFLINE"] = "1"
    done = subprocess.run(store.command("fetch", published, "--accept-licence"), **options, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(server.requests) == before
    assert list(Path(store.environment["HF_HOME"]).rglob("generator.pt"))  # stays where it is
    assert store.left_over() == OWN


def test_an_installed_package_is_a_source(store, server, container, tmp_path, monkeypatch) -> None:
    """It is read, never imported; without it the next source is asked, and a wrong file in it is not used."""
    server.files["/elsewhere.pt"] = container
    sources = [
        {"package": "packed_weights", "file": "models/own.pt"},
        {"url": f"{server.store}/elsewhere.pt"},
    ]
    store.publish("pub-packed", sources, container)
    weights.fetch(["pub-packed"], accept=True)
    asked = len(server.requests)
    assert asked > 0
    package = tmp_path / "site" / "packed_weights"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "models" / "own.pt").write_bytes(container)
    monkeypatch.syspath_prepend(package.parent)
    for path in store.folder.glob("pub-packed*"):
        path.unlink()
    (fetched,) = weights.fetch(["pub-packed"], accept=True)
    assert fetched.path is not None and len(server.requests) == asked
    assert (package / "models" / "own.pt").read_bytes() == container
    for path in store.folder.glob("pub-packed*"):
        path.unlink()
    (package / "models" / "own.pt").write_bytes(container + b"more")
    weights.fetch(["pub-packed"], accept=True)
    assert len(server.requests) > asked


def test_a_file_that_is_no_network_is_kept_out(store, server) -> None:
    """The right bytes, but not what the manifest calls them."""
    server.files["/text.pt"] = b"no weights at all"
    store.publish("pub-text", [{"url": f"{server.store}/text.pt"}], b"no weights at all")
    with pytest.raises(WeightsError, match="PyTorch"):
        weights.fetch(["pub-text"], accept=True)
    assert not weights.is_present("pub-text")


def test_files_that_are_no_networks_stay_as_they_are(store, server) -> None:
    server.files["/direction.pt"] = b"a direction"
    store.publish(
        "pub-direction", [{"url": f"{server.store}/direction.pt"}], b"a direction", kind="direction"
    )
    (fetched,) = weights.fetch(["pub-direction"], accept=True)
    assert fetched.path.read_bytes() == b"a direction"
    assert weights.verify(["pub-direction"])[0].state == "ok"
