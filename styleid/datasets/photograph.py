"""A photograph in memory: exactly the values of its file, upright, and what has to survive writing it again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Photograph"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Photograph:
    """One picture.

    Attributes:
        values: [H, W, 3] or grey [H, W, 1], uint8 or uint16 as in the file, EXIF orientation applied. Colours that
            full transparency hides are among them.
        alpha: [H, W] of the same type, or None.
        format: JPEG, PNG, WEBP, TIFF, BMP, HEIF, or GIF, which is read only.
        icc: a colour profile that fits `values`, or None. What is read keeps of it only what colours mean.
        lossless: whether its file kept every value.
        notes: what was left behind or changed on reading, as text for people.
    """

    values: np.ndarray = field(repr=False)
    alpha: np.ndarray | None = field(default=None, repr=False)
    format: str
    icc: bytes | None = field(default=None, repr=False)
    lossless: bool = True
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape, kind = self.values.shape, self.values.dtype
        if len(shape) != 3 or shape[2] not in (1, 3) or 0 in shape or kind not in (np.uint8, np.uint16):
            raise InputError(
                f"A photograph is [H, W, 1 or 3] of uint8 or uint16, found {list(shape)} {kind}."
            )
        if self.alpha is not None and (self.alpha.shape != shape[:2] or self.alpha.dtype != kind):
            raise InputError(f"Alpha must be {list(shape[:2])} {kind}, found {list(self.alpha.shape)}.")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.values.shape[1], self.values.shape[0]

    @property
    def depth(self) -> int:
        """Bits per value, 8 or 16."""
        return 8 * self.values.dtype.itemsize

    @property
    def grey(self) -> bool:
        return self.values.shape[2] == 1

    @property
    def pixels(self) -> Tensor:
        """IMAGE float32 [H, W, 3] in 0..1; times the value of white and rounded, exactly `values`."""
        import torch

        values = torch.from_numpy(self.values.astype(np.float32) / np.iinfo(self.values.dtype).max)
        return values.expand(-1, -1, 3).contiguous()

    def with_values(self, values: np.ndarray) -> Photograph:
        """The same photograph with other values of the same shape and type."""
        if values.shape != self.values.shape or values.dtype != self.values.dtype:
            raise InputError(
                f"Expected {list(self.values.shape)} {self.values.dtype}, found {list(values.shape)} {values.dtype}."
            )
        return replace(self, values=values)

    def as_8_bit(self) -> Photograph:
        """Rounded to 8 bits where it has 16."""
        if self.depth == 8:
            return self
        alpha = None if self.alpha is None else _rounded(self.alpha)
        notes = (*self.notes, "reduced from 16 to 8 bits")
        return replace(self, values=_rounded(self.values), alpha=alpha, notes=notes)


def _rounded(values: np.ndarray) -> np.ndarray:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 = 255 * 257
