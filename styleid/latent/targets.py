"""Target identities: whose identity a face is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["random_targets"]


def random_targets(
    family: Family, generators: Sequence[torch.Generator], *, truncation: float = 1.0
) -> Tensor:
    """Draw one random identity per generator: z -> mapping network -> W, the same w in every layer.

    Args:
        family: whose mapping network to use.
        generators: one per face (see :func:`styleid.randomness.derive_generator`), so a face's identity does
            not depend on which other faces are drawn with it, and no two faces share one.
        truncation: 1 draws from all of W; towards 0 the identities approach the mean face and each other.

    Returns:
        Codes ``[N, L, 512]``.

    Raises:
        InputError: no generator, one generator used for two faces, truncation outside (0, 1], codes that are
            not finite.
    """
    if not generators:
        raise InputError("Give at least one random generator: one per face.")
    if len({id(generator) for generator in generators}) != len(generators):
        raise InputError("Give every face its own random generator: the same one was given twice.")
    if not 0.0 < truncation <= 1.0:
        raise InputError(f"Truncation must be above 0 (all faces equal) and at most 1, found {truncation}.")
    codes = torch.cat(
        [family.random_w(1, generator, truncation=truncation) for generator in generators]
    )  # [N, L, 512]
    if not bool(torch.isfinite(codes).all()):
        raise InputError(
            "The mapping network returned NaN or infinite codes; verify the generator's weights."
        )
    return codes
