"""The recognisers that measure, each with its role: only one that had no part in choosing may judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from ..errors import InputError
from ..family import Recogniser
from ..networks import load_network
from ..weights import WeightsEntry, decision_threshold, list_weights

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["JUDGE", "TUNER", "Examiner", "examiners_of", "main_judge"]

TUNER, JUDGE = "tuner", "judge"
_KINDS = (
    "ir-se",
    "mobilefacenet",
    "ir-se50",
    "curricularface",
    "adaface",
    "facenet",
    "dlib-resnet",
    "iresnet",
)  # give embeddings


@dataclass(frozen=True)
class Examiner:
    """One recogniser of an evaluation.

    Attributes:
        recogniser: embeds crops.
        role: `tuner` where it may have chosen the change (its figures flatter the result), otherwise `judge`.
        threshold: L2 distance below which it says "one person", at a false-accept rate of 1e-2; None: not known.
        trained_on: what it has seen, as the manifest says; None where it is in none.
    """

    recogniser: Recogniser
    role: str
    threshold: float | None
    trained_on: str | None = None

    @property
    def name(self) -> str:
        return self.recogniser.name

    def embed(self, crops: Tensor) -> Tensor:
        """``[N, S, S, 3]`` in 0..1 to ``[N, D]`` on the CPU."""
        return self.recogniser.embed(crops).cpu()


def examiners_of(
    family: Family, names: Sequence[str] = (), *, chosen_by: Sequence[str] = ()
) -> tuple[Examiner, ...]:
    """The judge and the tuner of a family, and further recognisers by the names of their weights.

    Args:
        family: whose recogniser counts as the tuner and whose judge as a judge.
        names: of weights in the manifest.
        chosen_by: names of recognisers that chose the change, as a report says: they are tuners, too.

    Raises:
        InputError: a name that is no recogniser's, or recognisers none of which may judge.
    """
    tuners = {family.recogniser.name, *chosen_by}
    found = [(one, one.threshold) for one in (family.judge, family.recogniser)]
    for name in dict.fromkeys(names):
        if name not in (family.judge.name, family.recogniser.name):
            found.append(_load(name, family))
    trained_on = {entry.name: entry.trained_on for entry in list_weights()}
    examiners = tuple(
        Examiner(one, TUNER if one.name in tuners else JUDGE, threshold, trained_on.get(one.name))
        for one, threshold in found
    )
    if all(one.role == TUNER for one in examiners):
        raise InputError(
            "Every recogniser here had a part in choosing the change, so none can judge it. Name another one with "
            "--recogniser."
        )
    return examiners


def main_judge(examiners: Sequence[Examiner]) -> Examiner:
    """The first judge."""
    return next(one for one in examiners if one.role == JUDGE)


def _load(name: str, family: Family) -> tuple[Recogniser, float | None]:
    entries: Mapping[str, WeightsEntry] = {e.name: e for e in list_weights() if e.kind in _KINDS}
    if name not in entries:
        raise InputError(f"There is no recogniser {name!r}. Choose one of: {', '.join(sorted(entries))}.")
    threshold = decision_threshold(name)
    network = load_network(name, entries[name].kind, family.device, family.dtype)
    return Recogniser(name, network, 0.0 if threshold is None else threshold), threshold
