"""Which files a family is loaded from: its own, and for parts that are not there those of its fallback."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from .calibration import calibrated
from .manifest import FamilyEntry, RecogniserEntry
from .store import family_entry, how_to_get, is_present, weights_entry

__all__ = ["FamilyPlan", "plan_family"]

# Parts that see pictures may be another family's. Parts that read or write codes may not: codes of one generator mean
# nothing to another.
_LENT = ("recogniser", "judge", "landmarks", "detector", "parser", "attributes")
_CODES = ("segmentation_encoder", "ranking", "swapper")


class FamilyPlan(NamedTuple):
    """``entry`` names files that are present or required, each recogniser with a threshold; ``notes`` says for people
    what stands in for what, what is absent, and how to get it."""

    entry: FamilyEntry
    notes: tuple[str, ...]


def plan_family(name: str) -> FamilyPlan:
    """What :func:`styleid.family.load_family` loads.

    A missing generator or encoder stays in the plan: loading it says how to get it. So does a missing part of a family
    without a fallback. Raises WeightsError for an unknown family.
    """
    entry = family_entry(name)
    spare = None if entry.fallback is None else plan_family(entry.fallback).entry
    changes: dict[str, Any] = {}
    notes = []
    for role in _LENT:
        part, problem = _own(getattr(entry, role))
        if problem is not None and spare is not None:
            lent = getattr(spare, role)
            if lent is not None:
                notes.append(
                    f"{_spoken(role)}: {_named(lent)} of the family {entry.fallback!r} stands in. {problem}"
                )
            part = lent
        changes[role] = part
    for role in _CODES:
        own = getattr(entry, role)
        if own is not None and not is_present(own) and not weights_entry(own).shipped:
            notes.append(f"no {_spoken(role)}. {_missing(own)}")
            changes[role] = None
    return FamilyPlan(dataclasses.replace(entry, **changes), tuple(notes))


def _own(part: Any) -> tuple[Any, str | None]:
    """The family's own part, a recogniser with its threshold, and what is wrong with it."""
    if part is None:
        return None, "This family has none of its own."
    weights = part.weights if isinstance(part, RecogniserEntry) else part
    if not is_present(weights) and not weights_entry(weights).shipped:
        return part, _missing(weights)
    if isinstance(part, RecogniserEntry) and part.threshold is None:
        measured = calibrated(weights)
        if measured is None:
            return part, (
                f"Nobody published a decision threshold for {weights!r}. Measure one: "
                f"python -m styleid calibrate {weights}"
            )
        return RecogniserEntry(weights, measured), None
    return part, None


def _missing(weights: str) -> str:
    return f"The weights {weights!r} are not here: {how_to_get(weights_entry(weights))}"


def _named(part: Any) -> str:
    return repr(part.weights if isinstance(part, RecogniserEntry) else part)


def _spoken(role: str) -> str:
    return role.replace("_", " ")
