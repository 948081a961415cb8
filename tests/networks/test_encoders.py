"""pSp, e4e and ReStyle encoders in their public containers, against a plain formulation of the papers' equations."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleid.errors import InputError, WeightsError
from styleid.networks import load_network, read_weights, write_network
from styleid.networks.files import check_shapes
from styleid.networks.kinds import build_network
from styleid.networks.psp import EncoderConfig, HalvingConv, build_encoder

TYPES = {
    "pyramid": "GradualStyleEncoder",
    "pyramid-delta": "Encoder4Editing",
    "map": "BackboneEncoder",
    "map-delta": "ProgressiveBackboneEncoder",
    "last": "BackboneEncoderUsingLastLayerIntoWPlus",
    "last-w": "BackboneEncoderUsingLastLayerIntoW",
}
LAYERS = 8  # of a generator of 32 pixels


def state_of(head: str, channels: int = 3, seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the public names; small enough that 24 residual units keep the signal in range."""
    network = build_encoder(EncoderConfig(layers=LAYERS, head=head, input_nc=channels))
    draw = torch.Generator().manual_seed(seed)
    state = {}
    for name, x in network.state_dict().items():
        if name == "latent_avg":
            continue
        if name.endswith("running_var"):
            state[f"encoder.{name}"] = torch.rand(x.shape, generator=draw) + 0.5
        elif x.is_floating_point():
            spread = x.std() if x.numel() > 1 and float(x.std()) > 0 else torch.tensor(0.1)
            state[f"encoder.{name}"] = x.mean() + spread * torch.randn(x.shape, generator=draw)
        else:
            state[f"encoder.{name}"] = x.clone()
    return state


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    folder = tmp_path_factory.mktemp("encoders")

    def write(state: dict[str, Tensor], head: str, *, mean: Tensor | None, **options: object) -> Path:
        path = folder / f"{len(list(folder.iterdir()))}.pt"
        content: dict[str, object] = {"state_dict": state, "opts": {"encoder_type": TYPES[head], **options}}
        if mean is not None:
            content["latent_avg"] = mean
        torch.save(content, path)
        return path

    return write


def norm(x: Tensor, p: Callable[[str], Tensor]) -> Tensor:
    return F.batch_norm(x, p("running_mean"), p("running_var"), p("weight"), p("bias"))


def body(state: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    """Feature maps after the units 6, 20 and 23 of IR-SE50."""

    def at(prefix: str) -> Callable[[str], Tensor]:
        return lambda name: state[f"encoder.{prefix}.{name}"]

    x = F.prelu(norm(F.conv2d(x, at("input_layer.0")("weight"), padding=1), at("input_layer.1")),
                at("input_layer.2")("weight"))  # fmt: skip
    maps = []
    firsts = (0, 3, 7, 21)
    for unit in range(24):
        name, stride = f"body.{unit}", 2 if unit in firsts else 1
        y = norm(x, at(f"{name}.res_layer.0"))
        y = F.prelu(
            F.conv2d(y, at(f"{name}.res_layer.1")("weight"), padding=1), at(f"{name}.res_layer.2")("weight")
        )
        y = norm(
            F.conv2d(y, at(f"{name}.res_layer.3")("weight"), stride=stride, padding=1),
            at(f"{name}.res_layer.4"),
        )
        gate = F.relu(F.conv2d(y.mean((2, 3), keepdim=True), at(f"{name}.res_layer.5.fc1")("weight")))
        y = y * F.conv2d(gate, at(f"{name}.res_layer.5.fc2")("weight")).sigmoid()
        if f"encoder.{name}.shortcut_layer.0.weight" in state:
            x = norm(
                F.conv2d(x, at(f"{name}.shortcut_layer.0")("weight"), stride=stride),
                at(f"{name}.shortcut_layer.1"),
            )
        else:
            x = x[:, :, ::stride, ::stride]
        x = x + y
        if unit in (6, 20, 23):
            maps.append(x)
    return maps


def head_of(state: dict[str, Tensor], layer: int, x: Tensor) -> Tensor:
    step = 0
    while f"encoder.styles.{layer}.convs.{step}.weight" in state:
        name = f"encoder.styles.{layer}.convs.{step}"
        x = F.leaky_relu(
            F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=2, padding=1), 0.01
        )
        step += 2
    return linear(state, f"encoder.styles.{layer}.linear", x.flatten(1))


def linear(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.linear(x, weight / math.sqrt(weight.shape[1]), state[f"{name}.bias"])


def reference(state: dict[str, Tensor], head: str, x: Tensor) -> Tensor:
    """Codes relative to the mean, as the papers and their public code define them."""
    fine, middle, coarse = body(state, x)
    if head == "last-w":
        return linear(state, "encoder.linear", coarse.mean((2, 3)))[:, None].expand(-1, LAYERS, -1)
    if head == "last":
        y = norm(coarse, lambda name: state[f"encoder.output_layer_2.0.{name}"])
        y = F.adaptive_avg_pool2d(y, 7).flatten(1)
        y = F.linear(y, state["encoder.output_layer_2.3.weight"], state["encoder.output_layer_2.3.bias"])
        return linear(state, "encoder.linear", y).view(-1, LAYERS, 512)
    levels = [coarse] * LAYERS
    if head.startswith("pyramid"):

        def up(x: Tensor, lateral: Tensor, name: str) -> Tensor:
            y = F.conv2d(lateral, state[f"encoder.{name}.weight"], state[f"encoder.{name}.bias"])
            return F.interpolate(x, size=y.shape[-2:], mode="bilinear", align_corners=True) + y

        p2 = up(coarse, middle, "latlayer1")
        levels = [coarse] * 3 + [p2] * 4 + [up(p2, fine, "latlayer2")] * (LAYERS - 7)
    codes = [head_of(state, layer, level) for layer, level in enumerate(levels)]
    if head.endswith("delta"):
        codes = [codes[0], *(codes[0] + delta for delta in codes[1:])]
    return torch.stack(codes, 1)


@pytest.mark.parametrize(
    ("kind", "head", "channels"),
    [
        ("psp", "pyramid", 3),
        ("psp", "last", 3),
        ("psp", "last-w", 3),
        ("psp", "map", 6),
        ("e4e", "pyramid-delta", 3),
        ("e4e", "map-delta", 6),
        ("psp-seg", "pyramid", 19),
    ],
)
def test_codes_are_those_of_the_public_code(kind: str, head: str, channels: int, container) -> None:
    state = state_of(head, channels)
    mean = torch.randn(LAYERS, 512, generator=torch.Generator().manual_seed(1)) * 0.1
    path = container(state, head, mean=mean, start_from_latent_avg=True, output_size=32)
    x = torch.rand(1, channels, 256, 256, generator=torch.Generator().manual_seed(2)) * 2 - 1
    expected = reference(state, head, x)
    assert float(expected.std()) > 1e-3

    found = load_network(path, kind)(x)

    torch.testing.assert_close(found, expected + mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found - mean, expected, rtol=1e-3, atol=float(expected.std()) * 1e-3)


def test_an_iteration_of_restyle_starts_from_the_code_before(container) -> None:
    path = container(state_of("map-delta", 6), "map-delta", mean=torch.ones(LAYERS, 512))
    encoder, x = load_network(path, "e4e"), torch.zeros(1, 6, 256, 256)
    code = torch.full((1, LAYERS, 512), 5.0)
    torch.testing.assert_close(encoder(x, code), encoder(x) + 4.0)


def test_old_options_one_row_of_the_mean_and_training_checkpoints(tmp_path: Path) -> None:
    """`opts` without sizes, as an `argparse.Namespace`, the mean as generator files keep it: one row."""
    state = state_of("last-w") | {f"decoder.to_rgbs.{i}.bias": torch.zeros(1, 3, 1, 1) for i in range(3)}
    options = argparse.Namespace(
        encoder_type=TYPES["last-w"], start_from_latent_avg=True, learn_in_w=True, device="cuda:0"
    )
    torch.save({"state_dict": state, "opts": options, "latent_avg": torch.ones(512)}, tmp_path / "psp.pt")
    encoder = load_network(tmp_path / "psp.pt", "psp")
    assert encoder.latent_avg.tolist() == torch.ones(8, 512).tolist()


@pytest.mark.parametrize(("head", "added"), [("last-w", False), ("map", True)])
def test_the_mean_is_added_where_training_started_from_it(head: str, added: bool, container) -> None:
    """pSp says so in its options; ReStyle's classes always did, for three channels too."""
    mean = torch.ones(LAYERS, 512)
    path = container(state_of(head), head, mean=mean, start_from_latent_avg=False, output_size=32)
    assert bool(load_network(path, "psp").latent_avg.any()) is added


@pytest.mark.parametrize("side", [64, 32, 16, 8, 4, 2])
@pytest.mark.parametrize("count", [1, 3])
def test_heads_compute_the_convolution_in_either_way(side: int, count: int) -> None:
    torch.manual_seed(0)
    conv, x = HalvingConv(5, 7, 3, 2, 1), torch.randn(count, 5, side, side, requires_grad=True)
    expected = F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1)
    found = conv(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    grads = [torch.autograd.grad(y.square().sum(), x)[0] for y in (found, expected)]
    torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-5)


def test_weights_of_the_heads_stay_in_the_mapped_file(container, tmp_path: Path) -> None:
    """They are most of an encoder: 1 GB of 1.07 at 1024 pixels."""
    read = read_weights(container(state_of("map"), "map", mean=torch.zeros(LAYERS, 512)), "psp")
    write_network(read, tmp_path / "psp.safetensors", "psp", dtype=torch.float32)
    anonymous = held("Anonymous")
    encoder = load_network(tmp_path / "psp.safetensors", "psp")
    encoder(torch.zeros(1, 3, 256, 256))
    heads = sum(x.numel() for x in encoder.styles.parameters()) * 4
    body = sum(x.numel() for x in encoder.parameters()) * 4 - heads
    assert heads > 2 * body
    assert held("Anonymous") - anonymous < body + heads / 2


def held(field: str) -> int:
    """Bytes of that sort in this process (Linux)."""
    (line,) = [
        x for x in Path("/proc/self/smaps_rollup").read_text().splitlines() if x.startswith(f"{field}:")
    ]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("shape", [(1, 6, 256, 256), (3, 256, 256)])
def test_another_number_of_channels_is_refused(shape: tuple[int, ...]) -> None:
    encoder = build_encoder(EncoderConfig(layers=4, units=(1, 1, 1, 1), widths=(8, 8, 8, 8), head="last-w"))
    with pytest.raises(InputError, match=r"\[N, 3, S, S\]"):
        encoder(torch.zeros(shape))


@pytest.mark.parametrize(("kind", "channels"), [("psp", 19), ("e4e", 5), ("psp-seg", 3)])
def test_an_encoder_has_the_channels_of_its_kind(kind: str, channels: int) -> None:
    with pytest.raises(WeightsError, match=rf"kind {kind} takes .* channels, found one of {channels}"):
        build_network(kind, EncoderConfig(layers=LAYERS, input_nc=channels))


@pytest.mark.parametrize(("needed", "found"), [(3, 6), (6, 3)])
def test_weights_for_other_channels_are_named_as_such(needed: int, found: int) -> None:
    networks = [build_network("psp", EncoderConfig(layers=LAYERS, input_nc=n)) for n in (needed, found)]
    shapes = {name: tuple(x.shape) for name, x in networks[1].state_dict().items()}
    with pytest.raises(WeightsError, match=f"{found} input channels instead of {needed}"):
        check_shapes(networks[0], shapes, "psp")


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("e4e", {}, "kind e4e"),
        ("e4e", {"encoder_type": "GradualStyleEncoder"}, "or the kind psp"),
        ("psp-seg", {}, "19 channels"),
        ("psp", {"encoder_type": "ResNetBackboneEncoder"}, "not supported"),
        ("psp", {"encoder_type": "Encoder4Editing"}, "kind psp"),
    ],
)
def test_another_encoder_is_refused(kind: str, change: dict, message: str, container) -> None:
    path = container(state_of("last"), "last", mean=torch.zeros(LAYERS, 512), **{"output_size": 32} | change)
    with pytest.raises(WeightsError, match=message):
        load_network(path, kind)


@pytest.mark.parametrize("damage", ["missing", "surplus", "misshapen", "nan"])
def test_damaged_encoders_are_refused(damage: str, container) -> None:
    state = state_of("map")
    name = "encoder.styles.2.linear.weight"
    if damage == "missing":
        del state[name]
    elif damage == "surplus":
        state["encoder.styles.2.linear.other"] = torch.zeros(1)
    else:
        state[name] = state[name][1:] if damage == "misshapen" else state[name] * math.nan
    with pytest.raises(WeightsError, match=r"missing|surplus|another shape|NaN"):
        load_network(container(state, "map", mean=torch.zeros(LAYERS, 512)), "psp")
