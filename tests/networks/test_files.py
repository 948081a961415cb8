"""Every embedded kind: written, read back, and refused when anything about the file is wrong."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from styleid.errors import InputError, WeightsError
from styleid.networks import KINDS, load_network, write_network
from styleid.networks.bisenet import BiSeNetConfig
from styleid.networks.detector import DetectorConfig
from styleid.networks.dlib_resnet import DlibResNetConfig
from styleid.networks.heads import AttributeConfig, LandmarkConfig
from styleid.networks.inception_resnet import InceptionResnetConfig
from styleid.networks.irse import IRSEConfig
from styleid.networks.mobilefacenet import MobileFaceNetConfig
from styleid.networks.mobilenet40 import MobileNet40Config
from styleid.networks.parsenet import ParseNetConfig
from styleid.networks.psp import EncoderConfig
from styleid.networks.segformer import SegFormerConfig
from styleid.networks.stylegan2 import GeneratorConfig
from styleid.networks.swapper import SwapperConfig
from styleid.networks.unet import ParserConfig
from styleid.networks.unet_styleid import StyleIDUNetConfig

UNITS, WIDTHS = (1, 1, 1, 1), (16, 16, 16, 32)
CONFIGS = {
    "stylegan2": GeneratorConfig(size=16, channels=(16, 12, 8), mapping_layers=2),
    "psp": EncoderConfig(layers=6, units=UNITS, widths=WIDTHS, input_size=32, pool=2, hidden=32),
    "e4e": EncoderConfig(
        layers=8, units=UNITS, widths=WIDTHS, input_size=64, head="pyramid-delta", latent_dim=16
    ),
    "psp-seg": EncoderConfig(
        layers=6, units=UNITS, widths=WIDTHS, input_nc=19, input_size=32, pool=2, hidden=32
    ),
    "ir-se": IRSEConfig(units=UNITS, widths=WIDTHS, input_size=32),
    "ir-se50": IRSEConfig(units=UNITS, widths=WIDTHS, input_size=32),
    "curricularface": IRSEConfig(units=UNITS, widths=WIDTHS, input_size=32, block="ir", last_norm="plain"),
    "adaface": IRSEConfig(units=UNITS, widths=WIDTHS, input_size=32, block="ir-norm", last_norm="plain"),
    "iresnet": IRSEConfig(units=UNITS, widths=WIDTHS, input_size=32, block="ir-norm", shortcut="conv"),
    "facenet": InceptionResnetConfig(blocks=(1, 1, 1)),
    "dlib-resnet": DlibResNetConfig(units=(1, 1), widths=(8, 16), input_size=32),
    "celeba40": MobileNet40Config(widths=(8,) * 14),
    "bisenet": BiSeNetConfig(widths=(8, 8, 8, 8), context=8, auxiliary=8),
    "parsenet": ParseNetConfig(widths=(8, 8), blocks=1),
    "styleid-unet": StyleIDUNetConfig(widths=(4, 4, 4, 4, 4)),
    "segformer": SegFormerConfig(units=UNITS, widths=(8, 8, 10, 16), hidden=16),
    "mobilefacenet": MobileFaceNetConfig(width=0.25, blocks=(1, 1, 1), input_size=32),
    "unet-parser": ParserConfig(widths=(8, 8, 8), input_size=32),
    "attributes": AttributeConfig(
        names=("Male", "Young"), units=UNITS, widths=WIDTHS, input_size=32, hidden=16
    ),
    "landmarks": LandmarkConfig(units=UNITS, widths=WIDTHS, input_size=32, hidden=16),
    "detector": DetectorConfig(widths=(8, 8, 8, 16), units=(1, 1, 2)),
    "swapper": SwapperConfig(hidden=16),
}
INPUTS = {
    "facenet": (2, 3, 96, 96),
    "stylegan2": (2, 512),
    "swapper": (2, 18, 512),
    "psp-seg": (2, 19, 32, 32),
}


def tiny(kind: str) -> nn.Module:
    if kind == "segformer":
        pytest.importorskip("transformers", reason="SegFormer parsers need transformers")
    torch.manual_seed(7)
    network = KINDS[kind].build(CONFIGS[kind])
    for buffer in (b for name, b in network.named_buffers() if "running" in name):
        buffer.uniform_(0.5, 1.5)
    return network.eval()


def outputs(network: nn.Module, kind: str) -> torch.Tensor:
    torch.manual_seed(3)
    x = torch.rand(INPUTS.get(kind, (2, 3, 32, 32))) * 2 - 1
    with torch.no_grad():
        found = network(x, x.flip(0)) if kind == "swapper" else network(x)
    return torch.cat([part.flatten() for part in (found if isinstance(found, tuple) else (found,))])


def rewritten(source: Path, target: Path, *, tensors=lambda t: t, metadata=lambda m: m) -> Path:
    """A copy of a weight file with changed tensors or metadata."""
    with safe_open(source, framework="pt") as file:
        content, head = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    save_file(tensors(content), target, metadata=metadata(head))
    return target


@pytest.fixture
def recogniser(tmp_path: Path) -> Path:
    path = tmp_path / "recogniser.safetensors"
    write_network(tiny("ir-se"), path, "ir-se", dtype=torch.float32)
    return path


def test_the_table_covers_every_kind() -> None:
    assert set(CONFIGS) == set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_network_comes_back_as_it_was_written(kind: str, tmp_path: Path) -> None:
    original = tiny(kind)
    path = tmp_path / "net.safetensors"
    write_network(original, path, kind, dtype=torch.float32)
    loaded = load_network(path, kind)
    assert loaded.config == original.config
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    torch.testing.assert_close(outputs(loaded, kind), outputs(original, kind))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_half_precision_files_are_upcast(kind: str, tmp_path: Path) -> None:
    original = tiny(kind)
    path = tmp_path / "net.safetensors"
    write_network(original, path, kind)
    loaded = load_network(path, kind)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(outputs(loaded, kind), outputs(original, kind), rtol=0.05, atol=0.05)


def test_weights_take_the_asked_precision(recogniser: Path) -> None:
    loaded = load_network(recogniser, "ir-se", dtype=torch.bfloat16)
    assert {p.dtype for p in loaded.parameters()} == {torch.bfloat16}
    with pytest.raises(InputError, match="floating"):
        load_network(recogniser, "ir-se", dtype=torch.int8)


def test_files_appear_whole(tmp_path: Path) -> None:
    write_network(tiny("landmarks"), tmp_path / "net.safetensors", "landmarks")
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_weights_that_do_not_fit_are_not_written(value: float, tmp_path: Path) -> None:
    network = tiny("ir-se")
    network.output_layer[3].weight.data[0, 0] = value
    with pytest.raises(InputError, match="not finite"):
        write_network(network, tmp_path / "net.safetensors", "ir-se")
    with pytest.raises(InputError, match="Encoder"):
        write_network(network, tmp_path / "net.safetensors", "psp")


def cut(tensors: dict) -> dict:
    return {name: x for name, x in tensors.items() if name != "body.0.res_layer.1.weight"}


def add(tensors: dict) -> dict:
    return {**tensors, "extra.weight": torch.zeros(3)}


def reshape(tensors: dict) -> dict:
    return {**tensors, "output_layer.3.bias": torch.zeros(511)}


def poison(value: float):
    def change(tensors: dict) -> dict:
        tensors["output_layer.3.weight"][5, 5] = value
        return tensors

    return change


def integers(tensors: dict) -> dict:
    return {**tensors, "output_layer.3.bias": torch.zeros(512, dtype=torch.int64)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut, r"1 missing \(as 'body.0.res_layer.1.weight'\)"),
        (add, r"1 surplus \(as 'extra.weight'\)"),
        (reshape, r"\[511\] instead of \[512\]"),
        (poison(float("nan")), "NaN"),
        (poison(float("inf")), "infinite"),
        (integers, "int64"),
        (lambda tensors: {}, "missing"),
    ],
)
def test_wrong_tensors_are_refused(recogniser: Path, tmp_path: Path, change, message: str) -> None:
    path = rewritten(recogniser, tmp_path / "changed.safetensors", tensors=change)
    with pytest.raises(WeightsError, match=message):
        load_network(path, "ir-se")


def with_config(**changes):
    def change(head: dict) -> dict:
        config = json.loads(head["config"])
        config.update(changes)
        return {**head, "config": json.dumps(config)}

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda head: None,
        lambda head: {**head, "format": "styleid-99"},
        lambda head: {key: value for key, value in head.items() if key != "kind"},
        lambda head: {**head, "kind": "psp"},
        lambda head: {key: value for key, value in head.items() if key != "config"},
        lambda head: {**head, "config": "["},
        lambda head: {**head, "config": "[" * 100_000},
        lambda head: {**head, "config": "[1]"},
        lambda head: {**head, "config": '{"units": NaN}'},
        with_config(units=[10**9, 1, 1, 1]),
        with_config(units=[1, 1]),
        with_config(units=3),
        with_config(widths=[16, 16, 16, 0]),
        with_config(embedding=-1),
        with_config(embedding="many"),
        with_config(surprise=1),
        with_config(embedding=256),
    ],
)
def test_wrong_metadata_is_refused(recogniser: Path, tmp_path: Path, change) -> None:
    path = rewritten(recogniser, tmp_path / "changed.safetensors", metadata=change)
    with pytest.raises(WeightsError):
        load_network(path, "ir-se")


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"ir-se"}))
def test_the_kind_must_match(recogniser: Path, kind: str) -> None:
    with pytest.raises(WeightsError, match=f"Expected a network of kind {kind}, found kind ir-se"):
        load_network(recogniser, kind)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, 5000, -1])
def test_truncated_files_are_refused(recogniser: Path, length: int) -> None:
    recogniser.write_bytes(recogniser.read_bytes()[:length])
    with pytest.raises(WeightsError):
        load_network(recogniser, "ir-se")


@pytest.mark.parametrize(
    "content", [b"\0" * 4096, b"\xff" * 4096, b"not weights at all", b"PK\x03\x04" * 100]
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_garbage_is_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        load_network(path, "stylegan2")


def test_folders_missing_files_and_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="folder"):
        load_network(tmp_path, "ir-se")
    with pytest.raises(WeightsError, match="no file"):
        load_network(tmp_path / "none.safetensors", "ir-se")
    with pytest.raises(WeightsError, match="no file no-such-name"):
        load_network("no-such-name", "ir-se")


def test_unknown_kinds_and_suffixes_say_what_is_known(recogniser: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"known kinds are .*ir-se.*mobilefacenet"):
        load_network(recogniser, "resnet")
    other = tmp_path / "net.pt"
    recogniser.rename(other)
    with pytest.raises(WeightsError, match=r"read from \.safetensors"):
        load_network(other, "ir-se")


def test_a_pickle_in_disguise_does_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    for suffix in (".safetensors", ".pt", ".pth"):
        for zipped in (True, False):
            path = tmp_path / f"trap{suffix}"
            torch.save({"g_ema": Trap()}, path, _use_new_zipfile_serialization=zipped)
            with pytest.raises(WeightsError):
                load_network(path, "stylegan2")
    assert not (tmp_path / "ran").exists()
    with pytest.raises(WeightsError, match=r"system.*Nothing in it was run"):
        load_network(tmp_path / "trap.pt", "stylegan2")


def test_a_compressed_archive_is_refused_unread(tmp_path: Path) -> None:
    torch.save({"g_ema": {"x": torch.zeros(4_000_000)}}, tmp_path / "plain.pt")
    path = tmp_path / "bomb.pt"
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for entry in plain.infolist():
            bomb.writestr(entry.filename, plain.read(entry))
    assert path.stat().st_size < 100_000
    with pytest.raises(WeightsError, match="compressed"):
        load_network(path, "stylegan2")


def test_errors_name_the_file_and_configurations_survive_json(recogniser: Path) -> None:
    with safe_open(recogniser, framework="pt") as file:
        assert json.loads(file.metadata()["config"]) == json.loads(json.dumps(asdict(CONFIGS["ir-se"])))
    with pytest.raises(WeightsError, match=r"^recogniser\.safetensors: "):
        load_network(recogniser, "psp")
