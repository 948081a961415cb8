"""SegFormer face parser (Xie et al. 2021) on the classes of the optional package transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import WeightsError
from .bisenet import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["SegFormer", "SegFormerConfig"]


@dataclass(frozen=True, kw_only=True)
class SegFormerConfig:
    """`units` blocks of `widths` channels in each stage (the defaults are MiT-B5); `hidden` channels of the decoder."""

    units: tuple[int, int, int, int] = (3, 6, 40, 3)
    widths: tuple[int, int, int, int] = (64, 128, 320, 512)
    hidden: int = 768
    classes: int = 19
    input_size: int = 512


class SegFormer(nn.Module):
    """`[N,3,512,512]` RGB in [0, 1] -> logits `[N,19,512,512]` in CelebAMask-HQ order.

    Raises WeightsError where transformers is not installed.
    """

    def __init__(self, config: SegFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = config.input_size
        self.net = _published(config)

    def forward(self, x: Tensor) -> Tensor:
        mean, std = x.new_tensor([IMAGENET_MEAN, IMAGENET_STD])[:, :, None, None]  # [3, 1, 1] each
        y = self.net(pixel_values=(x - mean) / std).logits  # [N, 19, 128, 128]
        return F.interpolate(y.float(), size=x.shape[-2:], mode="bilinear", align_corners=False)


def _published(config: SegFormerConfig) -> Any:
    try:
        from transformers import SegformerConfig, SegformerForSemanticSegmentation
    except ImportError as error:
        raise WeightsError(
            "The SegFormer parser needs the package transformers, which is not installed. Run "
            "'pip install transformers', or choose the bisenet parser."
        ) from error
    settings = SegformerConfig(
        depths=list(config.units),
        hidden_sizes=list(config.widths),
        decoder_hidden_size=config.hidden,
        num_labels=config.classes,
    )
    return SegformerForSemanticSegmentation(settings)
