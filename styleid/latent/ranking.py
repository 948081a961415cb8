"""The result of a ranking and its file: what carries identity in one family of weights."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import InputError, WeightsError
from .channels import top_channels

__all__ = ["Ranking", "load_ranking", "save_ranking"]

_FORMAT = "styleid-ranking-1"


@dataclass(frozen=True, eq=False)
class Ranking:
    """What carries identity in one family of weights.

    Attributes:
        layers: the identity layers, the best-scored window.
        window_scores: ``[M, L]``; row ``m - 1``, column ``i`` scores the layers ``i .. i + m - 1``; NaN where
            none fits.
        channel_scores: ``[L, C / block]``.
        block: channels per score.
        provenance: hashes of the networks, number of pairs, seed of the ranking and its reference constants,
            as text.
    """

    layers: tuple[int, ...]
    window_scores: Tensor = field(repr=False)
    channel_scores: Tensor = field(repr=False)
    block: int
    provenance: Mapping[str, str] = field(repr=False)

    @property
    def num_layers(self) -> int:
        return self.channel_scores.shape[0]

    @property
    def num_channels(self) -> int:
        """Channels over all layers, ``L * C``."""
        return self.channel_scores.numel() * self.block

    def mismatch(self, generator: nn.Module) -> str | None:
        """What differs where the ranking is of another generator, in words; None where it fits."""
        layers, channels = self.num_layers, self.channel_scores.shape[1] * self.block
        wanted = generator.num_layers, len(generator.w_mean)
        if (layers, channels) == wanted:
            return None
        return f"is for {layers} layers of {channels} channels, its generator has {wanted[0]} of {wanted[1]}"

    def channel_mask(self, k: int) -> Tensor:
        """Bool ``[L, C]``: the best ``k`` channels."""
        return top_channels(self.channel_scores, k, block=self.block)

    def best_window(self, width: int) -> tuple[int, ...]:
        """The best-scored window of ``width`` layers; InputError when no window of that width was ranked."""
        if not 1 <= width <= len(self.window_scores):
            raise InputError(f"Windows of 1 .. {len(self.window_scores)} layers were ranked, not of {width}.")
        start = int(self.window_scores[width - 1].nan_to_num(nan=-torch.inf).argmax())
        return tuple(range(start, start + width))


def save_ranking(ranking: Ranking, path: str | Path) -> None:
    """Write a ranking as safetensors, as a whole or not at all; its provenance is in the file's metadata."""
    tensors = {"window_scores": ranking.window_scores, "channel_scores": ranking.channel_scores}
    head = {"format": _FORMAT, "layers": json.dumps(ranking.layers), "block": str(ranking.block)}
    contiguous = {name: tensor.float().cpu().contiguous() for name, tensor in tensors.items()}
    partial = Path(path).with_suffix(".partial")
    save_file(contiguous, partial, metadata={**head, "provenance": json.dumps(dict(ranking.provenance))})
    os.replace(partial, path)


def load_ranking(path: str | Path) -> Ranking:
    """Read what :func:`save_ranking` wrote. Raises WeightsError for any other file."""
    try:
        with safe_open(str(path), framework="pt") as file:
            head = file.metadata() or {}
            if head.get("format") != _FORMAT:
                raise WeightsError(
                    f"Expected a ranking ({_FORMAT}), found {head.get('format', 'no format entry')}. Rank again."
                )
            window_scores, channel_scores = (
                file.get_tensor("window_scores"),
                file.get_tensor("channel_scores"),
            )
        layers, block = tuple(json.loads(head["layers"])), int(head["block"])
        provenance = MappingProxyType(json.loads(head["provenance"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(
            f"This file is not a readable ranking ({type(error).__name__}). Fetch or rank it again."
        ) from error
    tables = window_scores.ndim == channel_scores.ndim == 2 and block >= 1
    if not tables or not bool(torch.isfinite(channel_scores).all()):
        raise WeightsError("This ranking holds NaN scores, or tables of another shape. Rank again.")
    if not all(isinstance(i, int) and 0 <= i < len(channel_scores) for i in layers):
        raise WeightsError("This ranking names layers that do not exist. Rank again.")
    return Ranking(layers, window_scores, channel_scores, block, provenance)
