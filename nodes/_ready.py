"""Networks are where they compute before a node runs."""

from __future__ import annotations

import functools
from typing import Any

from ..styleid.family import Family
from . import _bridge

__all__ = ["ready_before"]


def ready_before(node: type) -> None:
    """Have ComfyUI's memory manager bring every family that ``node`` is given before its ``execute`` runs."""
    execute = node.execute

    @functools.wraps(execute)
    def run(self: Any, **inputs: Any) -> Any:
        for value in inputs.values():
            if isinstance(value, Family):
                _bridge.ready(value)
        return execute(self, **inputs)

    node.execute = run
