"""Reach a target on aligned crops: the least change of each face that passes every recogniser of a goal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..metrics import identity_distance
from ..privacy.goal import Goal
from ..privacy.levels import SEARCH, Search
from ..privacy.reach import Probe, Reached, reach
from ..randomness import derive_seed
from .face import look_at
from .probe import Prober

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["ReachedFace", "reach_faces"]


@dataclass(frozen=True, eq=False, repr=False)
class ReachedFace:
    """The outcome for one face.

    Attributes:
        reached: everything that was tried, and the frontier's data.
        probe: what was chosen, measured as it is joined; None when nothing passed.
        crop: the source crop with the new face in it [S, S, 3]; the source itself when nothing passed.
        area: where it may differ from the source [S, S], 0..1.
        judged: the judge's distance, source to `crop`; the judge had no part in the search.
    """

    reached: Reached
    probe: Probe | None
    crop: Tensor
    area: Tensor
    judged: float


@torch.no_grad()
def reach_faces(
    crops: Tensor,
    family: Family,
    goal: Goal,
    *,
    search: Search = SEARCH,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[ReachedFace]:
    """Search for each aligned crop [N, S, S, 3] on its own, with a random identity of its own.

    ``search.passes`` bounds the faces that the generator decodes for the search, per face. ``seed`` None is secret.
    Raises StyleIDError where a network fails on a source crop.
    """
    faces = []
    for number, crop in enumerate(crops):
        faces.append(_reach(crop[None], family, goal, search, derive_seed(seed, number)))
        if progress is not None:
            progress(number + 1, len(crops))
    return faces


def _reach(crop: Tensor, family: Family, goal: Goal, search: Search, seed: int) -> ReachedFace:
    source = look_at(crop, family, (*goal.tuners, goal.judge))
    prober = Prober(source, family, goal, seed)
    reached = reach(prober.look, search, channels=family.ranking is not None)
    view = source.views[goal.judge.name].source
    for probe in reached.passing:
        candidate = prober.candidate(probe)
        if candidate.probe.passed:
            judged = float(identity_distance(view, goal.judge.embed(candidate.composite)))
            return ReachedFace(reached, candidate.probe, candidate.composite[0], candidate.mask[0], judged)
    return ReachedFace(reached, None, crop[0], torch.zeros_like(crop[0, ..., 0]), 0.0)
