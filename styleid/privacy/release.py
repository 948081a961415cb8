"""Properties of a set of pictures: k-anonymity, l-diversity and t-closeness over the attributes that its faces show.

A class is all faces with the same released attributes. Which attributes a face shows is measured on the output; what
is measured is what counts. Sources: Samarati and Sweeney 1998; Machanavajjhala et al. 2007; Li, Li and Venkatasubramanian
2007, with the equal distance between values, for which the earth mover's distance is half the L1 distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError

__all__ = ["Achieved", "Release", "achieved", "assign", "to_withhold"]


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
        return release.sensitive is None or (self.l >= release.l and self.t <= release.t + 1e-9)


def achieved(shown: Tensor, release: Release) -> Achieved:
    """The k, l and t of faces that show these attributes: bool [N, A], columns as `release.names`."""
    if not len(shown):
        return Achieved(0, None, None, 0, 0)
    classes = _classes(shown, release)
    k = min(map(len, classes.values()))
    if release.sensitive is None:
        return Achieved(k, None, None, len(classes), len(shown))
    values = shown[:, -1].float()
    l_ = min(len(values[rows].unique()) for rows in classes.values())
    t = max(float((values[rows].mean() - values.mean()).abs()) for rows in classes.values())
    return Achieved(k, l_, t, len(classes), len(shown))


def assign(confidences: Tensor, release: Release) -> Tensor:
    """Which attributes each new face should show: bool [N, A], as few changes as a greedy choice finds.

    Classes smaller than k are dissolved, smallest first: each member joins the class nearest to its confidences. The
    sensitive attribute then gets its share of the whole set within every class.

    Args:
        confidences: of the sources, [N, A] in 0..1, columns as `release.names`.

    Raises:
        InputError: fewer than k faces.
    """
    if len(confidences) < release.k:
        raise InputError(
            f"A set of {len(confidences)} faces cannot be {release.k}-anonymous. Ask for less, or give more pictures."
        )
    count = len(release.attributes)
    wanted = confidences >= 0.5
    while True:
        classes = _classes(wanted, release)
        smallest = min(classes, key=lambda key: (len(classes[key]), key))
        if len(classes[smallest]) >= release.k:
            break
        others = torch.tensor([key for key in sorted(classes) if key != smallest]).float()  # [C - 1, a]
        rows = classes[smallest]
        nearest = torch.cdist(confidences[rows, :count].float(), others, p=1).argmin(1)
        wanted[rows, :count] = others[nearest] >= 0.5
    if release.sensitive is not None:
        _spread(wanted, confidences[:, -1], release)
    return wanted


def to_withhold(shown: Tensor, owners: Sequence[int], release: Release) -> set[int]:
    """Pictures to take out so that the rest meets the release: those with a face in a class that fails.

    Args:
        shown: bool [N, A] of all faces; owners: for each, the number of its picture.

    Classical suppression: what cannot be hidden in a crowd is not published. Everything may have to go.
    """
    out: set[int] = set()
    while True:
        rows = [row for row, owner in enumerate(owners) if owner not in out]
        rest = shown[rows]
        if not rows or achieved(rest, release).meets(release):
            return out
        classes = _classes(rest, release)
        worst = min(classes.values(), key=lambda members: _quality(rest, members, release))
        out |= {owners[rows[member]] for member in worst}


def _quality(shown: Tensor, members: list[int], release: Release) -> tuple[float, ...]:
    """How well a class does; the one that fails first is the least."""
    size = len(members)
    if release.sensitive is None:
        return (float(size),)
    values = shown[:, -1].float()
    distance = float((values[members].mean() - values.mean()).abs())
    fits = size >= release.k and len(values[members].unique()) >= release.l and distance <= release.t
    return (float(fits), -distance, float(size))


def _classes(shown: Tensor, release: Release) -> dict[tuple[bool, ...], list[int]]:
    """Rows by their released attributes."""
    classes: dict[tuple[bool, ...], list[int]] = {}
    for row, values in enumerate(shown[:, : len(release.attributes)].tolist()):
        classes.setdefault(tuple(values), []).append(row)
    return classes


def _spread(wanted: Tensor, confidence: Tensor, release: Release) -> None:
    """Give every class the whole set's share of the sensitive attribute, to those that show it most; in place."""
    share = float((confidence >= 0.5).float().mean())
    for rows in _classes(wanted, release).values():
        least = 1 if release.l == 2 and len(rows) > 1 else 0
        count = min(max(round(share * len(rows)), least), len(rows) - least)
        order = confidence[rows].argsort(descending=True, stable=True).tolist()
        chosen = {rows[i] for i in order[:count]}
        for row in rows:
            wanted[row, -1] = row in chosen
