"""The manifest of weight files, where they lie, and whether they are intact."""

from __future__ import annotations

from .manifest import FamilyEntry, RecogniserEntry, WeightsEntry
from .store import (
    Check,
    Licence,
    family_entry,
    family_names,
    licences,
    list_weights,
    model_folders,
    resolve,
    verify,
    weight_names,
)

__all__ = [
    "Check",
    "FamilyEntry",
    "Licence",
    "RecogniserEntry",
    "WeightsEntry",
    "family_entry",
    "family_names",
    "licences",
    "list_weights",
    "model_folders",
    "resolve",
    "verify",
    "weight_names",
]
