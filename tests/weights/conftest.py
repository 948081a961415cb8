"""A store with published weights: a manifest of the user that names a server on the loopback, and real weight files."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hub_server import HubServer

from styleid.networks.stylegan2 import Generator, GeneratorConfig
from styleid.weights import _transfer

ROOT = Path(__file__).parents[2]
REPO, FILE = "owner/generator", "weights/generator.pt"
LICENCE = "Test-NC"
NAME = "pub-generator"


@pytest.fixture(scope="session")
def container() -> bytes:
    """A small StyleGAN2 in rosinality's container, in half precision: its conversion is twice as large."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network = Generator(GeneratorConfig(size=32, channels=(64, 64, 64, 32), mapping_layers=2))
    state = network.state_dict()
    mean = state.pop("w_mean")
    file = io.BytesIO()
    torch.save({"g_ema": {name: x.half() for name, x in state.items()}, "latent_avg": mean}, file)
    return file.getvalue()


@pytest.fixture
def server() -> Iterator[HubServer]:
    server = HubServer()
    server.start()
    yield server
    server.stop()


@dataclass
class Store:
    """A store in ``folder``, with the manifest of a user in ``manifest``."""

    folder: Path
    manifest: Path
    environment: dict[str, str]

    def publish(
        self, name: str, sources: list[dict[str, str]], content: bytes | None, **changes: object
    ) -> None:
        """Add weights to the manifest; without ``content`` nobody has published their hash."""
        path = self.manifest / "manifest.json"
        whole = (
            json.loads(path.read_text()) if path.exists() else {"version": 1, "weights": {}, "families": {}}
        )
        whole["weights"][name] = {
            "kind": "stylegan2",
            "family": "pub",
            "file": f"{name}.pt",
            "source": "the drive of a person",
            "sources": sources,
            "bytes": None if content is None else len(content),
            "sha256": None if content is None else hashlib.sha256(content).hexdigest(),
            "licence": LICENCE,
            "non_commercial": True,
            "terms": "https://example.org/terms",
            "citation": "",
            "input": "",
            "trained_on": "",
            "figures": {},
            **changes,
        }
        path.write_text(json.dumps(whole))

    def family(self, name: str, **parts: object) -> None:
        path = self.manifest / "manifest.json"
        whole = json.loads(path.read_text())
        whole["families"][name] = parts
        path.write_text(json.dumps(whole))

    def left_over(self) -> list[str]:
        """Everything in the store but locks."""
        files = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in files if path.suffix != ".lock")

    def run(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        """``python -m styleid weights ...`` in a process of its own."""
        return subprocess.run(self.command(*arguments), **self.options(), check=False, **options)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "styleid", "weights", *arguments]

    def options(self) -> dict[str, object]:
        environment = {**os.environ, **self.environment}
        return {"cwd": ROOT, "env": environment, "capture_output": True, "text": True, "timeout": 120}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: HubServer) -> Store:
    """An empty store, a Hub on the loopback, a user who has accepted nothing; failures are tried again at once."""
    folder, manifest = tmp_path / "store", tmp_path / "manifest"
    manifest.mkdir()
    environment = {
        "STYLEID_MODELS": os.pathsep.join(map(str, (folder, manifest))),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "HF_HOME": str(tmp_path / "hub"),
        "HF_ENDPOINT": server.endpoint,
        "HF_TOKEN": "hf_secret",
        "NO_PROXY": "*",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    monkeypatch.setattr(_transfer, "_PAUSE", 0.0)
    return Store(folder, manifest, environment)


@pytest.fixture
def published(store: Store, server: HubServer, container: bytes) -> str:
    """A generator on the Hub, by its name in the manifest; the plan's key of its bytes is ``/large/REPO/FILE``."""
    server.put(REPO, FILE, container)
    store.publish(NAME, [{"repo": REPO, "file": FILE}], container)
    return NAME


@pytest.fixture
def plan(server: HubServer) -> Callable[..., None]:
    """plan(step, ...): what the server does with the next requests for the generator's bytes."""
    return lambda *steps: server.plan[f"/large/{REPO}/{FILE}"].extend(steps)
