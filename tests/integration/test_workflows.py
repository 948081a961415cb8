"""Every shipped workflow, executed by a real ComfyUI through its API."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comfy_server import ROOT, ComfyServer, error_of, succeeded
from PIL import Image
from workflow_parts import source_of
from workflow_recipes import RECIPES, build

pytestmark = [pytest.mark.comfy, pytest.mark.slow]
API = Path(__file__).parent / "api"
SAVE = "StyleIDSaveAnonymizedImage"


@pytest.fixture(params=sorted(RECIPES))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def graph_of(name: str) -> dict[str, Any]:
    return json.loads((API / f"{name}.json").read_text())


def run(server: ComfyServer, graph: dict[str, Any]) -> dict[str, Any]:
    """Executes a graph; returns the outputs by node, or fails with the server's words."""
    entry = server.run(graph)
    assert succeeded(entry), error_of(entry)["exception_message"]
    return entry["outputs"]


def picture(server: ComfyServer, image: dict[str, str]) -> Image.Image:
    path = f"/view?filename={image['filename']}&subfolder={image['subfolder']}&type={image['type']}"
    return Image.open(io.BytesIO(server.get_bytes(path)))


def node_of(graph: dict[str, Any], kind: str) -> str:
    return next(number for number, node in graph.items() if node["class_type"] == kind)


def save(source: list[Any], prefix: str) -> dict[str, Any]:
    inputs = {"images": source, "filename_prefix": prefix, "format": "png", "quality": 95}
    return {"class_type": SAVE, "inputs": inputs}


def test_files_are_what_the_recipes_say(server: ComfyServer, name: str):
    recipe = build(name, server.get("/object_info"))
    hint = "run tests/integration/make_workflows.py"
    assert json.loads((ROOT / "workflows" / f"{name}.json").read_text()) == json.loads(
        json.dumps(recipe.ui())
    ), hint
    assert graph_of(name) == recipe.api(), hint


def test_a_workflow_runs_and_changes_only_faces(server: ComfyServer, name: str):
    graph = graph_of(name)
    outputs = run(server, {**graph, "original": save(source_of(graph), f"check/{name}_original")})
    sources = [np.asarray(picture(server, one)) for one in outputs["original"]["images"]]
    after_file = picture(server, outputs[node_of(graph, SAVE)]["images"][0])
    after = np.asarray(after_file)
    assert after.shape == sources[0].shape
    # Of a set the first picture may be withheld: what came out is one of those that went in.
    changed = min(((before != after).any(axis=-1) for before in sources), key=np.mean)
    portraits = len(sources) > 1  # of a set: faces fill them, some to the lower edge
    assert 0.001 < changed.mean() < (0.8 if portraits else 0.6)
    assert (
        portraits or not changed[-5:].any()
    )  # nobody's face is at the lower edge of the example photographs
    assert not after_file.info
    assert not after_file.getexif()


def test_the_reports_name_judge_and_outcome(server: ComfyServer, name: str):
    outputs = run(server, graph_of(name))
    reports = ["\n".join(output.get("text", [])) for output in outputs.values()]
    assert any("judge" in report for report in reports)
    # The inversion control may well be "the same person": only the finished picture must not be.
    finished = [report for report in reports if "anonymised" in report or "blurred" in report]
    assert finished
    assert all("SAME PERSON" not in report or "blurred" in report for report in finished)


def test_two_runs_give_two_identities(server: ComfyServer):
    graph = graph_of("medium_layer_swap")
    number = node_of(graph, SAVE)
    first, second = (picture(server, run(server, graph)[number]["images"][0]) for _ in range(2))
    assert np.any(np.asarray(first) != np.asarray(second))
