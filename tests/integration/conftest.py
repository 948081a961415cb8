"""A real ComfyUI server, started once for all integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from comfy_server import ComfyServer, why_no_comfy


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    reason = why_no_comfy()
    if reason:
        pytest.skip(reason)
    running = ComfyServer(tmp_path_factory.mktemp("comfyui"))
    try:
        running.start()
        yield running
    finally:
        running.stop()
