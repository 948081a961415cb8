"""The manifest: what every weight file is, where it comes from, and which files make a family. See models/README.md."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType, NoneType
from typing import Any, NamedTuple

from ..errors import WeightsError

__all__ = ["FamilyEntry", "Manifest", "RecogniserEntry", "Source", "WeightsEntry", "read_manifest"]

VERSION = 1
MAIN = "main"  # the revision of a Hugging Face repository that is meant where none is named


@dataclass(frozen=True, kw_only=True)
class Source:
    """One place that a file can be had from: a Hugging Face repository, an installed Python package, or a URL."""

    repo: str = ""
    package: str = ""
    file: str = ""
    revision: str = MAIN
    url: str = ""

    def __str__(self) -> str:
        if self.package:
            return f"the Python package {self.package}: {self.file}"
        return self.url or f"Hugging Face {self.repo}: {self.file} ({self.revision})"


@dataclass(frozen=True, kw_only=True)
class WeightsEntry:
    """One weight file.

    Attributes:
        name: what it is called in families and in ``load_network``.
        kind: the kind of network (``styleid.networks.KINDS``), or what else the file holds.
        family: the family it was made for, or ``any``.
        file: its path below a models folder, with forward slashes.
        source: where it comes from, as text for people.
        sources: places to fetch it from, tried in order; empty where people must get it themselves; None for a file
            that comes with its manifest.
        bytes, sha256: of the whole file, checked before the first use. None where nobody published them: such a file
            is never fetched, only taken from the user.
        licence, non_commercial: terms of the weights; ``terms`` is the address of their text.
        citation: the work to cite, or an empty text.
        input: what the network takes, as text for people.
        trained_on: the data it has seen, as text for people.
        figures: measured or published: numbers or short texts by name.
    """

    name: str
    kind: str
    family: str
    file: str
    source: str
    bytes: int | None
    sha256: str | None
    licence: str
    non_commercial: bool
    citation: str
    input: str
    trained_on: str
    figures: Mapping[str, float | str] = field(repr=False)
    sources: tuple[Source, ...] | None = None
    terms: str = ""

    @property
    def shipped(self) -> bool:
        """Whether it comes with its manifest."""
        return self.sources is None

    @property
    def fetchable(self) -> bool:
        """Whether it can be fetched: from a known place, with a known content."""
        return bool(self.sources) and self.sha256 is not None


class RecogniserEntry(NamedTuple):
    """A recogniser's weights and its decision threshold: the L2 distance of embeddings at a false-accept rate of 1e-2.

    The threshold is None where nobody published one: calibrate it on pairs before it decides anything.
    """

    weights: str
    threshold: float | None


@dataclass(frozen=True, kw_only=True)
class FamilyEntry:
    """Names of the weights that work together. A part that a family lacks is None.

    Attributes:
        layers: identity layers as published, where no ``ranking`` was measured.
        fallback: the family whose parts stand in for those that this one lacks, or whose files are not there. Only
            parts that see pictures can be lent: codes of one generator mean nothing to another.
        refine: steps by which codes of its encoder are refined unless somebody says otherwise.
    """

    name: str
    generator: str
    encoder: str
    recogniser: RecogniserEntry
    judge: RecogniserEntry
    landmarks: str | None = None
    detector: str | None = None
    segmentation_encoder: str | None = None
    parser: str | None = None
    attributes: str | None = None
    ranking: str | None = None
    swapper: str | None = None
    layers: tuple[int, ...] = ()
    fallback: str | None = None
    refine: int = 0

    def weight_names(self) -> tuple[str, ...]:
        """Names of all its own weights."""
        parts = [
            getattr(self, part.name) for part in dataclasses.fields(self) if part.name not in _NO_WEIGHTS
        ]
        return tuple(
            part.weights if isinstance(part, RecogniserEntry) else part for part in parts if part is not None
        )


_NO_WEIGHTS = {"name", "layers", "fallback", "refine"}


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
        "bytes": (int, NoneType),
        "sha256": (str, NoneType),
        "non_commercial": bool,
        "figures": dict,
        "sources": list,
        "layers": list,
        "refine": int,
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
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise WeightsError(f"The manifest names weights {name!r}: use letters, digits, '.', '_' and '-'.")
    parts = dict(_checked(f"weights {name!r}", given, WeightsEntry))
    if "sources" in parts:
        parts["sources"] = tuple(_source(f"source of {name!r}", source) for source in parts["sources"])
    entry = WeightsEntry(name=name, **parts)
    _check_path(f"file of {name!r}", entry.file)
    known = entry.sha256 is not None and entry.bytes is not None
    if (
        (entry.shipped and not known)
        or (entry.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", entry.sha256))
        or (entry.bytes is not None and (isinstance(entry.bytes, bool) or entry.bytes < 1))
    ):
        raise WeightsError(
            f"The manifest's entry for {name!r} needs a size in bytes and a sha256 of 64 hexadecimal digits."
        )
    return entry


def _source(what: str, given: Any) -> Source:
    source = Source(**_checked(what, given, Source))
    if source.file:
        _check_path(what, source.file)
    named = [name for name in ("repo", "package", "url") if getattr(source, name)]
    shapes = {"repo": r"[\w.-]+/[\w.-]+", "package": r"\w+", "url": r"https?://.*"}
    sound = len(named) == 1 and re.fullmatch(shapes[named[0]], getattr(source, named[0]))
    if not sound or bool(source.file) == bool(source.url):
        raise WeightsError(
            f"The manifest's {what} must hold 'file' with 'repo' (owner/name) or 'package', or a 'url', found {given}."
        )
    return source


def _check_path(what: str, text: str) -> None:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\\" in text or ":" in text or not path.name:
        raise WeightsError(f"The manifest's {what} must be a path below the models folder, found {text!r}.")


def _family(name: str, given: Any, weights: Mapping[str, WeightsEntry]) -> FamilyEntry:
    parts = dict(_checked(f"family {name!r}", given, FamilyEntry))
    for role in ("recogniser", "judge"):
        parts[role] = _recogniser(f"{role} of family {name!r}", parts[role])
    parts["layers"] = _layers(name, parts.get("layers", []))
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
    if family.fallback == name or (family.landmarks is None and family.fallback is None):
        raise WeightsError(f"The manifest's family {name!r} needs landmarks, or another family as fallback.")
    return family


def _layers(name: str, given: list[Any]) -> tuple[int, ...]:
    if not all(type(layer) is int and 0 <= layer < 64 for layer in given):
        raise WeightsError(
            f"The manifest's layers of family {name!r} must be numbers of layers, found {given}."
        )
    return tuple(given)


def _recogniser(what: str, given: dict[str, Any]) -> RecogniserEntry:
    if set(given) != {"weights", "threshold"} or not isinstance(given["weights"], str):
        raise WeightsError(
            f"The manifest's {what} must hold 'weights' and 'threshold', found {sorted(given)}."
        )
    threshold = given["threshold"]
    if threshold is None:
        return RecogniserEntry(given["weights"], None)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold < 2:
        raise WeightsError(
            f"The manifest's threshold of the {what} must be an L2 distance between 0 and 2, or null."
        )
    return RecogniserEntry(given["weights"], float(threshold))
