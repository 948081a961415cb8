"""Starts a real ComfyUI with this project among its custom nodes, and talks to its API."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACK_NAME = "styleid"


def comfy_directory() -> Path | None:
    """ComfyUI's checkout: $COMFYUI_DIR, else ~/ComfyUI."""
    path = Path(os.environ.get("COMFYUI_DIR") or Path.home() / "ComfyUI").expanduser()
    return path if (path / "main.py").is_file() else None


def comfy_python() -> str:
    """The interpreter that ComfyUI runs under: $COMFYUI_PYTHON, else the current one."""
    return os.path.expanduser(os.environ.get("COMFYUI_PYTHON") or sys.executable)


def why_no_comfy() -> str | None:
    """Why ComfyUI cannot be started here; None where it can."""
    if comfy_directory() is None:
        return "ComfyUI was not found: set COMFYUI_DIR to its checkout and COMFYUI_PYTHON to its interpreter."
    probe = subprocess.run(
        [comfy_python(), "-c", "import aiohttp, comfyui_frontend_package, torch, yaml"],
        capture_output=True,
        check=False,
    )
    if probe.returncode:
        return "ComfyUI's requirements are not installed here: set COMFYUI_PYTHON to its interpreter."
    return None


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class ComfyServer:
    """A running server with directories of its own below `base`."""

    base: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        return self.base / "output"

    @property
    def log(self) -> str:
        return (self.base / "server.log").read_text(errors="replace")

    def start(self, timeout: float = 240.0) -> None:
        """Links the project into custom_nodes and waits until the server answers."""
        for folder in ("custom_nodes", "input", "output", "temp", "user", "models"):
            (self.base / folder).mkdir(parents=True, exist_ok=True)
        (self.base / "custom_nodes" / PACK_NAME).symlink_to(ROOT, target_is_directory=True)
        command = [comfy_python(), "main.py", "--cpu", "--port", str(self.port), "--disable-api-nodes"]
        command += ["--base-directory", str(self.base), "--user-directory", str(self.base / "user")]
        command += ["--database-url", f"sqlite:///{self.base / 'comfyui.db'}"]
        with open(self.base / "server.log", "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=comfy_directory(), stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"ComfyUI stopped with {self.process.returncode}:\n{self.log[-4000:]}")
            try:
                self.get("/system_stats")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.5)
        raise RuntimeError(f"ComfyUI did not answer within {timeout:.0f} s:\n{self.log[-4000:]}")

    def stop(self) -> None:
        """Ends the server."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def get_bytes(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return answer.read()

    def post(self, path: str, body: Any) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(
                f"{path} answered {error.code}: {error.read().decode(errors='replace')[:2000]}"
            ) from error
        return json.loads(text) if text else None

    def run(self, graph: dict[str, Any], timeout: float = 900.0) -> dict[str, Any]:
        """Executes an API-format graph; returns its history entry whatever its status."""
        prompt_id = self.queue(graph)
        return self.wait(prompt_id, timeout)

    def queue(self, graph: dict[str, Any]) -> str:
        return self.post("/prompt", {"prompt": graph})["prompt_id"]

    def wait_until_running(self, prompt_id: str, timeout: float = 60.0) -> None:
        """Waits until the graph has left the queue and runs."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if any(prompt_id in entry for entry in self.get("/queue")["queue_running"]):
                return
            time.sleep(0.2)
        raise RuntimeError("The graph did not start to run.")

    def wait(self, prompt_id: str, timeout: float = 900.0) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            entry = self.get(f"/history/{prompt_id}").get(prompt_id)
            if entry is not None:
                return entry
            time.sleep(0.3)
        raise RuntimeError(f"The graph did not finish within {timeout:.0f} s:\n{self.log[-4000:]}")


def succeeded(entry: dict[str, Any]) -> bool:
    """Whether a history entry tells of a complete run."""
    return entry["status"]["status_str"] == "success"


def error_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The execution_error message of a failed run."""
    for name, message in entry["status"]["messages"]:
        if name == "execution_error":
            return message
    raise AssertionError(f"no execution_error in {entry['status']}")
