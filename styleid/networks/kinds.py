"""The kinds of network, their configurations, and how one is built from the configuration inside a weight file."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import nn

from ..errors import WeightsError
from .bisenet import BiSeNet, BiSeNetConfig
from .detector import DetectorConfig, FaceDetector
from .dlib_resnet import DlibResNet, DlibResNetConfig
from .heads import AttributeConfig, AttributeNet, LandmarkConfig, LandmarkNet
from .inception_resnet import InceptionResnet, InceptionResnetConfig
from .irse import IRSE, IRSEConfig
from .mobilefacenet import MobileFaceNet, MobileFaceNetConfig
from .mobilenet40 import MobileNet40, MobileNet40Config
from .parsenet import ParseNet, ParseNetConfig
from .psp import Encoder, EncoderConfig, build_encoder
from .segformer import SegFormer, SegFormerConfig
from .stylegan2 import Generator, GeneratorConfig
from .swapper import Swapper, SwapperConfig
from .unet import ParserConfig, UNetParser
from .unet_styleid import StyleIDUNet, StyleIDUNetConfig

__all__ = ["KINDS", "Kind", "build_network", "config_of", "kind_of"]


class Kind(NamedTuple):
    """A frozen dataclass that describes the network, the class of networks, what builds one (the class itself), and the
    numbers of input channels that the kind can have (any)."""

    config: type
    network: type[nn.Module]
    factory: Callable[[Any], nn.Module] | None = None
    inputs: tuple[int, ...] = ()

    def build(self, config: Any) -> nn.Module:
        return (self.factory or self.network)(config)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "stylegan2": Kind(GeneratorConfig, Generator),
        "psp": Kind(EncoderConfig, Encoder, build_encoder, (3, 6)),
        "e4e": Kind(EncoderConfig, Encoder, build_encoder, (3, 6)),
        "psp-seg": Kind(EncoderConfig, Encoder, build_encoder, (19,)),
        "ir-se": Kind(IRSEConfig, IRSE),
        "ir-se50": Kind(IRSEConfig, IRSE),
        "curricularface": Kind(IRSEConfig, IRSE),
        "adaface": Kind(IRSEConfig, IRSE),
        "iresnet": Kind(IRSEConfig, IRSE),
        "facenet": Kind(InceptionResnetConfig, InceptionResnet),
        "dlib-resnet": Kind(DlibResNetConfig, DlibResNet),
        "mobilefacenet": Kind(MobileFaceNetConfig, MobileFaceNet),
        "unet-parser": Kind(ParserConfig, UNetParser),
        "attributes": Kind(AttributeConfig, AttributeNet),
        "celeba40": Kind(MobileNet40Config, MobileNet40),
        "bisenet": Kind(BiSeNetConfig, BiSeNet),
        "parsenet": Kind(ParseNetConfig, ParseNet),
        "styleid-unet": Kind(StyleIDUNetConfig, StyleIDUNet),
        "segformer": Kind(SegFormerConfig, SegFormer),
        "landmarks": Kind(LandmarkConfig, LandmarkNet),
        "detector": Kind(DetectorConfig, FaceDetector),
        "swapper": Kind(SwapperConfig, Swapper),
    }
)

# A file is not trusted: no number in its configuration may ask for an absurd network before its tensors were compared.
_LARGEST = 16384
_DEEPEST = 64
_DEPTHS = frozenset({"units", "blocks", "mapping_layers", "depth"})


def kind_of(name: str) -> Kind:
    """The kind called ``name``. Raises WeightsError for any other name."""
    if name not in KINDS:
        raise WeightsError(f"Unknown kind of network {name!r}; known kinds are {', '.join(sorted(KINDS))}.")
    return KINDS[name]


def config_of(kind: str, text: str) -> Any:
    """The configuration of a network of ``kind`` from its JSON text.

    Raises:
        WeightsError: not JSON, missing or surplus entries, values of a wrong type or out of any sensible range.
    """
    config_class = kind_of(kind).config
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise WeightsError(f"The configuration of this {kind} file is not a JSON object. {_AGAIN}")
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    required = {name for name, field in fields.items() if field.default is dataclasses.MISSING}
    if not required <= set(given) <= set(fields):
        raise WeightsError(
            f"The configuration of a {kind} file holds {sorted(fields)}, found {sorted(given)[:20]}. {_AGAIN}"
        )
    optional = {name for name, field in fields.items() if field.default is None}
    switches = {name for name, field in fields.items() if isinstance(field.default, bool)}
    return config_class(
        **{
            name: value
            if (value is None and name in optional) or (isinstance(value, bool) and name in switches)
            else _value(kind, name, value)
            for name, value in given.items()
        }
    )


def build_network(kind: str, config: Any) -> nn.Module:
    """The network of ``kind`` with ``config`` on the meta device: shapes without memory.

    Raises:
        WeightsError: unknown kind, or a configuration that describes no network of it.
    """
    found = kind_of(kind)
    if found.inputs and config.input_nc not in found.inputs:
        raise WeightsError(
            f"An encoder of kind {kind} takes {' or '.join(map(str, found.inputs))} channels, found one of "
            f"{config.input_nc}. Choose the right file or kind."
        )
    try:
        with torch.device("meta"):
            return found.build(config)
    except (ValueError, TypeError, RuntimeError, IndexError, ArithmeticError) as error:
        raise WeightsError(
            f"The configuration of this {kind} file describes no network ({error}). {_AGAIN}"
        ) from error


_AGAIN = "Fetch or export the file again."


def _value(kind: str, name: str, value: Any) -> Any:
    if isinstance(value, list) and 1 <= len(value) <= 64:
        return tuple(_value(kind, name, item) for item in value)
    if isinstance(value, str) and len(value) <= 64:
        return value
    largest = _DEEPEST if name in _DEPTHS else _LARGEST
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and math.isfinite(value) and 0 < value <= largest:
        return value
    raise WeightsError(
        f"The configuration of this {kind} file holds an unusable value for {name!r}. {_AGAIN}"
    )
