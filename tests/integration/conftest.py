"""A real ComfyUI server, started once for all integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from comfy_server import ComfyServer, comfy_directory


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    if comfy_directory() is None:
        pytest.skip(
            "ComfyUI was not found: set COMFYUI_DIR to its checkout and COMFYUI_PYTHON to its interpreter."
        )
    running = ComfyServer(tmp_path_factory.mktemp("comfyui"))
    try:
        running.start()
        yield running
    finally:
        running.stop()
