"""Every workflow dropped onto the canvas and run, as a user does, in both node renderers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from comfy_server import ROOT, ComfyServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NAMES = sorted(path.stem for path in (ROOT / "workflows").glob("*.json"))


@pytest.fixture(scope="module", params=[False, True], ids=["canvas", "vue"])
def page(request: pytest.FixtureRequest, open_page):
    opened = open_page(request.param)
    yield opened
    opened.page.context.close()


@pytest.fixture
def screenshot(page, request: pytest.FixtureRequest, tmp_path: Path):
    """Keeps a picture of the page: pytest prints where when a test fails."""
    yield
    page.show_all()
    page.screenshot(tmp_path / f"{request.node.name}.png")


def declared(graph: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """Class and inputs per node; what a page adds for its own widgets is left out."""
    kept = {}
    for number, node in graph.items():
        inputs = info[node["class_type"]]["input"]
        names = {**inputs.get("required", {}), **inputs.get("optional", {})}
        kept[number] = (node["class_type"], {name: v for name, v in node["inputs"].items() if name in names})
    return kept


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("screenshot")
def test_a_workflow_drops_runs_and_shows_its_picture(page, server: ComfyServer, name: str):
    page.console_errors.clear()
    page.drop(ROOT / "workflows" / f"{name}.json")
    assert page.red_nodes() == []
    assert page.overlaps() == []
    twin = json.loads((ROOT / "tests" / "integration" / "api" / f"{name}.json").read_text())
    info = server.get("/object_info")
    assert declared(page.api_prompt(), info) == declared(twin, info)
    assert page.run() == "success"
    assert page.red_nodes() == []
    assert page.shown_pictures() >= 1
    assert page.console_errors == []


def test_help_opens_in_the_page(page):
    page.load_node("StyleIDRandomIdentity")
    assert "The draw is a secret" in page.help_text()
