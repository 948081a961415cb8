"""What ComfyUI and its users rely on, for every node."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IDS = sorted(path.stem for path in (ROOT / "web" / "docs").glob("*.md"))
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
DRAWING = (
    "StyleIDAnonymize",
    "StyleIDRandomIdentity",
    "StyleIDChooseTarget",
    "StyleIDRandomTargetFromMask",
    "StyleIDReachPrivacyTarget",
    "StyleIDReleaseSet",
)


@pytest.fixture(params=IDS)
def cls(request: pytest.FixtureRequest, pack) -> type:
    return pack.NODE_CLASS_MAPPINGS[request.param]


def all_inputs(cls: type) -> dict[str, tuple]:
    declared = cls.INPUT_TYPES()
    return {**declared.get("required", {}), **declared.get("optional", {})}


def test_every_node_has_a_help_page_and_the_other_way_round(pack):
    assert set(pack.NODE_CLASS_MAPPINGS) == set(IDS) == set(pack.NODE_DISPLAY_NAME_MAPPINGS)
    assert len(set(pack.NODE_DISPLAY_NAME_MAPPINGS.values())) == len(IDS)


def test_ids_and_categories(cls):
    assert cls.__name__.startswith("StyleID")
    assert cls.CATEGORY.split("/")[0] == "StyleID"
    assert cls.DISPLAY_NAME.endswith("(StyleID)")
    assert len(cls.DESCRIPTION) > 20


def test_outputs_have_names_and_tooltips(cls):
    assert len(cls.RETURN_TYPES) == len(cls.RETURN_NAMES) == len(cls.OUTPUT_TOOLTIPS)
    assert all(len(text) > 10 for text in cls.OUTPUT_TOOLTIPS)
    assert cls.RETURN_TYPES or cls.OUTPUT_NODE


def test_inputs_have_tooltips_and_sensible_defaults(cls):
    for name, (kind, options) in all_inputs(cls).items():
        assert len(options.get("tooltip", "")) > 10, name
        if isinstance(kind, list):
            assert options["default"] in kind, name
        if kind in ("INT", "FLOAT") and not options.get("forceInput"):
            assert options["min"] <= options["default"] <= options["max"], name


def test_execute_takes_exactly_the_inputs_by_keyword(cls):
    parameters = dict(inspect.signature(getattr(cls, cls.FUNCTION)).parameters)
    parameters.pop("self")
    assert set(parameters) == set(all_inputs(cls))
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters.values())
    optional = {name for name, parameter in parameters.items() if parameter.default is None}
    assert optional == set(cls.INPUT_TYPES().get("optional", {}))


def test_no_node_asks_for_the_workflow_or_keeps_state(cls):
    assert "hidden" not in cls.INPUT_TYPES()
    assert not vars(cls())


def test_appears_in_a_workflow(cls):
    used = {node["type"] for path in WORKFLOWS for node in json.loads(path.read_text())["nodes"]}
    assert cls.__name__ in used


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_hold_no_seed_and_have_thumbnails(path):
    workflow = json.loads(path.read_text())
    for node in workflow["nodes"]:
        for slot in node["inputs"]:
            assert slot["name"] != "seed" or slot["link"] is None
    assert path.with_suffix(".jpg").is_file()


@pytest.mark.parametrize("kind", DRAWING)
def test_seeds_are_sockets_and_secret_draws_run_again(pack, kind):
    cls = pack.NODE_CLASS_MAPPINGS[kind]
    assert cls.INPUT_TYPES()["optional"]["seed"][1]["forceInput"] is True
    assert (
        cls.NOT_IDEMPOTENT
    )  # else ComfyUI gives a second node with like inputs the first one's secret identity
    secret = cls.IS_CHANGED(new_each_run=True)
    assert secret != secret  # NaN: never equal to the last run
    assert cls.IS_CHANGED(new_each_run=False) == cls.IS_CHANGED(new_each_run=False)
    # a wired input reaches IS_CHANGED as None
    assert cls.IS_CHANGED(new_each_run=True, seed=None) == cls.IS_CHANGED(new_each_run=True, seed=None)


def test_only_the_bridge_knows_comfyui():
    for path in (ROOT / "nodes").glob("*.py"):
        tree = ast.parse(path.read_text())
        absolute = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
        names = {alias.name.split(".")[0] for node in absolute for alias in node.names}
        names |= {
            n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level
        }
        assert path.name == "_bridge.py" or not names & {
            "comfy",
            "folder_paths",
            "server",
            "execution",
            "nodes",
        }, path


def test_the_page_loads_no_script():
    assert not list((ROOT / "web").rglob("*.js"))
