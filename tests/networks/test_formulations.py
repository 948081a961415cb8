"""Each published architecture against its papers' equations, written on plain tensors by the public parameter names.

In float64, where a wrong stride, border, epsilon, order or activation moves the output far beyond rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleid.networks.bisenet import BiSeNet, BiSeNetConfig
from styleid.networks.fuse import fuse
from styleid.networks.inception_resnet import InceptionResnet, InceptionResnetConfig
from styleid.networks.irse import IRSE, IRSEConfig
from styleid.networks.mobilenet40 import MobileNet40, MobileNet40Config
from styleid.networks.parsenet import ParseNet, ParseNetConfig
from styleid.networks.unet_styleid import StyleIDUNet, StyleIDUNetConfig


class Plain:
    """Layers by the names of their tensors in a state dict."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def has(self, name: str) -> bool:
        return f"{name}.weight" in self.state

    def conv(
        self, name: str, x: Tensor, stride: int = 1, border: int | tuple[int, int] = 0, groups: int = 1
    ) -> Tensor:
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        return F.conv2d(x, weight, bias, stride, border, groups=groups)

    def norm(self, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
        mean, var = (self.vector(f"{name}.running_{part}", x) for part in ("mean", "var"))
        y = (x - mean) / (var + eps).sqrt()
        if f"{name}.weight" in self.state:
            y = y * self.vector(f"{name}.weight", x) + self.vector(f"{name}.bias", x)
        return y

    def vector(self, name: str, x: Tensor) -> Tensor:
        return self.state[name].view(1, -1, *[1] * (x.ndim - 2))

    def prelu(self, name: str, x: Tensor) -> Tensor:
        return x.clamp(min=0) + self.vector(f"{name}.weight", x) * x.clamp(max=0)

    def linear(self, name: str, x: Tensor) -> Tensor:
        y = x @ self.state[f"{name}.weight"].T
        return y + self.state[f"{name}.bias"] if f"{name}.bias" in self.state else y


def unit_length(x: Tensor) -> Tensor:
    return x / x.norm(dim=1, keepdim=True)


def irse(p: Plain, x: Tensor, strides: list[int], *, block: str) -> Tensor:
    """Deng et al. 2019: residual units that begin with a normalisation; `block` as in IRSEConfig."""
    x = p.prelu("input_layer.2", p.norm("input_layer.1", p.conv("input_layer.0", x, 1, 1)))
    for index, stride in enumerate(strides):
        shortcut, layers = f"body.{index}.shortcut_layer", (f"body.{index}.res_layer.{i}" for i in range(6))
        y = p.norm(next(layers), x)
        y = p.conv(next(layers), y, 1, 1)
        if block == "ir-norm":
            y = p.norm(next(layers), y)
        y = p.prelu(next(layers), y)
        y = p.conv(next(layers), y, stride, 1)
        y = p.norm(next(layers), y)
        if block == "ir-se":
            gate = next(layers)
            y = (
                y
                * p.conv(f"{gate}.fc2", p.conv(f"{gate}.fc1", y.mean((2, 3), keepdim=True)).relu()).sigmoid()
            )
        if p.has(f"{shortcut}.0"):
            x = y + p.norm(f"{shortcut}.1", p.conv(f"{shortcut}.0", x, stride))
        else:
            x = y + x[:, :, ::stride, ::stride]
    y = p.norm("output_layer.0", x).flatten(1)
    return unit_length(p.norm("output_layer.4", p.linear("output_layer.3", y)))


def facenet(p: Plain, x: Tensor, blocks: tuple[int, int, int]) -> Tensor:
    """Szegedy et al. 2016, Inception-ResNet v1: figures 14 to 18, epsilon 0.001, residuals scaled."""

    def conv(name: str, x: Tensor, stride: int = 1, border: int | tuple[int, int] = 0) -> Tensor:
        return p.norm(f"{name}.bn", p.conv(f"{name}.conv", x, stride, border), 1e-3).relu()

    def residual(name: str, x: Tensor, scale: float, *borders: list[int | tuple[int, int]]) -> Tensor:
        parts = []
        for branch, steps in enumerate(borders):
            y = x
            for step, border in enumerate(steps):
                y = conv(
                    f"{name}.branch{branch}.{step}" if len(steps) > 1 else f"{name}.branch{branch}",
                    y,
                    1,
                    border,
                )
            parts.append(y)
        return x + scale * p.conv(f"{name}.conv2d", torch.cat(parts, 1))

    x = conv("conv2d_2b", conv("conv2d_2a", conv("conv2d_1a", x, 2)), 1, 1)
    x = conv("conv2d_4b", conv("conv2d_4a", conv("conv2d_3b", F.max_pool2d(x, 3, 2))), 2)
    for index in range(blocks[0]):
        x = residual(f"repeat_1.{index}", x, 0.17, [0], [0, 1], [0, 1, 1]).relu()
    long = conv("mixed_6a.branch1.1", conv("mixed_6a.branch1.0", x), 1, 1)
    x = torch.cat(
        [conv("mixed_6a.branch0", x, 2), conv("mixed_6a.branch1.2", long, 2), F.max_pool2d(x, 3, 2)], 1
    )
    for index in range(blocks[1]):
        x = residual(f"repeat_2.{index}", x, 0.1, [0], [0, (0, 3), (3, 0)]).relu()
    a, b, c = (conv(f"mixed_7a.branch{branch}.0", x) for branch in range(3))
    c = conv("mixed_7a.branch2.2", conv("mixed_7a.branch2.1", c, 1, 1), 2)
    pooled = F.max_pool2d(x, 3, 2)
    x = torch.cat([conv("mixed_7a.branch0.1", a, 2), conv("mixed_7a.branch1.1", b, 2), c, pooled], 1)
    for index in range(blocks[2]):
        x = residual(f"repeat_3.{index}", x, 0.2, [0], [0, (0, 1), (1, 0)]).relu()
    x = residual("block8", x, 1.0, [0], [0, (0, 1), (1, 0)]).mean((2, 3))
    return unit_length(p.norm("last_bn", p.linear("last_linear", x), 1e-3))


def parsenet(p: Plain, x: Tensor, halvings: int, blocks: int) -> Tensor:
    """Residual blocks with mirrored borders: down, at the lowest resolution beside a bypass, and up."""

    def conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
        return p.conv(f"{name}.conv2d", F.pad(x, [1] * 4, mode="reflect"), stride)

    def block(name: str, x: Tensor, stride: int = 1) -> Tensor:
        y = F.leaky_relu(p.norm(f"{name}.conv1.norm", conv(f"{name}.conv1", x)), 0.2)
        y = p.norm(f"{name}.conv2.norm", conv(f"{name}.conv2", y, stride))
        shortcut = f"{name}.shortcut_func"
        return y + (conv(shortcut, x, stride) if p.has(f"{shortcut}.conv2d") else x)

    x = conv("encoder.0", 2 * x - 1)
    for index in range(halvings):
        x = block(f"encoder.{index + 1}", x, 2)
    y = x
    for index in range(blocks):
        y = block(f"body.{index}", y)
    x = x + y
    for index in range(halvings):
        x = block(f"decoder.{index}", x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    return conv("out_mask_conv", x)


def bisenet(p: Plain, x: Tensor) -> Tensor:
    """Yu et al. 2018 on ResNet-18 without a spatial path of its own: attention refinement, fusion, head."""

    def conv(name: str, x: Tensor, border: int = 0) -> Tensor:
        return p.norm(f"{name}.bn", p.conv(f"{name}.conv", x, 1, border)).relu()

    def basic(name: str, x: Tensor, stride: int) -> Tensor:
        y = p.norm(f"{name}.bn1", p.conv(f"{name}.conv1", x, stride, 1)).relu()
        y = p.norm(f"{name}.bn2", p.conv(f"{name}.conv2", y, 1, 1))
        if p.has(f"{name}.downsample.0"):
            x = p.norm(f"{name}.downsample.1", p.conv(f"{name}.downsample.0", x, stride))
        return (x + y).relu()

    def refined(name: str, x: Tensor) -> Tensor:
        y = conv(f"{name}.conv", x, 1)
        return y * p.norm(f"{name}.bn_atten", p.conv(f"{name}.conv_atten", average(y))).sigmoid()

    def average(x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)

    def twice(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    y = p.norm("cp.resnet.bn1", p.conv("cp.resnet.conv1", (x - mean) / std, 2, 3)).relu()
    y = F.max_pool2d(y, 3, 2, 1)
    maps = []
    for stage in range(4):
        for index in range(2):
            y = basic(f"cp.resnet.layer{stage + 1}.{index}", y, 2 if stage > 0 and index == 0 else 1)
        maps.append(y)
    y = refined("cp.arm32", maps[3]) + conv("cp.conv_avg", average(maps[3]))
    y = conv("cp.conv_head32", twice(y), 1) + refined("cp.arm16", maps[2])
    y = conv("cp.conv_head16", twice(y), 1)
    y = conv("ffm.convblk", torch.cat([maps[1], y], 1))
    y = y + y * p.conv("ffm.conv2", p.conv("ffm.conv1", average(y)).relu()).sigmoid()
    y = p.conv("conv_out.conv_out", conv("conv_out.conv", y, 1))
    return F.interpolate(y, size=x.shape[2:], mode="bilinear", align_corners=True)


def mobilenet(p: Plain, x: Tensor) -> Tensor:
    """Howard et al. 2017, table 1, with Mish; pooled over 7 x 7 positions as for 224 pixels."""

    def layer(name: str, index: int, x: Tensor, *how: int) -> Tensor:
        y = p.norm(f"{name}.{index + 1}", p.conv(f"{name}.{index}", x, *how))
        return y * F.softplus(y).tanh()

    x = layer("features.0", 0, x, 2, 1)
    for index in range(1, 14):
        stride = 2 if index in (2, 4, 6, 12) else 1
        x = layer(f"features.{index}", 0, x, stride, 1, x.shape[1])
        x = layer(f"features.{index}", 3, x)
    return p.linear("fc", F.avg_pool2d(x, 7).flatten(1)).sigmoid()


def unet(p: Plain, x: Tensor) -> Tensor:
    """Ronneberger et al. 2015 with borders and normalisations."""

    def double(name: str, x: Tensor) -> Tensor:
        for part in ("conv1", "conv2"):
            x = p.norm(f"{name}.{part}.1", p.conv(f"{name}.{part}.0", x, 1, 1)).relu()
        return x

    skips, x = [], 2 * x - 1
    for level in range(1, 5):
        skips.append(double(f"conv{level}", x))
        x = F.max_pool2d(skips[-1], 2)
    x = double("center", x)
    for level in (4, 3, 2, 1):
        up = f"up_concat{level}"
        x = F.conv_transpose2d(x, p.state[f"{up}.up.weight"], p.state[f"{up}.up.bias"], 2)
        x = double(f"{up}.conv", torch.cat([skips[level - 1], x], 1))
    return p.conv("final", x)


def ir_case(block: str, shortcut: str = "pool", last_norm: str = "affine") -> tuple:
    config = IRSEConfig(
        units=(2, 1, 3, 1),
        widths=(16, 16, 32, 48),
        input_size=32,
        embedding=24,
        block=block,
        shortcut=shortcut,
        last_norm=last_norm,
    )
    strides = [2, 1, 2, 2, 1, 1, 2]
    return IRSE(config), lambda p, x: irse(p, x, strides, block=block), 32


CASES: dict[str, Callable[[], tuple[nn.Module, Callable[[Plain, Tensor], Tensor], int]]] = {
    "ir-se50": lambda: ir_case("ir-se"),
    "curricularface": lambda: ir_case("ir", last_norm="plain"),
    "adaface": lambda: ir_case("ir-norm", last_norm="plain"),
    "iresnet": lambda: ir_case("ir-norm", shortcut="conv"),
    "facenet": lambda: (
        InceptionResnet(InceptionResnetConfig(blocks=(2, 1, 1))),
        lambda p, x: facenet(p, x, (2, 1, 1)),
        96,
    ),
    "parsenet": lambda: (
        ParseNet(ParseNetConfig(widths=(8, 12, 16), blocks=2)),
        lambda p, x: parsenet(p, x, 2, 2),
        32,
    ),
    "bisenet": lambda: (
        BiSeNet(BiSeNetConfig(widths=(8, 12, 16, 24), context=16, auxiliary=8)),
        bisenet,
        64,
    ),
    "celeba40": lambda: (MobileNet40(MobileNet40Config(widths=tuple(range(4, 32, 2)))), mobilenet, 256),
    "styleid-unet": lambda: (StyleIDUNet(StyleIDUNetConfig(widths=(4, 6, 8, 10, 12))), unet, 32),
}


def fill(network: nn.Module) -> nn.Module:
    """Random weights that keep the signal's size, and statistics that are not those of a fresh network."""
    for name, x in network.state_dict().items():
        if name.endswith("running_var"):
            x.uniform_(0.2, 1.0)
        elif x.ndim > 1:
            nn.init.kaiming_normal_(x)
        elif x.is_floating_point() and name.endswith("weight"):
            x.uniform_(0.7, 1.4)
        elif x.is_floating_point():
            x.normal_(0, 0.2)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("name", sorted(CASES))
def test_networks_compute_what_their_papers_define(name: str) -> None:
    torch.manual_seed(5)
    network, reference, side = CASES[name]()
    fill(network.double())
    colours = F.interpolate(torch.rand(2, 3, 4, 4), size=(side, side))
    x = (0.8 * colours + 0.2 * torch.rand(2, 3, side, side)).double()
    expected = reference(Plain(network.state_dict()), x).float()
    apart = (expected[0] - expected[1]).abs().max()
    assert expected.std() > 1e-3 and apart > 1e-3, "a reference that does not see its input proves nothing"
    scale = max(1.0, float(expected.std()))
    torch.testing.assert_close(network(x) / scale, expected / scale, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(network(x[:1]) / scale, expected[:1] / scale, rtol=1e-5, atol=1e-6)
    loaded = fuse(network.float())  # as load_network gives it
    torch.testing.assert_close(loaded(x.float()) / scale, expected / scale, rtol=1e-3, atol=1e-3)
