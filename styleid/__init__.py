"""StyleID: anonymise faces in StyleGAN2's W+ space and measure what was hidden and what was kept.

The names below are loaded on first use, so that ``python -m styleid --help`` does not wait for PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Anonymizer", "Family", "Result", "StyleIDError", "load_family"]

_HOME = {
    "Anonymizer": ".anonymizer",
    "Family": ".family",
    "Result": ".privacy.outcomes",
    "StyleIDError": ".errors",
    "load_family": ".family",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
