"""What several published networks share."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

__all__ = ["ConvNorm"]


class ConvNorm(nn.Sequential):
    """Convolution, batch normalisation, ReLU, named `conv` and `bn` as public containers name them."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 3,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        *,
        eps: float = 1e-5,
    ) -> None:
        super().__init__(
            OrderedDict(
                conv=nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
                bn=nn.BatchNorm2d(outputs, eps=eps),
                relu=nn.ReLU(),
            )
        )
