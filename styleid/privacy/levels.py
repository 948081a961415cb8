"""The levels low, medium and high as data: what is tried, in which order, and what each level promises to keep.

Attempts and searches go from weak to strong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..errors import InputError

__all__ = [
    "LADDERS",
    "LEVELS",
    "SEARCH",
    "Attempt",
    "Level",
    "Search",
    "attempts_for",
    "level_named",
    "search_for",
]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One setting.

    Attributes:
        method: `channels` swaps the best-ranked channels, `layers` the identity layers, `mask` decodes a
            random face from the source's label map (feature-aware masking), `swapper` swaps what a SwapperNet says.
        area: which part of the face is composited, a name of `styleid.faces.AREAS`.
        share: for `channels`, the share of all W+ channels that is swapped, 0..1.
        widen: for `layers` and `mask`, by how many steps the identity layers are widened; see
            :func:`styleid.pipeline.face.identity_layers`.
        strength: of the swap, 1 reaches the target identity.
        composite: how the new face is joined to the source, a name of `styleid.pixel.COMPOSITES`.
    """

    method: str
    area: str
    share: float = 0.0
    widen: int = 0
    strength: float = 1.0
    composite: str = "poisson"


@dataclass(frozen=True, kw_only=True)
class Search:
    """What the search for the least change may vary, each growing; see :func:`styleid.privacy.reach`.

    Attributes:
        shares: of all W+ channels that are swapped, best ranked first.
        widen: steps by which the identity layers are widened, where the channels do not suffice.
        strengths: of the swap: those below 1 make what passed weaker, those above 1 what did not stronger.
        areas: every decoded face is tried in each of them.
        passes: faces decoded at most.
    """

    shares: tuple[float, ...]
    widen: tuple[int, ...]
    strengths: tuple[float, ...]
    areas: tuple[str, ...]
    passes: int = 12


@dataclass(frozen=True, kw_only=True)
class Level:
    """A named promise and what keeps it.

    Attributes:
        name, promise: what it is called, and what a reader may expect.
        attempts: settings from weak to strong.
        search: how the least change that passes is sought; None takes the first attempt that passes.
        keeps: attributes that stay as they are in the source, as far as the family's attribute net knows them: of
            several random identities one that keeps all of them is taken, or the one that keeps most.
    """

    name: str
    promise: str
    attempts: tuple[Attempt, ...]
    search: Search | None = None
    keeps: tuple[str, ...] = ()


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
_FURTHER = (1.0, 1.25, 1.5)

SEARCH = Search(
    shares=tuple(
        step / 32 for step in range(2, 18)
    ),  # up to 0.53: more of the code is another person altogether
    widen=(2, 3, 5),
    strengths=(0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.25, 1.5),
    areas=("eyes", "eyes+nose", "eyes+nose+mouth", "face"),
)

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
        "swapper": tuple(Attempt(method="swapper", area="face", strength=strength) for strength in _FURTHER),
    }
)

LEVELS: Mapping[str, Level] = MappingProxyType(
    {
        level.name: level
        for level in (
            Level(
                name="low",
                promise="Recognisers fail, a person sees a similar face: the least change that passes.",
                attempts=LADDERS["channels"],
                # A small area fools the recogniser that searches, and others less: see benchmarks/levels.py.
                search=replace(SEARCH, areas=("face",)),
            ),
            Level(
                name="medium",
                promise="A person sees someone else; the named attributes are kept.",
                attempts=LADDERS["layers"][2:],
                keeps=(
                    "Male",
                    "Young",
                    "Smiling",
                    "Eyeglasses",
                    "Wearing_Hat",
                    "Bald",
                    "Bangs",
                    "Black_Hair",
                    "Gray_Hair",
                ),
            ),
            Level(
                name="high",
                promise="The whole face is another one, drawn from its segmentation alone.",
                attempts=LADDERS["mask"],
            ),
        )
    }
)


def level_named(level: str) -> Level:
    """The level of that name. Raises InputError for one that does not exist."""
    if level not in LEVELS:
        raise InputError(f"There is no level {level!r}. Choose one of: {', '.join(LEVELS)}.")
    return LEVELS[level]


def attempts_for(level: str, *, method: str | None = None, area: str | None = None) -> tuple[Attempt, ...]:
    """The attempts of a level; `method` takes that method's ladder instead, `area` holds every attempt to one
    area.

    Raises InputError for a name that does not exist.
    """
    named = level_named(level)
    if method is not None and method not in LADDERS:
        raise InputError(f"There is no method {method!r}. Choose one of: {', '.join(LADDERS)}.")
    attempts = named.attempts if method is None else LADDERS[method]
    if area is None:
        return attempts
    _check_area(area)
    return tuple(dict.fromkeys(replace(attempt, area=area) for attempt in attempts))


def search_for(level: str, *, area: str | None = None) -> Search | None:
    """How a level searches, None where it does not; `area` holds the search to one area."""
    search = level_named(level).search
    if search is None or area is None:
        return search
    _check_area(area)
    return replace(search, areas=(area,))


def _check_area(area: str) -> None:
    from ..faces import AREAS

    if area not in AREAS:
        raise InputError(f"There is no area {area!r}. Choose one of: {', '.join(AREAS)}.")
