"""What each new face of a set should show, so that the set meets a release with few changes of attributes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from .release import Release, classes_of

__all__ = ["Wish", "assign", "wishes"]

# Random identities tried per face and round, and how far from 0.5 a confidence should be: what is pasted, saved and
# aligned anew is measured a little differently.
_TRIES, _MARGIN = 24, 0.1


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a new face should show.

    Attributes:
        choices: combinations of attributes, the most wanted first; each will do.
        tries: random identities from which one is chosen.
        skip: random identities to pass over, because an earlier round has seen them.
        margin: confidences count as clear from 0.5 +- this on.
        turn: degrees by which the head may turn.
    """

    choices: tuple[Mapping[str, bool], ...]
    tries: int
    skip: int = 0
    margin: float = 0.0
    turn: float = math.inf

    def judge(self, confidences: Mapping[str, float]) -> tuple[int, tuple[str, ...], float]:
        """How a face answers the wish: which choice it comes nearest to, the attributes that are on the wrong side of
        0.5 for it, and what all its confidences lack in sum to be clear.
        """
        answers = []
        for number, choice in enumerate(self.choices):
            sides = {
                name: confidences[name] - 0.5 if wanted else 0.5 - confidences[name]
                for name, wanted in choice.items()
            }
            wrong = tuple(n for n, wanted in choice.items() if (confidences[n] >= 0.5) != wanted)
            answers.append((number, wrong, sum(max(self.margin - side, 0.0) for side in sides.values())))
        return min(answers, key=lambda answer: (len(answer[1]), answer[0]))


def assign(
    confidences: Tensor, release: Release, stay: Tensor | None = None, *, join: bool = False
) -> Tensor:
    """Which attributes each new face should show: bool [N, A], as few changes as a greedy choice finds.

    Classes smaller than k or l are dissolved, smallest first: each member joins the class nearest to its confidences. The
    sensitive attribute then gets its share of the whole set within every class.

    Args:
        confidences: of the sources, [N, A] in 0..1, columns as `release.names`.
        stay: what the other faces of the set show, bool [M, A], which is not changed.
        join: only classes of those that stay are filled, so that no new class can fall short.

    Raises:
        InputError: fewer than k faces in all.
    """
    stay = confidences.new_zeros(0, len(release.names), dtype=torch.bool) if stay is None else stay
    total = len(confidences) + len(stay)
    if total < release.k:
        raise InputError(
            f"A set of {total} faces cannot be {release.k}-anonymous. Ask for less, or give more pictures."
        )
    count, free = len(release.attributes), len(confidences)
    everyone = torch.cat([confidences >= 0.5, stay])
    if join and len(stay):
        everyone[:free, :count] = _nearest(confidences, sorted(classes_of(stay, release)))
    least = max(release.k, release.l)
    dissolved = set()  # a class that only those who stay still show takes nobody back
    while True:
        classes = classes_of(everyone, release)
        small = [key for key in classes if len(classes[key]) < least and min(classes[key]) < free]
        if not small:
            break
        smallest = min(small, key=lambda key: (len(classes[key]), key))
        dissolved.add(smallest)
        others = sorted(set(classes) - dissolved)
        if not others:
            break
        rows = [row for row in classes[smallest] if row < free]
        everyone[rows, :count] = _nearest(confidences[rows], others)
    if release.sensitive is not None:
        _spread(everyone, confidences[:, -1], release)
    return everyone[:free]


def wishes(
    confidences: Tensor,
    release: Release,
    stay: Tensor | None = None,
    *,
    join: bool = False,
    tries: int = _TRIES,
    skip: int = 0,
) -> list[Wish]:
    """What to ask of each new face: the class that :func:`assign` gives it, else any other of the set, the nearest first.

    Arguments and errors as :func:`assign`.
    """
    chosen = assign(confidences, release, stay, join=join)
    everyone = chosen if stay is None else torch.cat([chosen, stay])
    keys = sorted(classes_of(everyone, release))
    asked = []
    for row, seen in zip(chosen.tolist(), confidences, strict=True):
        own = tuple(row[: len(release.attributes)])
        ranked = sorted(keys, key=lambda key: (key != own, _change(seen, key)))
        choices = []
        for key in ranked:
            choice = dict(zip(release.attributes, key, strict=True))
            if release.sensitive is not None:
                choices.append({**choice, release.sensitive: row[-1]})
            choices.append(choice)
        asked.append(Wish(choices=tuple(choices), tries=tries, skip=skip, margin=_MARGIN))
    return asked


def _change(confidences: Tensor, key: tuple[bool, ...]) -> float:
    """How far a face [A] would have to move to a class: the sum over the released attributes."""
    return float((confidences[: len(key)].float() - torch.tensor(key).float()).abs().sum())


def _nearest(confidences: Tensor, keys: Sequence[tuple[bool, ...]]) -> Tensor:
    """For each face [N, A] the nearest of the classes, bool [N, a]."""
    return torch.tensor([min(keys, key=lambda key: _change(row, key)) for row in confidences]).view(
        -1, len(keys[0])
    )


def _spread(everyone: Tensor, confidence: Tensor, release: Release) -> None:
    """Give every class the whole set's share of the sensitive attribute, to those that show it most; in place.

    The first rows are free, as many as there are confidences; the others stay.
    """
    free = len(confidence)
    shown = torch.cat([confidence >= 0.5, everyone[free:, -1]])
    share = float(shown.float().mean())
    for rows in classes_of(everyone, release).values():
        own = [row for row in rows if row < free]
        least = 1 if release.l == 2 and len(rows) > 1 else 0
        count = min(max(round(share * len(rows)), least), len(rows) - least)
        count -= int(everyone[[row for row in rows if row >= free], -1].sum())
        order = confidence[own].argsort(descending=True, stable=True).tolist()
        chosen = {own[i] for i in order[: max(count, 0)]}
        for row in own:
            everyone[row, -1] = row in chosen
