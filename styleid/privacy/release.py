"""Properties of a set of pictures: k-anonymity, l-diversity and t-closeness over the attributes that its faces show.

A class is all faces with the same released attributes. Which attributes a face shows is measured on the output; what
is measured is what counts. Sources: Samarati and Sweeney 1998; Machanavajjhala et al. 2007; Li, Li and Venkatasubramanian
2007, with the equal distance between values, for which the earth mover's distance is half the L1 distance.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..errors import InputError

__all__ = ["Achieved", "Release", "achieved", "class_rows", "classes_of", "to_withhold"]

_ROUNDING = 1e-6  # of a share in float32


@dataclass(frozen=True, kw_only=True)
class Release:
    """What a set of pictures is to meet.

    Attributes:
        attributes: those that anybody can see in the pictures and may know from elsewhere.
        sensitive: the one that must not follow from them; None asks for k only.
        k: every combination of `attributes` that occurs, occurs at least this often.
        l: in every class `sensitive` takes at least this many values, 1 or 2.
        t: its distribution in a class and in the whole set differ by at most this, 0..1.
    """

    attributes: tuple[str, ...] = ("Male", "Young", "Smiling")
    sensitive: str | None = None
    k: int = 2
    l: int = 1  # noqa: E741
    t: float = 1.0

    def __post_init__(self) -> None:
        if not self.attributes or len(set(self.attributes)) != len(self.attributes):
            raise InputError("Name at least one released attribute, each once.")
        if self.sensitive in self.attributes:
            raise InputError(f"{self.sensitive!r} cannot be released and sensitive at once.")
        if self.k < 1 or self.l not in (1, 2) or not 0 <= self.t <= 1:
            raise InputError(f"k is 1 or more, l 1 or 2, t in 0..1; found {self.k}, {self.l}, {self.t:g}.")
        if self.sensitive is None and (self.l > 1 or self.t < 1):
            raise InputError("l and t are about a sensitive attribute; name one.")

    @property
    def names(self) -> tuple[str, ...]:
        """All attributes that are planned and measured, the sensitive one last."""
        return self.attributes if self.sensitive is None else (*self.attributes, self.sensitive)


@dataclass(frozen=True)
class Achieved:
    """What a set of faces meets. `l` and `t` are None without a sensitive attribute; all are 0 or None without faces."""

    k: int
    l: int | None  # noqa: E741
    t: float | None
    classes: int
    faces: int

    def meets(self, release: Release) -> bool:
        if self.k < release.k:
            return False
        return release.sensitive is None or (self.l >= release.l and self.t <= release.t + _ROUNDING)


def achieved(shown: Tensor, release: Release) -> Achieved:
    """The k, l and t of faces that show these attributes: bool [N, A], columns as `release.names`."""
    if not len(shown):
        return Achieved(0, None, None, 0, 0)
    classes = classes_of(shown, release)
    k = min(map(len, classes.values()))
    if release.sensitive is None:
        return Achieved(k, None, None, len(classes), len(shown))
    values = shown[:, -1].float()
    l_ = min(len(values[rows].unique()) for rows in classes.values())
    t = max(float((values[rows].mean() - values.mean()).abs()) for rows in classes.values())
    return Achieved(k, l_, t, len(classes), len(shown))


def class_rows(before: Tensor, after: Tensor, release: Release) -> list[dict[str, Any]]:
    """The classes of two tables, bool [N, A] each, as plain rows: the values, how many faces show them before and after,
    and which share of those after shows the sensitive attribute.
    """
    old, new = classes_of(before, release), classes_of(after, release)
    rows = []
    for key in sorted(old.keys() | new.keys(), reverse=True):
        members = new.get(key, [])
        row = {"values": dict(zip(release.attributes, key, strict=True))}
        row |= {"before": len(old.get(key, [])), "after": len(members)}
        if release.sensitive is not None:
            row["sensitive"] = float(after[members, -1].float().mean()) if members else None
        rows.append(row)
    return rows


def to_withhold(
    shown: Tensor, owners: Sequence[int], release: Release, unfit: Collection[int] = ()
) -> set[int]:
    """Pictures to take out so that the rest meets the release, as few as two greedy ways find.

    What cannot be hidden in a crowd is not published (suppression). Classes that are too small go whole. Of a class in
    which the sensitive attribute stands out, either all goes, or one picture at a time of those that show the frequent
    value. Everything may have to go.

    Args:
        shown: bool [N, A] of all faces; owners: for each, the number of its picture.
        unfit: pictures that go in any case.
    """
    ways = [_suppressed(shown, owners, release, unfit, whole) for whole in (True, False)]
    return min(ways, key=len)


def classes_of(shown: Tensor, release: Release) -> dict[tuple[bool, ...], list[int]]:
    """Rows of bool [N, A] by their released attributes."""
    classes: dict[tuple[bool, ...], list[int]] = {}
    for row, values in enumerate(shown[:, : len(release.attributes)].tolist()):
        classes.setdefault(tuple(values), []).append(row)
    return classes


def _suppressed(
    shown: Tensor, owners: Sequence[int], release: Release, unfit: Collection[int], whole: bool
) -> set[int]:
    out = set(unfit)
    while True:
        rows = [row for row, owner in enumerate(owners) if owner not in out]
        rest = shown[rows]
        if not rows or achieved(rest, release).meets(release):
            return out
        worst = min(classes_of(rest, release).values(), key=lambda members: _quality(rest, members, release))
        if not whole and len(worst) > release.k and len(rest[worst, -1].unique()) >= release.l:
            worst = [_frequent(rest, worst)]
        out |= {owners[rows[member]] for member in worst}


def _frequent(shown: Tensor, members: list[int]) -> int:
    """A member that shows the value of the sensitive attribute that is too frequent in its class."""
    values = shown[:, -1].float()
    value = bool(values[members].mean() > values.mean())
    return next(member for member in members if bool(shown[member, -1]) == value)


def _quality(shown: Tensor, members: list[int], release: Release) -> tuple[float, ...]:
    """How well a class does; the one that fails first is the least: too small, then the most different."""
    size = len(members)
    if size < release.k or release.sensitive is None:
        return (0.0, float(size))
    values = shown[:, -1].float()
    distance = float((values[members].mean() - values.mean()).abs())
    fits = len(values[members].unique()) >= release.l and distance <= release.t + _ROUNDING
    return (2.0 if fits else 1.0, -distance, float(size))
