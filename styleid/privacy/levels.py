"""The levels low, medium and high as data: what is tried, in which order, each attempt stronger than the one
before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..errors import InputError

__all__ = ["LADDERS", "LEVELS", "Attempt", "Level", "attempts_for"]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One setting.

    Attributes:
        method: `channels` swaps the best-ranked channels, `layers` the identity layers, `mask` decodes a
            random face from the source's label map (feature-aware masking).
        area: which part of the face is composited, a name of `styleid.faces.AREAS`.
        share: for `channels`, the share of all W+ channels that is swapped, 0..1.
        widen: for `layers` and `mask`, how many neighbours are added on each side of the identity layers.
        strength: of the swap, 1 reaches the target identity.
    """

    method: str
    area: str
    share: float = 0.0
    widen: int = 0
    strength: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Level:
    """A named promise and the attempts that keep it."""

    name: str
    promise: str
    attempts: tuple[Attempt, ...]


_SHARES = (
    0.05,
    0.1,
    0.15,
    0.2,
    0.3,
    0.4,
    0.5,
    0.65,
    0.8,
    1.0,
)  # the paper swaps 2,500 of 9,216 channels: 0.27
_WIDER = (0, 1, 2, 3, 5)

LADDERS: Mapping[str, tuple[Attempt, ...]] = MappingProxyType(
    {
        "channels": tuple(Attempt(method="channels", area="face", share=share) for share in _SHARES),
        "layers": tuple(Attempt(method="layers", area="face", widen=widen) for widen in _WIDER),
        "mask": (
            Attempt(method="mask", area="face", widen=1),
            Attempt(method="mask", area="face", widen=3),
            Attempt(method="mask", area="face+hair", widen=3),
            Attempt(method="mask", area="everything", widen=3),
        ),
    }
)

LEVELS: Mapping[str, Level] = MappingProxyType(
    {
        level.name: level
        for level in (
            Level(
                name="low",
                promise="Recognisers fail, a person sees a similar face: the fewest ranked channels that pass.",
                attempts=LADDERS["channels"],
            ),
            Level(
                name="medium",
                promise="A person sees someone else; what identity layers do not carry is kept.",
                attempts=LADDERS["layers"],
            ),
            Level(
                name="high",
                promise="The whole face is another one, drawn from its segmentation alone.",
                attempts=LADDERS["mask"],
            ),
        )
    }
)


def attempts_for(level: str, *, method: str | None = None, area: str | None = None) -> tuple[Attempt, ...]:
    """The attempts of a level; `method` takes that method's ladder instead, `area` holds every attempt to one
    area.

    Raises InputError for a name that does not exist.
    """
    if level not in LEVELS:
        raise InputError(f"There is no level {level!r}. Choose one of: {', '.join(LEVELS)}.")
    if method is not None and method not in LADDERS:
        raise InputError(f"There is no method {method!r}. Choose one of: {', '.join(LADDERS)}.")
    attempts = LEVELS[level].attempts if method is None else LADDERS[method]
    if area is None:
        return attempts
    from ..faces import AREAS

    if area not in AREAS:
        raise InputError(f"There is no area {area!r}. Choose one of: {', '.join(AREAS)}.")
    return tuple(dict.fromkeys(replace(attempt, area=area) for attempt in attempts))
