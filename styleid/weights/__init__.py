"""The weights: their manifest and terms, how they are fetched and converted, where they lie, and whether they are intact."""

from __future__ import annotations

from .calibration import calibrated, decision_threshold, write_calibration
from .convert import convert
from .fetch import Fetched, fetch, missing
from .folders import model_folders, store_folder
from .licences import (
    Licence,
    accept_licences,
    accepted_licences,
    family_is_non_commercial,
    licences,
    unaccepted,
)
from .manifest import FamilyEntry, RecogniserEntry, Source, WeightsEntry
from .stand_in import FamilyPlan, plan_family
from .store import (
    Check,
    family_entry,
    family_names,
    how_to_get,
    is_present,
    list_weights,
    resolve,
    verify,
    weight_names,
    weights_entry,
)

__all__ = [
    "Check",
    "FamilyEntry",
    "FamilyPlan",
    "Fetched",
    "Licence",
    "RecogniserEntry",
    "Source",
    "WeightsEntry",
    "accept_licences",
    "accepted_licences",
    "calibrated",
    "convert",
    "decision_threshold",
    "family_entry",
    "family_is_non_commercial",
    "family_names",
    "fetch",
    "how_to_get",
    "is_present",
    "licences",
    "list_weights",
    "missing",
    "model_folders",
    "plan_family",
    "resolve",
    "store_folder",
    "unaccepted",
    "verify",
    "weight_names",
    "weights_entry",
    "write_calibration",
]
