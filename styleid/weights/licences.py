"""Terms of the weights, and which non-commercial ones the user has accepted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import WeightsError
from .folders import config_folder
from .manifest import WeightsEntry
from .store import family_entry, list_weights, weights_entry

__all__ = [
    "Licence",
    "accept_licences",
    "accepted_licences",
    "family_is_non_commercial",
    "licences",
    "require_licences",
    "unaccepted",
]

_FILE = "licences.json"


class Licence(NamedTuple):
    """The terms of one weight file."""

    name: str
    licence: str
    non_commercial: bool
    citation: str
    source: str
    terms: str = ""


def licences() -> tuple[Licence, ...]:
    """Terms of every weight file of the manifest."""
    return tuple(
        Licence(x.name, x.licence, x.non_commercial, x.citation, x.source, x.terms) for x in list_weights()
    )


def family_is_non_commercial(name: str) -> bool:
    """Whether any weight file of a family is for non-commercial use only."""
    return any(weights_entry(part).non_commercial for part in family_entry(name).weight_names())


def accepted_licences() -> frozenset[str]:
    """Licences that the user has accepted. A file of choices that cannot be read accepts nothing."""
    try:
        content = json.loads((config_folder() / _FILE).read_text(encoding="utf-8"))
        return frozenset(str(licence) for licence in content["accepted"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()


def accept_licences(names: Iterable[str]) -> None:
    """Remember that the user accepts these licences, in ``licences.json`` of the user's configuration."""
    folder = config_folder()
    folder.mkdir(parents=True, exist_ok=True)
    content = {"accepted": sorted({*accepted_licences(), *names})}
    partial = folder / f"{_FILE}.{os.getpid()}"
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, folder / _FILE)


def unaccepted(entries: Iterable[WeightsEntry]) -> dict[str, str]:
    """Non-commercial licences of ``entries`` that the user has not accepted, each with the address of its text."""
    accepted = accepted_licences()
    return {
        entry.licence: entry.terms
        for entry in entries
        if entry.non_commercial and entry.licence not in accepted
    }


def require_licences(entries: Iterable[WeightsEntry], *, accept: bool = False) -> None:
    """Raise WeightsError unless every non-commercial licence of ``entries`` was accepted, or is now (``accept``)."""
    missing = unaccepted(entries)
    if missing and accept:
        accept_licences(missing)
    elif missing:
        terms = "; ".join(f"{licence} ({text})" if text else licence for licence, text in missing.items())
        raise WeightsError(
            "These weights are for non-commercial use only, under terms that you have not accepted: "
            f"{terms}. Nothing was fetched or written. If you accept them, add --accept-licence."
        )
