"""What a search must reach: a distance, or a false-accept rate, of one recogniser or of each of several.

A goal is recognisers whose threshold is the distance to pass. Whoever takes part in the search never judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError
from ..metrics import pairwise_identity_distance, threshold_at_far
from ..networks import load_network
from ..randomness import make_generator
from ..weights import decision_threshold, family_entry, family_names, list_weights

if TYPE_CHECKING:
    from ..family import Family, Recogniser

__all__ = ["Goal", "calibrate", "make_goal", "stored_thresholds"]

_FIGURE = "threshold_at_far_"
_POPULATION = 160  # random identities, 12,720 pairs: enough for a rate of 1e-4
_BATCH = 8


@dataclass(frozen=True)
class Goal:
    """Recognisers that search, each with the distance to pass as its threshold, and the one that judges.

    Attributes:
        tuners: all of them must take the new face for somebody else.
        judge: none of the tuners; its threshold is the one that the finished picture is verified with.
        notes: where thresholds come from, for the report.
    """

    tuners: tuple[Recogniser, ...]
    judge: Recogniser
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [tuner.name for tuner in self.tuners]
        if not names or len(set(names)) != len(names):
            raise InputError(
                f"A search needs recognisers, each named once, found: {', '.join(names) or 'none'}."
            )
        if self.judge.name in names:
            raise InputError(
                f"The recogniser {self.judge.name!r} searches, so it cannot be the judge; use another."
            )


def make_goal(
    family: Family,
    *,
    distance: float | None = None,
    far: float | None = None,
    recognisers: Sequence[str | Recogniser] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Goal:
    """The goal that a user names; without any argument the family's own tuner, threshold and judge.

    Args:
        family: whose recogniser searches by default, and whose judge judges. Where its judge is named as a
            tuner, its recogniser judges instead.
        distance: that every tuner must report between source and output, in (0, 2). The judge keeps its threshold.
        far: a false-accept rate instead: the distance is each recogniser's threshold at this rate, the judge's too.
            Thresholds are those stored with the weights (held-out pairs); for other rates they are measured on
            random identities of the family.
        recognisers: names of the manifest, or loaded ones; each must pass.
        progress: called with (random faces done, in all) while thresholds are measured; an exception that it raises ends
            that.

    Raises:
        InputError: both distance and rate, values out of range, an unknown name, a recogniser whose threshold nobody
            knows where neither distance nor rate is given, or no recogniser left to judge.
        WeightsError: weights that are missing or damaged.
    """
    if distance is not None and far is not None:
        raise InputError("Give a distance or a false-accept rate, not both.")
    if distance is not None and not 0 < distance < 2:
        raise InputError(f"A distance of embeddings lies between 0 and 2, found {distance:g}.")
    if far is not None and not 0 < far < 1:
        raise InputError(f"A false-accept rate lies between 0 and 1, found {far:g}.")
    tuners = [_resolved(one, family) for one in recognisers] or [family.recogniser]
    names = {tuner.name for tuner in tuners}
    judge = next((one for one in (family.judge, family.recogniser) if one.name not in names), None)
    if judge is None:
        raise InputError(
            "Every recogniser of the family takes part in the search, so none is left to judge. Leave one out."
        )
    unknown = [one.name for one in tuners if not one.threshold]
    if unknown and distance is None and far is None:
        raise InputError(
            f"Nobody published a decision threshold for {unknown[0]!r}. Measure one: python -m styleid calibrate "
            f"{unknown[0]}; or give a distance or a false-accept rate."
        )
    if far is None:
        chosen = tuners if distance is None else [replace(one, threshold=float(distance)) for one in tuners]
        return Goal(tuple(chosen), judge)
    known = {one.name: stored_thresholds(one.name).get(far) for one in (*tuners, judge)}
    measured = [one for one in (*tuners, judge) if known[one.name] is None]
    if measured:
        found = _calibrated(measured, family, far, _POPULATION, 0, progress)
        known |= {one.name: threshold for one, threshold in zip(measured, found, strict=True)}
    notes = [
        f"{one.name}: threshold at FAR {far:g} measured on random identities of the family"
        for one in measured
    ]
    *everyone, last = (replace(one, threshold=known[one.name]) for one in (*tuners, judge))
    return Goal(tuple(everyone), last, tuple(notes))


def stored_thresholds(name: str) -> dict[float, float]:
    """Distance by false-accept rate, as measured on held-out pairs and stored with the weights; may be empty."""
    figures = next((entry.figures for entry in list_weights() if entry.name == name), {})
    return {
        float(key.removeprefix(_FIGURE)): float(value)
        for key, value in figures.items()
        if key.startswith(_FIGURE)
    }


def calibrate(
    recogniser: Recogniser,
    population: Family | Tensor,
    far: float,
    *,
    people: int = _POPULATION,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> float:
    """The recogniser's distance at a false-accept rate on a reference population of different people.

    Args:
        population: aligned crops [N, S, S, 3], each of another person; or a family, whose random identities are
            drawn. Generated faces resemble each other more or less than people do: prefer crops of people.
        far: in (0, 1); N * (N - 1) / 2 pairs must be at least 1 / far.
        people, seed: of the random identities; the seed is no secret.
        progress: called with (faces done, faces in all); an exception that it raises ends the measurement.

    Raises:
        InputError: too few people for the rate, or crops that cannot be measured.
    """
    (threshold,) = _calibrated([recogniser], population, far, people, seed, progress)
    return threshold


def _calibrated(
    recognisers: Sequence[Recogniser],
    population: Family | Tensor,
    far: float,
    people: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> list[float]:
    """The threshold of each; a random face is decoded once for all of them."""
    if isinstance(population, Tensor):
        count, faces = len(population), population.split(_BATCH)
    else:
        codes = population.random_w(people, make_generator(seed))
        count, faces = people, map(population.decode, codes.split(_BATCH))
    seen = []
    for crops in faces:
        seen.append([one.embed(crops) for one in recognisers])
        if progress is not None:
            progress(min(len(seen) * _BATCH, count), count)
    return [_threshold(torch.cat(embeddings), far) for embeddings in zip(*seen, strict=True)]


def _threshold(embeddings: Tensor, far: float) -> float:
    distances = pairwise_identity_distance(embeddings, embeddings)
    rows, columns = torch.triu_indices(len(embeddings), len(embeddings), offset=1)
    return threshold_at_far(distances[rows, columns], far)


def _resolved(one: str | Recogniser, family: Family) -> Recogniser:
    """A recogniser as given, of the family, or of any family of the manifest by its name."""
    if not isinstance(one, str):
        return one
    for own in (family.recogniser, family.judge):
        if own.name == one:
            return own
    known = sorted({entry.weights for name in family_names() for entry in _recognisers(name)})
    if one not in known:
        raise InputError(f"There is no recogniser {one!r}. Choose of: {', '.join(known)}.")
    kind = next(entry.kind for entry in list_weights() if entry.name == one)
    network = load_network(one, kind, family.device, family.dtype)
    return replace(family.recogniser, name=one, network=network, threshold=decision_threshold(one) or 0.0)


def _recognisers(family: str) -> tuple:
    entry = family_entry(family)
    return entry.recogniser, entry.judge
