"""What one run of the pipeline needs to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from ..faces import Face
from ..privacy.goal import Goal
from ..privacy.levels import Attempt, Search

if TYPE_CHECKING:
    from ..family import Family, Recogniser
    from ..latent import IdentityBook

__all__ = ["ON_FAILURE", "Box", "Settings"]

ON_FAILURE = ("block", "blur", "pass")

Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """`detect(picture [H, W, 3], boxes or None)` finds the faces; `seed` None draws a secret one per face.

    `book` holds the judge's embeddings of earlier pictures of the run; None where results may not depend on those.
    `refine` is how many steps each code is refined. `search` None takes the attempts in their order; `keeps` names
    attributes that stay as in the source.
    """

    family: Family
    goal: Goal
    attempts: tuple[Attempt, ...]
    search: Search | None = None
    keeps: tuple[str, ...] = ()
    detect: Callable[[Tensor, Sequence[Box] | None], Sequence[Face]]
    on_failure: str
    seed: int | None
    refine: int = 0
    book: IdentityBook | None = None
    notes: tuple[str, ...] = ()

    @property
    def recognisers(self) -> tuple[Recogniser, ...]:
        """All that measure: those that search, then the judge."""
        return (*self.goal.tuners, self.goal.judge)
