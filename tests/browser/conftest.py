"""A real browser on a real ComfyUI. Playwright is optional: without it these tests are skipped, loudly."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from comfy_server import ComfyServer, why_no_comfy

sys.path.insert(0, str(Path(__file__).parent))

from comfy_page import FLAGS, ComfyPage, browser_executable


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


@pytest.fixture(scope="session")
def open_page(server: ComfyServer) -> Iterator[Callable[[bool], ComfyPage]]:
    """`open_page(vue_nodes)`: a fresh page of the server in that renderer."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright for browser tests")
    executable = browser_executable()
    if executable is None:
        pytest.skip("No Chromium was found: install one or set CHROMIUM to its path.")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))

        def open_one(vue_nodes: bool) -> ComfyPage:
            page = browser.new_context(viewport={"width": 1920, "height": 1080}).new_page()
            return ComfyPage(page, server.url, vue_nodes=vue_nodes)

        yield open_one
        browser.close()
