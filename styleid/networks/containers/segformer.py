"""SegFormer face parsers in the container of transformers, such as jonathandinu/face-parsing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from ...errors import WeightsError
from ..files import read_network
from ..kinds import build_network
from ..segformer import SegFormerConfig
from .state import fill_public, is_own, safetensors_state

__all__ = ["read_segformer"]

_CLASSES = 19  # of CelebAMask-HQ, whose order the published file is in


def read_segformer(path: Path) -> nn.Module:
    """A parser of transformers' SegformerForSemanticSegmentation with the classes of CelebAMask-HQ, in its order."""
    if is_own(path):
        return read_network(path, "segformer")
    state = safetensors_state(path)
    config = _config(state)
    return fill_public("segformer", config, _named_as_installed(config, state))


def _config(state: Mapping[str, Tensor]) -> SegFormerConfig:
    """Widths and depths from names and shapes."""
    projections = [state.get(f"segformer.encoder.patch_embeddings.{stage}.proj.weight") for stage in range(4)]
    hidden, classes = state.get("decode_head.linear_fuse.weight"), state.get("decode_head.classifier.weight")
    blocks = {
        (int(found[1]), int(found[2]))
        for name in state
        if (found := re.match(r"segformer\.encoder\.block\.([0-3])\.(\d{1,3})\.", name)) is not None
    }
    units = tuple(sum(stage == number for stage, _ in blocks) for number in range(4))
    if any(x is None or x.ndim != 4 for x in (*projections, hidden, classes)) or min(units) < 1:
        raise WeightsError(
            f"Expected the tensors of a SegFormer parser, found others (as {sorted(state)[:3]}). "
            "Choose the right file or kind."
        )
    if len(classes) != _CLASSES:
        raise WeightsError(
            f"Expected a parser of the {_CLASSES} CelebAMask-HQ classes, found {len(classes)} classes."
        )
    widths = tuple(len(x) for x in projections)
    return SegFormerConfig(units=units, widths=widths, hidden=len(hidden), classes=len(classes))


def _named_as_installed(config: SegFormerConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``state`` under the names that the installed transformers uses; they differ from those in files since 5.x."""
    empty = build_network("segformer", config).net
    network, report = type(empty).from_pretrained(
        None,
        config=empty.config,
        state_dict=dict(state),
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are in the report
    )
    parts = []
    for what in ("missing", "unexpected", "mismatched"):
        names = sorted(x if isinstance(x, str) else x[0] for x in report[f"{what}_keys"])
        if names:
            parts.append(f"{len(names)} {what} (as {names[0][:100]!r})")
    if parts:
        raise WeightsError(
            f"Expected the {len(empty.state_dict())} tensors of this SegFormer parser, found {', '.join(parts)}. "
            "The file is damaged or holds another network: fetch the right one."
        )
    return {f"net.{name}": tensor for name, tensor in network.state_dict().items()}
