"""ONNX graphs read as plain data: nodes, their attributes and constant tensors. Nothing is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsError

__all__ = ["Graph", "Node", "read_graph"]


@dataclass(frozen=True)
class Node:
    """One operator: names of its inputs and outputs, attributes by name."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """``inputs`` and ``outputs`` without the constants; ``nodes`` without those that only pass a value on."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: dict[str, Tensor] = field(repr=False)


def read_graph(path: Path) -> Graph:
    """The graph of an ``.onnx`` file.

    Raises WeightsError where onnx is not installed, the file is damaged or keeps its weights in another file.
    """
    try:
        import onnx
    except ImportError as error:
        raise WeightsError(
            "Reading .onnx weights needs the package onnx, which is not installed. Run 'pip install onnx'."
        ) from error
    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception as error:  # protobuf raises its own kinds for damaged files
        raise _damaged(type(error).__name__) from error
    if any(onnx.external_data_helper.uses_external_data(x) for x in graph.initializer):
        raise WeightsError(
            "Expected an ONNX file with its weights inside, found references to another file. Export it as one file."
        )
    try:
        return _plain(graph, onnx)
    except WeightsError:
        raise
    except Exception as error:  # tensors whose sizes, types or data do not fit each other
        raise _damaged(type(error).__name__) from error


def _plain(graph: Any, onnx: Any) -> Graph:
    constants = {x.name: _tensor(x, onnx) for x in graph.initializer}
    alias: dict[str, str] = {}
    nodes = []
    for raw in graph.node:
        inputs = tuple(alias.get(name, name) for name in raw.input)
        attributes = {x.name: onnx.helper.get_attribute_value(x) for x in raw.attribute}
        node = Node(
            raw.op_type if not raw.domain else f"{raw.domain}.{raw.op_type}",
            inputs,
            tuple(raw.output),
            attributes,
        )
        if node.op in ("Identity", "Dropout"):
            alias[node.outputs[0]] = inputs[0]
        elif node.op == "Constant":
            constants[node.outputs[0]] = _constant(attributes, onnx)
        elif node.op in _FOLDED and all(name in constants for name in inputs):
            constants[node.outputs[0]] = _FOLDED[node.op]([constants[name] for name in inputs], attributes)
        else:
            nodes.append(node)
    inputs = tuple(x.name for x in graph.input if x.name not in constants)
    outputs = tuple(alias.get(x.name, x.name) for x in graph.output)
    return Graph(inputs, outputs, tuple(nodes), constants)


def _unsqueeze(inputs: list[Tensor], attributes: dict[str, Any]) -> Tensor:
    axes = inputs[1].tolist() if len(inputs) > 1 else attributes["axes"]
    tensor = inputs[0]
    for axis in sorted(axes):
        tensor = tensor.unsqueeze(axis)
    return tensor


_FOLDED: dict[str, Callable[[list[Tensor], dict[str, Any]], Tensor]] = {
    "Unsqueeze": _unsqueeze,
    "Reshape": lambda inputs, _: inputs[0].reshape(inputs[1].tolist()),
    "Transpose": lambda inputs, attributes: inputs[0].permute(list(attributes["perm"])),
}


def _constant(attributes: dict[str, Any], onnx: Any) -> Tensor:
    if "value" in attributes:
        if onnx.external_data_helper.uses_external_data(attributes["value"]):
            raise WeightsError(
                "Expected an ONNX file with its weights inside, found references to another file."
            )
        return _tensor(attributes["value"], onnx)
    (value,) = attributes.values()  # value_float, value_ints and so on
    return torch.as_tensor(value)


def _tensor(stored: Any, onnx: Any) -> Tensor:
    values = torch.from_numpy(onnx.numpy_helper.to_array(stored).copy())
    return values.float() if values.is_floating_point() else values


def _damaged(why: str) -> WeightsError:
    return WeightsError(
        f"Expected an ONNX file, found one that cannot be read ({why}). "
        "It is damaged, incomplete or of another format: fetch it again."
    )
