"""An ONNX export of insightface's iresnet, taken apart into the state dict that it was exported from.

Exporters fold batch normalisations into convolutions; such a convolution has a bias, and its normalisation becomes one
that only adds this bias. The result runs in PyTorch, with gradients, and without onnxruntime.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ...errors import WeightsError
from .onnx_file import Graph, Node, read_graph

__all__ = ["state_of_onnx"]

_EPS = 1e-5  # of every normalisation of the network
_KNOWN = frozenset(
    {
        "Add",
        "BatchNormalization",
        "Conv",
        "Flatten",
        "Gemm",
        "MatMul",
        "PRelu",
        "Reshape",
        "Shape",
        "Concat",
        "Slice",
        "Gather",
        "Unsqueeze",
    }
)


def state_of_onnx(path: Path) -> dict[str, Tensor]:
    """The tensors of an iresnet under insightface's names. Raises WeightsError for any other graph."""
    graph = read_graph(path)
    unknown = sorted({node.op for node in graph.nodes} - _KNOWN)
    if unknown:
        raise WeightsError(
            f"Expected an ONNX export of insightface's iresnet, found the operators {', '.join(unknown)[:200]}, "
            "which it does not have. Choose the right file or kind."
        )
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise WeightsError(
            f"Expected an ONNX graph with one input and one output, found {len(graph.inputs)} and {len(graph.outputs)}."
        )
    made = [*graph.inputs, *(name for node in graph.nodes for name in node.outputs if name)]
    if len(set(made)) != len(made):
        raise WeightsError(
            "Expected an ONNX graph whose values have one origin each, found one with two. Fetch the file again."
        )
    state = _Walk(graph).run()
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsError(
                f"{name!r} of this ONNX file holds NaN or infinite weights. Fetch the file again."
            )
    return state


class _Walk:
    """Follows the value from the input to the output, and refuses every step that an iresnet does not take."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.state: dict[str, Tensor] = {}
        self.value = graph.inputs[0]
        self.readers: dict[str, list[Node]] = {}
        self.makers = {name: node for node in graph.nodes for name in node.outputs}
        for node in graph.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)

    def run(self) -> dict[str, Tensor]:
        self.value = self.convolution(self.value, "conv1", "bn1", (3, 3, 1))
        self.value = self.slopes(self.value, "prelu")
        stage, index = 0, 0
        while len(self.readers.get(self.value, [])) == 2:
            if any(node.op == "Conv" for node in self.readers[self.value]):
                stage, index = stage + 1, 0
            self.unit(f"layer{stage}.{index}.")
            index += 1
        self.value = self.norm(self.value, "bn2")
        self.linear(self.flat())
        if self.value != self.graph.outputs[0]:
            raise self.refused("the end of the graph", self.readers.get(self.value, []))
        return self.state

    def unit(self, prefix: str) -> None:
        start = shortcut = self.value
        if any(node.op == "Conv" for node in self.readers[start]):
            shortcut = self.convolution(start, f"{prefix}downsample.0", f"{prefix}downsample.1", (1, 1, 2))
        value = self.norm(start, f"{prefix}bn1")
        value = self.convolution(value, f"{prefix}conv1", f"{prefix}bn2", (3, 3, 1))
        value = self.slopes(value, f"{prefix}prelu")
        stride = 1 if shortcut == start else 2
        value = self.convolution(value, f"{prefix}conv2", f"{prefix}bn3", (3, 3, stride))
        add = self.reader(value, "Add")
        if set(add.inputs) != {value, shortcut}:
            raise self.refused("a residual sum", [add])
        self.value = add.outputs[0]

    def reader(self, value: str, op: str) -> Node:
        """The one node of type ``op`` that reads ``value``."""
        found = [node for node in self.readers.get(value, []) if node.op == op]
        if len(found) != 1:
            raise self.refused(op, self.readers.get(value, []))
        return found[0]

    def next_is(self, value: str, op: str) -> bool:
        return [node.op for node in self.readers.get(value, [])] == [op]

    def constant(self, node: Node, index: int) -> Tensor:
        name = node.inputs[index] if index < len(node.inputs) else ""
        if name not in self.graph.constants:
            raise self.refused(f"a constant as input {index} of {node.op}", [node])
        return self.graph.constants[name]

    def convolution(self, value: str, conv: str, norm: str, form: tuple[int, int, int]) -> str:
        """A convolution of ``form`` (height, width, stride) and its normalisation, folded or not."""
        node = self.reader(value, "Conv")
        weight = self.constant(node, 1)
        height, width, stride = form
        given = node.attributes
        usual = (
            list(weight.shape[2:]) == [height, width]
            and list(given.get("strides", [1, 1])) == [stride, stride]
            and list(given.get("pads", [0] * 4)) == [height // 2] * 4
            and list(given.get("dilations", [1, 1])) == [1, 1]
            and given.get("group", 1) == 1
            and given.get("auto_pad", b"NOTSET") == b"NOTSET"
        )
        if not usual:
            raise self.refused(f"a {height}x{width} convolution of stride {stride}", [node])
        self.state[f"{conv}.weight"] = weight
        bias = self.constant(node, 2) if len(node.inputs) > 2 and node.inputs[2] else None
        output = node.outputs[0]
        if self.next_is(output, "BatchNormalization"):
            return self.norm(output, norm, bias)
        self.bias_only(norm, torch.zeros(len(weight)) if bias is None else bias)
        return output

    def norm(self, value: str, name: str, bias: Tensor | None = None) -> str:
        """A normalisation, after a layer with ``bias``."""
        node = self.reader(value, "BatchNormalization")
        scale, shift, mean, variance = (self.constant(node, index) for index in range(1, 5))
        if (
            node.attributes.get("training_mode", 0)
            or not scale.shape == shift.shape == mean.shape == variance.shape
        ):
            raise self.refused("a normalisation with fixed statistics", [node])
        # torch normalises by variance + 1e-5, this node by variance + its own epsilon
        variance = variance + (node.attributes.get("epsilon", _EPS) - _EPS)
        mean = mean if bias is None else mean - bias
        self.put_norm(name, scale, shift, mean, variance)
        return node.outputs[0]

    def bias_only(self, name: str, bias: Tensor) -> None:
        one = torch.ones_like(bias)
        self.put_norm(name, one, bias, torch.zeros_like(bias), one - _EPS)

    def put_norm(self, name: str, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> None:
        parts = {"weight": scale, "bias": shift, "running_mean": mean, "running_var": variance}
        self.state.update({f"{name}.{part}": tensor for part, tensor in parts.items()})

    def slopes(self, value: str, name: str) -> str:
        node = self.reader(value, "PRelu")
        self.state[f"{name}.weight"] = self.constant(node, 1).reshape(-1)
        return node.outputs[0]

    def flat(self) -> int:
        """Flatten, or Reshape to one row an image. Returns the length of the rows, -1 where the graph leaves it open."""
        if self.next_is(self.value, "Flatten"):
            node = self.reader(self.value, "Flatten")
            target = [0, -1] if node.attributes.get("axis", 1) == 1 else []
        else:
            node = self.reader(self.value, "Reshape")
            target = self.target(node)
        # with a length of its own, which the linear layer must share, any number of rows is one an image
        if len(target) != 2 or not (target[1] > 0 or (target[1] == -1 and target[0] in (0, 1))):
            raise self.refused("one row an image", [node])
        self.value = node.outputs[0]
        return target[1]

    def target(self, node: Node) -> list[int]:
        """The shape that Reshape gives, 0 for the number of images; empty where it cannot be known."""
        name = node.inputs[1]
        if name in self.graph.constants:
            sizes = self.graph.constants[name].flatten().tolist()
            return [] if 0 in sizes and node.attributes.get("allowzero", 0) else sizes
        maker = self.makers.get(name)
        if (
            maker is None
            or maker.op != "Concat"
            or len(maker.inputs) != 2
            or not self.is_count(maker.inputs[0])
        ):
            return []
        return [0, *self.graph.constants.get(maker.inputs[1], torch.empty(0)).flatten().tolist()]

    def is_count(self, name: str) -> bool:
        """Whether ``name`` is the first entry of the shape of the value: the number of images."""
        node = self.makers.get(name)
        if node is not None and node.op == "Unsqueeze":
            node = self.makers.get(node.inputs[0])
        first = {"Gather": [0], "Slice": [0, 1]}.get(node.op if node is not None else "")
        source = None if first is None else self.makers.get(node.inputs[0])
        if source is None or source.op != "Shape" or source.inputs[0] != self.value:
            return False
        found = [self.graph.constants.get(name, torch.empty(0)) for name in node.inputs[1 : 1 + len(first)]]
        return [x.flatten().tolist() for x in found] == [[entry] for entry in first]

    def linear(self, inputs: int) -> None:
        """Gemm, or MatMul and Add, of rows of length ``inputs``; then the last normalisation, folded or not."""
        readers = self.readers.get(self.value, [])
        if self.next_is(self.value, "MatMul"):
            weight = self.constant(readers[0], 1).T
            add = self.reader(readers[0].outputs[0], "Add")
            constants = [name for name in add.inputs if name in self.graph.constants]
            if len(constants) != 1:
                raise self.refused("a bias", [add])
            bias, self.value = self.graph.constants[constants[0]], add.outputs[0]
        else:
            node = self.reader(self.value, "Gemm")
            given = node.attributes
            if given.get("transA", 0) or given.get("alpha", 1.0) != 1.0 or given.get("beta", 1.0) != 1.0:
                raise self.refused("a plain linear layer", [node])
            weight = self.constant(node, 1) if given.get("transB", 0) else self.constant(node, 1).T
            bias = self.constant(node, 2) if len(node.inputs) > 2 else torch.zeros(len(weight))
            self.value = node.outputs[0]
        if inputs not in (-1, weight.shape[-1]):
            raise self.refused(f"a linear layer of {inputs} inputs", readers)
        self.state.update({"fc.weight": weight.contiguous(), "fc.bias": bias.reshape(-1)})
        if self.next_is(self.value, "BatchNormalization"):
            self.value = self.norm(self.value, "features")
        else:
            self.bias_only("features", torch.zeros(len(weight)))

    def refused(self, wanted: str, found: list[Node]) -> WeightsError:
        ops = ", ".join(node.op for node in found)[:100] or "nothing"
        return WeightsError(
            f"Expected an ONNX export of insightface's iresnet with {wanted} after "
            f"{len(self.state)} tensors, found {ops}. Choose the right file or kind."
        )
