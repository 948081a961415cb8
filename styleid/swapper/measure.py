"""SwapperNet beside the plain layer swap: what each hides and what each keeps, on the same held-out faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError
from ..latent import swap_codes, swap_layers
from ..metrics import attributes_preserved, identity_distance
from ..pipeline.face import identity_layers
from .examples import Examples

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["Comparison", "compare", "kept_at"]

STRENGTHS = (0.4, 0.6, 0.8, 1.0, 1.2, 1.5)


@dataclass(frozen=True)
class Comparison:
    """One setting of one method, means over the faces.

    Attributes:
        method: ``swapper``, or ``layers`` with how many steps the identity layers were widened by.
        strength: of the swap.
        distance: by the judge, source to new face.
        passed: share of faces beyond the judge's threshold.
        kept: share of attributes on the same side of 0.5.
        moved: mean attribute distance.
        passes: generator passes per face.
    """

    method: str
    strength: float
    distance: float
    passed: float
    kept: float
    moved: float
    passes: int = 1


def compare(
    family: Family, network: nn.Module, examples: Examples, *,
    widen: Sequence[int] = (0, 1, 2, 3, 4, 5), strengths: Sequence[float] = STRENGTHS,
) -> list[Comparison]:  # fmt: skip
    """Measure the swapper and layer swaps of several widths, each at several strengths.

    Raises:
        InputError: the family has no attribute net.
    """
    if not examples.a_s.shape[1]:
        raise InputError("Comparing what is kept needs a family with an attribute net.")
    w_s, w_r = examples.w_s, examples.w_r
    methods: dict[str, Callable[[float], Tensor]] = {"swapper": lambda s: swap_codes(network, w_s, w_r, s)[0]}
    for width in widen:
        chosen = identity_layers(family, width)
        methods[f"layers+{width}"] = lambda s, chosen=chosen: swap_layers(w_s, w_r, chosen, s)
    return [
        _measured(family, examples, name, strength, codes(strength))
        for name, codes in methods.items()
        for strength in strengths
    ]


def kept_at(rows: Sequence[Comparison], distance: float, *, passed: bool = False) -> float:
    """The most that any of ``rows`` keeps at this mean distance or more; interpolated between neighbouring strengths.

    NaN where none reaches it.
    """
    best = np.nan
    for method in {row.method for row in rows}:
        own = sorted((row for row in rows if row.method == method), key=lambda row: row.strength)
        x = np.array([row.passed if passed else row.distance for row in own])
        if x.max() >= distance:
            best = np.fmax(best, np.interp(distance, np.maximum.accumulate(x), [row.kept for row in own]))
    return float(best)


def _measured(family: Family, examples: Examples, name: str, strength: float, codes: Tensor) -> Comparison:
    crops = torch.cat([family.decode(part) for part in codes.split(8)])
    distances = identity_distance(examples.j_s, family.judge.embed(crops))
    after = family.attribute_confidences(crops)
    return Comparison(
        method=name,
        strength=strength,
        distance=float(distances.mean()),
        passed=float((distances > family.judge.threshold).float().mean()),
        kept=float(attributes_preserved(examples.a_s, after).float().mean()),
        moved=float((examples.a_s - after).norm(dim=1).mean()),
    )
