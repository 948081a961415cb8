"""Faces in the dark or in haze, shown in the light: networks that learned from lit faces see next to nothing in others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Light", "lit"]

_LUMA = (0.299, 0.587, 0.114)  # Rec. 601
# Rows and columns of the face in an FFHQ crop, as shares of its sides. Black and white are what 5 % of it are darker and
# brighter than.
_ROWS, _COLUMNS = (0.14, 0.87), (0.12, 0.86)
_SHARE = 0.05
# A lit face has more: on 600 rendered heads white is 0.39 to 1, and 0.205 to 0.9 from black; on photographs 0.79 and 0.47
# at least.
_WHITE, _SPREAD = 0.39, 0.2
_BLANK = 0.008  # of white, or from black to white: below, nothing shows
_SAMPLES = 128  # pixels along a side that are measured


@dataclass(frozen=True, eq=False, repr=False)
class Light:
    """What makes aligned crops lit: of each the gain, 1 and more, and the white that becomes another one, [N, 1, 1, 1].

    There is no jump: what is nearly lit changes by nearly nothing, and what is lit by nothing.
    """

    gain: Tensor
    white: Tensor
    raised: Tensor

    @classmethod
    def of(cls, crops: Tensor) -> Light:
        """For crops [N, H, W, 3] in 0..1."""
        rows, columns = (
            slice(round(a * size), round(b * size))
            for size, (a, b) in zip(crops.shape[1:3], (_ROWS, _COLUMNS), strict=True)
        )
        step = max(1, min(crops.shape[1:3]) // _SAMPLES)
        inner = crops[:, rows, columns][:, ::step, ::step]
        luma = (inner * inner.new_tensor(_LUMA)).sum(-1).flatten(1)
        ordered, last = luma.sort(dim=1).values, luma.shape[1] - 1
        black, white = (ordered[:, round(share * last)].view(-1, 1, 1, 1) for share in (_SHARE, 1 - _SHARE))
        brighter, wider = _WHITE / white.clamp(min=_BLANK), _SPREAD / (white - black).clamp(min=_BLANK)
        return cls(torch.maximum(brighter, wider).clamp(min=1), white, white.clamp(min=_WHITE))

    def on(self, crops: Tensor) -> Tensor:
        """The crops in this light; lit ones are what they were, bit for bit."""
        shown = ((crops - self.white) * self.gain + self.raised).clamp(0, 1)
        return torch.where(self.gain > 1, shown, crops)

    def off(self, crops: Tensor) -> Tensor:
        """Crops in this light as they are without it."""
        return torch.where(self.gain > 1, (crops - self.raised) / self.gain + self.white, crops)


def lit(crops: Tensor) -> Tensor:
    """Aligned crops [N, S, S, 3] in 0..1, each in the light that it needs."""
    return Light.of(crops).on(crops)
