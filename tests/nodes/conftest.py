"""Runs nodes without ComfyUI."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def pack(load_pack: Callable[[], ModuleType]) -> ModuleType:
    """The project as a package, with NODE_CLASS_MAPPINGS."""
    return load_pack()


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
    return sys.modules[f"{pack.__name__}.styleid.errors"]


@pytest.fixture
def modules(pack: ModuleType) -> Callable[[str], ModuleType]:
    """Node modules and the library's, as the pack sees them."""
    name = pack.__name__
    importlib.import_module(f"{name}.styleid.faces")
    return lambda path: sys.modules[f"{name}.{path}"]


def defaults(cls: type) -> dict[str, object]:
    """What the widgets of a freshly added node hold."""
    return {
        name: options["default"]
        for name, (_, options) in cls.INPUT_TYPES()["required"].items()
        if "default" in options
    }
