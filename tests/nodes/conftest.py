"""Loads the node pack the way ComfyUI does: from a folder of any name, without ComfyUI itself."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAME = "styleid_pack"


@pytest.fixture(scope="session")
def pack() -> ModuleType:
    """The project as a package, with NODE_CLASS_MAPPINGS."""
    if NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            NAME, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[NAME] = module
        spec.loader.exec_module(module)
    return sys.modules[NAME]


@pytest.fixture(scope="session")
def node(pack: ModuleType):
    """`node("StyleIDDecodeWPlus")(models=..., codes=...)` runs a node and returns its outputs."""

    def run(kind: str):
        cls = pack.NODE_CLASS_MAPPINGS[kind]
        return lambda **inputs: getattr(cls(), cls.FUNCTION)(**(defaults(cls) | inputs))

    return run


@pytest.fixture(scope="session")
def errors(pack: ModuleType) -> ModuleType:
    """The error classes that the nodes raise."""
    return sys.modules[f"{NAME}.styleid.errors"]


def defaults(cls: type) -> dict[str, object]:
    """What the widgets of a freshly added node hold."""
    return {
        name: options["default"]
        for name, (_, options) in cls.INPUT_TYPES()["required"].items()
        if "default" in options
    }
