"""Whoever prints a value of the pipeline sees no pixel, code, embedding or seed."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import torch

import styleid
from styleid.pipeline.face import View

HARMLESS = {"styleid.swapper.loss.Losses"}  # means over a batch


def classes() -> Iterator[type]:
    for module in pkgutil.walk_packages(styleid.__path__, "styleid."):
        if not module.name.endswith("__main__"):
            found = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
            yield from (kind for _, kind in found if kind.__module__ == module.name)


def printed(kind: type) -> dict[str, str]:
    """Fields and their types in the repr that Python wrote for a class."""
    if is_dataclass(kind):
        written = hasattr(kind.__repr__, "__wrapped__")  # one's own is not wrapped
        return {one.name: str(one.type) for one in fields(kind) if one.repr and written}
    return {name: str(of) for name, of in inspect.get_annotations(kind).items() if hasattr(kind, "_fields")}


def test_no_written_repr_prints_tensors_or_seeds() -> None:
    every = {f"{kind.__module__}.{kind.__qualname__}": printed(kind) for kind in classes()}
    assert "margin" in every["styleid.privacy.reach.Probe"]
    telling = {
        name
        for name, shown in every.items()
        if "seed" in shown or any("Tensor" in of and "Callable" not in of for of in shown.values())
    }
    assert telling == HARMLESS


def test_a_view_prints_no_embedding() -> None:
    assert "tensor" not in repr(View(torch.ones(1, 4), torch.ones(1, 4)))
