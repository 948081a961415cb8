"""Every face that was seen and every one that was given out, so that new ones can stay away from them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from ..metrics import pairwise_identity_distance
from ..metrics.identity import unit

__all__ = ["IdentityBook"]

_CAPACITY = 32_768  # identities: at most 32 MiB of embeddings of 512 numbers, whatever the number of pictures


class IdentityBook:
    """Every face seen and every identity given out, as embeddings of one recogniser.

    It lives in memory, unless the caller keeps it (:mod:`styleid.datasets.identities`). The oldest entries are forgotten
    beyond a fixed number. Its repr tells counts only: embeddings are as good as faces.

    Args:
        threshold: the recogniser's distance below which two faces are one person.
    """

    def __init__(self, threshold: float, capacity: int = _CAPACITY) -> None:
        if not 0 < threshold < 2 or capacity < 1:
            raise InputError(
                f"A book needs a threshold between 0 and 2 and room for one face, found {threshold}, {capacity}."
            )
        self.threshold = threshold
        self._capacity = capacity
        self._known: Tensor | None = None  # [M, D] float16

    def add(self, embeddings: Tensor) -> None:
        """Remember faces of the input, or identities given out: ``[N, D]``, or none. Raises InputError for what was not
        measured."""
        if not len(embeddings):
            return
        new = unit(embeddings.detach().cpu(), "new").half()
        if new.dim() != 2:
            raise InputError(f"Embeddings are [N, D], found {list(new.shape)}.")
        parts = [new] if self._known is None else [self._known, new]
        self._known = torch.cat(parts)[-self._capacity :]

    def nearest(self, embeddings: Tensor) -> Tensor:
        """Distance of each of ``[N, D]`` to the nearest entry; infinite while the book is empty."""
        if self._known is None:
            return torch.full((len(embeddings),), torch.inf)
        return pairwise_identity_distance(embeddings.cpu().float(), self._known.float()).min(1).values

    def free(self, embeddings: Tensor) -> Tensor:
        """Bool ``[N]``: farther than the threshold from every entry."""
        return self.nearest(embeddings) > self.threshold

    @property
    def embeddings(self) -> Tensor:
        """All entries ``[M, D]`` float16. As good as faces: never print or log them."""
        return torch.empty(0, 0).half() if self._known is None else self._known

    def __len__(self) -> int:
        return 0 if self._known is None else len(self._known)

    def __repr__(self) -> str:
        return f"IdentityBook(faces={len(self)}, threshold={self.threshold:g})"
