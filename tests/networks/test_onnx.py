"""ONNX exports of insightface's iresnet become PyTorch networks: folded or not, any batch; other graphs are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from styleid.errors import WeightsError
from styleid.networks import KINDS, load_network
from styleid.networks.irse import IRSEConfig

onnx = pytest.importorskip("onnx")

CONFIG = IRSEConfig(
    units=(1, 2, 1, 2), widths=(8, 12, 16, 24), input_size=32, embedding=20, block="ir-norm", shortcut="conv"
)


class Raw(nn.Module):
    """The network as it is published: without the normalisation to unit length."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        network = self.network
        return network.output_layer(network.body(network.input_layer(x)))


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(2)
    built = KINDS["iresnet"].network(CONFIG)
    for layer in built.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.1)
        if isinstance(layer, nn.PReLU):
            nn.init.uniform_(layer.weight, 0.1, 0.4)
    return built.eval().requires_grad_(False)


def exported(network: nn.Module, path: Path, *, folded: bool = True, **options) -> Path:
    mode = torch.onnx.TrainingMode.EVAL if folded else torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(
        Raw(network).eval(),
        torch.zeros(1, 3, 32, 32),
        path,
        input_names=["input.1"],
        dynamic_axes={"input.1": {0: "batch"}},
        dynamo=False,
        training=mode,
        do_constant_folding=folded,
        **options,
    )
    return path


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("opset", [11, 17])
def test_exports_give_the_same_embeddings(network, tmp_path: Path, folded: bool, opset: int) -> None:
    path = exported(network, tmp_path / "net.onnx", folded=folded, opset_version=opset)
    ops = [node.op_type for node in onnx.load(path).graph.node]
    assert ops.count("BatchNormalization") == (8 if folded else 25)
    loaded = load_network(path, "iresnet")
    assert loaded.config == CONFIG
    x = torch.rand(3, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(loaded(x), network(x), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(loaded(x[:1]), network(x[:1]), rtol=1e-4, atol=1e-4)
    x.requires_grad_()
    loaded(x)[:, 0].sum().backward()
    assert x.grad.abs().sum() > 0


def test_the_newer_exporter_is_read_too(network, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    path = tmp_path / "net.onnx"
    torch.onnx.export(
        Raw(network).eval(), (torch.zeros(2, 3, 32, 32),), path, dynamo=True, external_data=False
    )
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(load_network(path, "iresnet")(x), network(x), rtol=1e-4, atol=1e-4)


def changed(path: Path, change) -> Path:
    model = onnx.load(path)
    change(model.graph)
    onnx.save(model, path)
    return path


def rename_operator(graph) -> None:
    next(node for node in graph.node if node.op_type == "PRelu").op_type = "Tanh"


def another_stride(graph) -> None:
    node = next(node for node in graph.node if node.op_type == "Conv")
    next(x for x in node.attribute if x.name == "strides").ints[:] = [3, 3]


def rewire(graph) -> None:
    node = next(node for node in graph.node if node.op_type == "Add")
    node.input[1] = node.input[0]


def poison(graph) -> None:
    weights = next(x for x in graph.initializer if len(x.dims) == 4)
    values = onnx.numpy_helper.to_array(weights).copy()
    values.flat[3] = np.nan
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))


def cut_tensor(graph) -> None:
    weights = next(x for x in graph.initializer if len(x.dims) == 4)
    weights.raw_data = weights.raw_data[:-8]


def reshaped(target: list[int], **options: int) -> Callable:
    """Reshape to a constant shape in the place of Flatten."""

    def change(graph) -> None:
        shape = onnx.numpy_helper.from_array(np.array(target), "shape")
        graph.initializer.append(shape)
        flatten = next(node for node in graph.node if node.op_type == "Flatten")
        new = onnx.helper.make_node("Reshape", [flatten.input[0], "shape"], list(flatten.output), **options)
        flatten.CopyFrom(new)

    return change


def counted(entry: int, last: int = -1) -> Callable:
    """Reshape to a computed shape: entry ``entry`` of the shape of its input, then ``last``."""

    def change(graph) -> None:
        place = next(index for index, node in enumerate(graph.node) if node.op_type == "Flatten")
        flatten = graph.node[place]
        for name, values in (("entry", entry), ("axis", [0]), ("last", [last])):
            graph.initializer.append(onnx.numpy_helper.from_array(np.array(values), name))
        make, value = onnx.helper.make_node, flatten.input[0]
        for node in (
            make("Shape", [value], ["sizes"]),
            make("Gather", ["sizes", "entry"], ["size"], axis=0),
            make("Unsqueeze", ["size", "axis"], ["row"]),
            make("Concat", ["row", "last"], ["target"], axis=0),
        ):
            graph.node.insert(place, node)
            place += 1
        graph.node[place].CopyFrom(make("Reshape", [value, "target"], list(flatten.output)))

    return change


@pytest.mark.parametrize(
    "change", [*map(reshaped, ([-1, 96], [0, -1], [1, -1], [0, 96])), counted(0), counted(0, 96)]
)
def test_reshape_may_take_the_place_of_flatten(network, tmp_path: Path, change) -> None:
    path = changed(exported(network, tmp_path / "net.onnx", opset_version=17), change)
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(load_network(path, "iresnet")(x), network(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        *map(reshaped, ([-1], [24, -1], [-1, 24], [0, 0, -1], [-1, 48], [0, 0], [-1, -1])),
        reshaped([0, -1], allowzero=1),
        counted(1),
        counted(0, 48),
    ],
)
def test_reshape_to_anything_but_one_row_an_image_is_refused(network, tmp_path: Path, change) -> None:
    path = changed(exported(network, tmp_path / "net.onnx", opset_version=17), change)
    with pytest.raises(WeightsError, match="iresnet"):
        load_network(path, "iresnet")


def loop(graph) -> None:
    """The last residual sum is what the second unit starts from."""
    adds = [node for node in graph.node if node.op_type == "Add"]
    adds[-1].output[0] = adds[0].output[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (loop, "one origin"),
        (rename_operator, "Tanh"),
        (another_stride, "3x3 convolution of stride 1"),
        (rewire, "with Add"),
        (poison, "NaN"),
        (cut_tensor, "cannot be read"),
        (lambda graph: graph.node.pop(), "iresnet"),
        (lambda graph: graph.ClearField("node"), "Conv"),
        (lambda graph: graph.ClearField("initializer"), "constant"),
    ],
)
def test_other_graphs_are_refused(network, tmp_path: Path, change, message: str) -> None:
    path = changed(exported(network, tmp_path / "net.onnx", opset_version=11), change)
    with pytest.raises(WeightsError, match=message):
        load_network(path, "iresnet")


def test_references_to_other_files_are_refused(network, tmp_path: Path) -> None:
    path = exported(network, tmp_path / "net.onnx", opset_version=11)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(WeightsError, match="another file"):
        load_network(path, "iresnet")


@pytest.mark.parametrize("content", [b"\0" * 100, b"no graph at all", b"\xff" * 4096])
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        load_network(path, "iresnet")
