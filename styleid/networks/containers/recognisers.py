"""Published face recognisers: IR-SE50, CurricularFace, AdaFace, insightface's iresnet, FaceNet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from torch import Tensor, nn

from ...errors import WeightsError
from ..files import read_network
from ..inception_resnet import InceptionResnetConfig
from ..irse import IRSEConfig
from .onnx_iresnet import state_of_onnx
from .state import fill_public, is_own, safetensors_state, torch_state, without_prefix

__all__ = [
    "read_adaface",
    "read_curricularface",
    "read_facenet",
    "read_ir_se50",
    "read_iresnet",
    "read_iresnet_onnx",
]

_IR50 = (3, 4, 14, 3)
_IR101 = (3, 13, 30, 3)


def read_ir_se50(path: Path) -> nn.Module:
    """IR-SE50 as InsightFace_Pytorch names it; also what facexlib and the pSp code publish."""
    return _fill("ir-se50", torch_state(path), "ir-se", units=_IR50)


def read_curricularface(path: Path) -> nn.Module:
    """CurricularFace's IR-101. The public network returns what comes before normalisation; ours is normalised."""
    return _fill("curricularface", torch_state(path), "ir", units=_IR101)


def read_adaface(path: Path) -> nn.Module:
    """AdaFace's IR-101 of the cvlface repositories, which takes RGB (the older checkpoints take BGR)."""
    if is_own(path):
        return read_network(path, "adaface")
    state = safetensors_state(path)
    for prefix in ("model.", "net."):
        state = without_prefix(state, prefix)
    return _fill("adaface", state, "ir-norm", units=_IR101)


def read_iresnet(path: Path) -> nn.Module:
    """insightface's arcface_torch: a backbone, or a training checkpoint that holds one."""
    state = torch_state(path, ("state_dict_backbone",))
    return _fill("iresnet", _renamed(state), "ir-norm", shortcut="conv")


def read_iresnet_onnx(path: Path) -> nn.Module:
    """An ONNX export of insightface's iresnet, such as ``w600k_r50.onnx`` and ``glintr100.onnx``."""
    return _fill("iresnet", _renamed(state_of_onnx(path)), "ir-norm", shortcut="conv")


def read_facenet(path: Path) -> nn.Module:
    """facenet-pytorch's InceptionResnetV1; its classifier ``logits`` is left out."""
    state = torch_state(path)
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("logits.")}
    return fill_public("facenet", InceptionResnetConfig(), kept)


def _fill(
    kind: str,
    state: Mapping[str, Tensor],
    block: str,
    *,
    shortcut: str = "pool",
    units: tuple[int, ...] | None = None,
) -> nn.Module:
    config = _config(kind, state, block, shortcut)
    if units is not None and config.units != units:
        raise WeightsError(
            f"Expected the {kind} network with {list(units)} units in its stages, found {list(config.units)}. "
            "Choose the right file or kind."
        )
    return fill_public(kind, config, state)


def _config(kind: str, state: Mapping[str, Tensor], block: str, shortcut: str) -> IRSEConfig:
    """Widths, depth and input size from the shapes."""
    widths: list[int] = []
    while (weight := state.get(f"body.{len(widths)}.res_layer.1.weight")) is not None and weight.ndim == 4:
        widths.append(weight.shape[0])
    stages = [(width, len(list(group))) for width, group in groupby(widths)]
    last = state.get("output_layer.3.weight")
    side = 0.0 if last is None or last.ndim != 2 or not widths else (last.shape[1] / widths[-1]) ** 0.5
    if len(stages) != 4 or side < 1 or not side.is_integer() or len(widths) > 256 or max(widths) > 4096:
        raise WeightsError(
            f"Expected the tensors of a {kind} network, found others (as {sorted(state)[:3]}). "
            "Choose the right file or kind."
        )
    return IRSEConfig(
        units=tuple(count for _, count in stages),
        widths=tuple(width for width, _ in stages),
        input_size=16 * int(side),
        embedding=last.shape[0],
        block=block,
        shortcut=shortcut,
        last_norm="affine" if "output_layer.4.weight" in state else "plain",
    )


_STEM = {
    "conv1": "input_layer.0",
    "bn1": "input_layer.1",
    "prelu": "input_layer.2",
    "bn2": "output_layer.0",
    "fc": "output_layer.3",
    "features": "output_layer.4",
}
_UNIT = {
    "bn1": "res_layer.0",
    "conv1": "res_layer.1",
    "bn2": "res_layer.2",
    "prelu": "res_layer.3",
    "conv2": "res_layer.4",
    "bn3": "res_layer.5",
    "downsample.0": "shortcut_layer.0",
    "downsample.1": "shortcut_layer.1",
}


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """insightface's names as those of the IR-SE containers; names that are neither stay, to be refused."""
    counts = [0, 0, 0, 0, 0]
    for name in state:
        if (found := re.match(r"layer([1-4])\.(\d{1,3})\.", name)) is not None:
            stage = int(found[1])
            counts[stage] = max(counts[stage], int(found[2]) + 1)
    renamed = {}
    for name, tensor in state.items():
        module, _, leaf = name.rpartition(".")
        found = re.fullmatch(r"layer([1-4])\.(\d{1,3})\.(.+)", module)
        if found is None:
            module = _STEM.get(module, module)
        else:
            index = sum(counts[: int(found[1])]) + int(found[2])
            module = f"body.{index}.{_UNIT.get(found[3], found[3])}"
        renamed[f"{module}.{leaf}"] = tensor
    return renamed
