"""pSp, e4e and ReStyle encoders as their public training code saves them: encoder and decoder in one file, with `opts`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsError
from ..files import fill_network
from ..kinds import build_network
from ..psp import Encoder, EncoderConfig
from ..stylegan2 import layer_count
from .torch_file import read_container, state_dict_in

__all__ = ["read_e4e", "read_psp", "read_psp_seg"]

_PREFIX = "encoder."
# The classes' names in `opts.encoder_type`, and the head that each stands for.
_TYPES: Mapping[str, str] = {
    "GradualStyleEncoder": "pyramid",
    "BackboneEncoderUsingLastLayerIntoW": "last-w",
    "BackboneEncoderUsingLastLayerIntoWPlus": "last",
    "SingleStyleCodeEncoder": "last-w",
    "Encoder4Editing": "pyramid-delta",
    "BackboneEncoder": "map",
    "ProgressiveBackboneEncoder": "map-delta",
}
_OF_PSP = frozenset({"pyramid", "last", "last-w", "map"})
_OF_E4E = frozenset({"pyramid-delta", "map-delta"})


def read_psp(path: Path) -> Encoder:
    """Image encoder of pixel2style2pixel or of ReStyle's pSp."""
    return _read(path, "psp")


def read_e4e(path: Path) -> Encoder:
    """Image encoder of encoder4editing or of ReStyle's e4e."""
    return _read(path, "e4e")


def read_psp_seg(path: Path) -> Encoder:
    """Encoder of one-hot label maps of pixel2style2pixel."""
    return _read(path, "psp-seg")


def _read(path: Path, kind: str) -> Encoder:
    content = read_container(path, allowed=[argparse.Namespace])
    state = state_dict_in(content, "state_dict", path)
    encoder = {name[len(_PREFIX) :]: x for name, x in state.items() if name.startswith(_PREFIX)}
    options = _options(content)
    head = _head(encoder, options, kind)
    first = encoder.get("input_layer.0.weight")
    if first is None or first.ndim != 4:
        raise WeightsError(f"Expected an encoder of kind {kind}, found none. Choose the right file or kind.")
    layers = _layers(encoder, state, content, options, head)
    config = EncoderConfig(layers=layers, input_nc=first.shape[1], head=head, slope=1.0)
    network = build_network(kind, config)
    return fill_network(network, {**encoder, "latent_avg": _mean(content, options, config)}, kind)


def _options(content: Any) -> Mapping[str, Any]:
    found = content.get("opts")
    if isinstance(found, argparse.Namespace):
        return vars(found)
    return found if isinstance(found, dict) else {}


def _head(encoder: Mapping[str, Tensor], options: Mapping[str, Any], kind: str) -> str:
    """From the options where they name the class, else from the tensors and the kind."""
    named = options.get("encoder_type")
    if named is not None and str(named) not in _TYPES:
        raise WeightsError(
            f"Expected an encoder of {', '.join(_TYPES)}, found {str(named)[:60]!r}. It is not supported."
        )
    if named is None:
        pyramid = "latlayer1.weight" in encoder
        heads = any(name.startswith("styles.") for name in encoder)
        if heads:
            head = ("pyramid" if pyramid else "map") + ("-delta" if kind == "e4e" else "")
        else:
            head = "last" if "output_layer_2.3.weight" in encoder else "last-w"
    else:
        head = _TYPES[str(named)]
    if head not in (_OF_E4E if kind == "e4e" else _OF_PSP):
        raise WeightsError(
            f"Expected an encoder of kind {kind}, found {named or head}. Choose the right file, or the kind "
            f"{'psp' if kind == 'e4e' else 'e4e'}."
        )
    return head


def _layers(
    encoder: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    content: Mapping[str, Any],
    options: Mapping[str, Any],
    head: str,
) -> int:
    """L: from the heads, the width of the last layer, or for one code what else the file says of its generator."""
    heads = {int(m[1]) for name in encoder if (m := re.match(r"styles\.(\d{1,2})\.", name))}
    if heads and head not in ("last", "last-w"):
        return 1 + max(heads)
    linear = encoder.get("linear.weight")
    if linear is None or linear.ndim != 2:
        raise WeightsError(
            "Expected an encoder with a linear layer at its end, found none. Choose the right file."
        )
    if head == "last":
        return max(1, linear.shape[0] // 512)
    size = options.get("output_size", options.get("stylegan_size"))
    if isinstance(size, int) and 8 <= size <= 2048 and size & (size - 1) == 0:
        return layer_count(size)
    blocks = sum(re.fullmatch(r"decoder\.to_rgbs\.\d+\.bias", name) is not None for name in state)
    mean = content.get("latent_avg")
    if blocks:
        return 2 * blocks + 2
    if isinstance(mean, Tensor) and mean.ndim == 2 and len(mean) > 1:
        return len(mean)
    raise WeightsError(
        "Expected 'output_size' in 'opts', or the decoder's tensors, to know the generator's size; found neither. "
        "Fetch the whole file."
    )


def _mean(content: Mapping[str, Any], options: Mapping[str, Any], config: EncoderConfig) -> Tensor:
    """The mean latent code `[L,512]`; zeros where the encoder was trained without. ReStyle always starts from it: its
    own classes, and whatever takes a picture beside its reconstruction."""
    shape = (config.layers, config.latent_dim)
    restyle = config.head.startswith("map") or config.input_nc == 6
    if not (restyle or options.get("start_from_latent_avg", False)):
        return torch.zeros(shape)
    mean = content.get("latent_avg")
    if not isinstance(mean, Tensor) or mean.shape not in (shape, (1, shape[1]), shape[1:]):
        found = list(mean.shape) if isinstance(mean, Tensor) else "none"
        raise WeightsError(
            f"Expected the mean latent code 'latent_avg' of {list(shape)} or {[1, shape[1]]}, found {found}. "
            "Fetch the whole file."
        )
    return mean.reshape(-1, shape[1]).expand(shape).clone()
