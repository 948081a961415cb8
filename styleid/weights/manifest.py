"""The manifest: what every weight file is, where it comes from, and which files make a family. See models/README.md."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import WeightsError

__all__ = ["FamilyEntry", "Manifest", "RecogniserEntry", "WeightsEntry", "read_manifest"]

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class WeightsEntry:
    """One weight file.

    Attributes:
        name: what it is called in families and in ``load_network``.
        kind: the kind of network (``styleid.networks.KINDS``) or ``ranking``.
        family: the family it was made for.
        file: its path below a models folder, with forward slashes.
        source: where it comes from, as text for people.
        bytes, sha256: of the whole file; both are checked before the first use.
        licence, non_commercial: terms of the weights.
        citation: the work to cite, or an empty text.
        input: what the network takes, as text for people.
        trained_on: the data it has seen, as text for people.
        figures: measured on held-out data: numbers or short texts by name.
    """

    name: str
    kind: str
    family: str
    file: str
    source: str
    bytes: int
    sha256: str
    licence: str
    non_commercial: bool
    citation: str
    input: str
    trained_on: str
    figures: Mapping[str, float | str] = field(repr=False)


class RecogniserEntry(NamedTuple):
    """A recogniser's weights and its decision threshold: the L2 distance of embeddings at a false-accept rate of 1e-2."""

    weights: str
    threshold: float


@dataclass(frozen=True, kw_only=True)
class FamilyEntry:
    """Names of the weights that work together. A part that a family lacks is None."""

    name: str
    generator: str
    encoder: str
    recogniser: RecogniserEntry
    judge: RecogniserEntry
    landmarks: str
    segmentation_encoder: str | None = None
    parser: str | None = None
    attributes: str | None = None
    ranking: str | None = None

    def weight_names(self) -> tuple[str, ...]:
        """Names of all its weights."""
        parts = [getattr(self, part.name) for part in dataclasses.fields(self) if part.name != "name"]
        return tuple(
            part.weights if isinstance(part, RecogniserEntry) else part for part in parts if part is not None
        )


@dataclass(frozen=True, eq=False)
class Manifest:
    """Weights and families by name, and for each weight the folder of the manifest that lists it."""

    weights: Mapping[str, WeightsEntry]
    families: Mapping[str, FamilyEntry]
    folders: Mapping[str, Path] = field(repr=False)


def read_manifest(path: Path) -> Manifest:
    """Read and check ``manifest.json``.

    Raises:
        WeightsError: unreadable, another version, missing or surplus entries, a family that names unknown weights, or one
            that judges with the recogniser it tunes with.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path} cannot be read as a manifest ({type(error).__name__}). Install again."
        ) from error
    if not isinstance(content, dict) or content.get("version") != VERSION or set(content) != _TOP:
        raise WeightsError(
            f"{path} must hold {sorted(_TOP)} of version {VERSION}. Install the matching version again."
        )
    weights = {name: _weights(name, entry) for name, entry in _table(content, "weights").items()}
    families = {name: _family(name, entry, weights) for name, entry in _table(content, "families").items()}
    return Manifest(
        MappingProxyType(weights),
        MappingProxyType(families),
        MappingProxyType(dict.fromkeys(weights, path.parent)),
    )


_TOP = {"version", "weights", "families"}
_TYPES: Mapping[str, type | tuple[type, ...]] = MappingProxyType(
    {
        "bytes": int,
        "non_commercial": bool,
        "figures": dict,
        "threshold": (int, float),
        "recogniser": dict,
        "judge": dict,
    }
)  # every other entry is a text


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(content[name], dict):
        raise WeightsError(f"The manifest's {name!r} must be a table, found {type(content[name]).__name__}.")
    return content[name]


def _checked(what: str, given: Any, cls: type) -> dict[str, Any]:
    """``given`` if it has exactly the fields of ``cls`` (those with a default may lack), each of its type."""
    fields = {item.name: item for item in dataclasses.fields(cls) if item.name != "name"}
    required = {name for name, item in fields.items() if item.default is dataclasses.MISSING}
    if not isinstance(given, dict) or not required <= set(given) <= set(fields):
        found = sorted(given) if isinstance(given, dict) else type(given).__name__
        raise WeightsError(f"The manifest's entry for {what} must hold {sorted(required)}, found {found}.")
    for name, value in given.items():
        if not isinstance(value, _TYPES.get(name, str)):
            raise WeightsError(f"The manifest's entry for {what} has a {type(value).__name__} as {name!r}.")
    return given


def _weights(name: str, given: Any) -> WeightsEntry:
    entry = WeightsEntry(name=name, **_checked(f"weights {name!r}", given, WeightsEntry))
    path = PurePosixPath(entry.file)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.file or ":" in entry.file or not path.name:
        raise WeightsError(
            f"The manifest's file of {name!r} must be a path below the models folder, found {entry.file!r}."
        )
    if not re.fullmatch(r"[0-9a-f]{64}", entry.sha256) or entry.bytes < 1:
        raise WeightsError(
            f"The manifest's entry for {name!r} needs a size in bytes and a sha256 of 64 hexadecimal digits."
        )
    return entry


def _family(name: str, given: Any, weights: Mapping[str, WeightsEntry]) -> FamilyEntry:
    parts = dict(_checked(f"family {name!r}", given, FamilyEntry))
    for role in ("recogniser", "judge"):
        parts[role] = _recogniser(f"{role} of family {name!r}", parts[role])
    family = FamilyEntry(name=name, **parts)
    unknown = sorted(set(family.weight_names()) - set(weights))
    if unknown:
        raise WeightsError(
            f"The manifest's family {name!r} names weights that it does not list: {', '.join(unknown)}."
        )
    if family.recogniser.weights == family.judge.weights:
        raise WeightsError(
            f"The manifest's family {name!r} has one network as recogniser and as judge; it needs two."
        )
    return family


def _recogniser(what: str, given: dict[str, Any]) -> RecogniserEntry:
    if set(given) != {"weights", "threshold"} or not isinstance(given["weights"], str):
        raise WeightsError(
            f"The manifest's {what} must hold 'weights' and 'threshold', found {sorted(given)}."
        )
    threshold = given["threshold"]
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold < 2:
        raise WeightsError(f"The manifest's threshold of the {what} must be an L2 distance between 0 and 2.")
    return RecogniserEntry(given["weights"], float(threshold))
