"""A family: one calling convention, whatever sizes its networks have."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from styleid.errors import InputError, StyleIDError, WeightsError
from styleid.family import Family, Recogniser, load_family
from styleid.latent import Ranking, save_ranking
from styleid.networks import KINDS, write_network
from styleid.networks.detector import DetectorConfig
from styleid.networks.heads import AttributeConfig, LandmarkConfig
from styleid.networks.inception_resnet import InceptionResnetConfig
from styleid.networks.irse import IRSEConfig
from styleid.networks.mobilefacenet import MobileFaceNetConfig
from styleid.networks.psp import EncoderConfig
from styleid.networks.stylegan2 import GeneratorConfig
from styleid.networks.swapper import Swapper, swapper_config
from styleid.networks.unet import ParserConfig

UNITS, WIDTHS = (1, 1, 1, 1), (16, 16, 16, 16)
BODY = {"units": UNITS, "widths": WIDTHS}
PARTS = {
    "generator": ("stylegan2", GeneratorConfig(size=32, channels=(16, 16, 8, 8), mapping_layers=2)),
    "encoder": ("psp", EncoderConfig(**BODY, layers=8, input_size=32, pool=2, hidden=16)),
    "segmentation_encoder": (
        "psp-seg",
        EncoderConfig(**BODY, layers=8, input_nc=19, input_size=16, pool=1, hidden=16),
    ),
    "recogniser": ("ir-se", IRSEConfig(**BODY, input_size=32)),
    "judge": ("mobilefacenet", MobileFaceNetConfig(width=0.25, blocks=(1, 1, 1), input_size=32)),
    "parser": ("unet-parser", ParserConfig(widths=(8, 8), input_size=16)),
    "attributes": ("attributes", AttributeConfig(**BODY, names=("Male", "Young"), input_size=32, hidden=8)),
    "landmarks": ("landmarks", LandmarkConfig(**BODY, input_size=32, hidden=8)),
    "detector": ("detector", DetectorConfig(widths=(8, 8, 8, 8))),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a tiny family in it."""
    folder = tmp_path_factory.mktemp("models")
    weights, family = {}, {}
    torch.manual_seed(11)
    for role, (kind, config) in PARTS.items():
        path = folder / f"{role}.safetensors"
        write_network(KINDS[kind].build(config), path, kind)
        content = path.read_bytes()
        weights[f"tiny-{role}"] = {
            "kind": kind,
            "family": "tiny",
            "file": path.name,
            "source": "random numbers",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "licence": "MIT",
            "non_commercial": False,
            "citation": "",
            "input": "",
            "trained_on": "",
            "figures": {},
        }
        family[role] = f"tiny-{role}"
    for role, threshold in (("recogniser", 1.1), ("judge", 1.25)):
        family[role] = {"weights": family[role], "threshold": threshold}
    whole = {"version": 1, "weights": weights, "families": {"tiny": family}}
    whole["families"]["bare"] = {
        role: part
        for role, part in family.items()
        if role not in ("parser", "attributes", "segmentation_encoder", "detector")
    }
    (folder / "manifest.json").write_text(json.dumps(whole))
    return folder


@pytest.fixture
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STYLEID_MODELS", str(folder))
    return folder


@pytest.fixture
def family(models: Path) -> Family:
    return load_family("tiny")


def crops(count: int, size: int) -> Tensor:
    return torch.rand(count, size, size, 3, generator=torch.Generator().manual_seed(count + size))


def test_a_family_is_what_the_manifest_lists(family: Family) -> None:
    assert family.name == "tiny"
    assert (family.recogniser.name, family.recogniser.threshold) == ("tiny-recogniser", 1.1)
    assert (family.judge.name, family.judge.threshold) == ("tiny-judge", 1.25)
    assert family.generator.num_layers == 8
    assert family.ranking is None


def test_a_ranking_and_a_swapper_of_ones_own_take_the_place_of_the_familys(
    models: Path, tmp_path: Path
) -> None:
    ranking = Ranking((5, 6), torch.rand(3, 8), torch.rand(8, 8), 64, {})
    save_ranking(ranking, tmp_path / "ranking.safetensors")
    for layers in (8, 9):
        network = Swapper(swapper_config(layers, (5, 6), hidden=8))
        write_network(network, tmp_path / f"{layers}.safetensors", "swapper")
    own = load_family("tiny", ranking=tmp_path / "ranking.safetensors", swapper=tmp_path / "8.safetensors")
    assert own.identity_layers == (5, 6)
    assert own.swapper.num_layers == 8
    save_ranking(replace(ranking, block=32), tmp_path / "ranking.safetensors")
    with pytest.raises(
        WeightsError, match=r"ranking .* 8 layers of 256 channels, its generator has 8 of 512"
    ):
        load_family("tiny", ranking=tmp_path / "ranking.safetensors")
    with pytest.raises(WeightsError, match="is for 9 layers, its generator has 8"):
        load_family("tiny", swapper=tmp_path / "9.safetensors")


@pytest.mark.parametrize("size", [16, 32, 75, 256])
@pytest.mark.parametrize("count", [1, 9])
def test_crops_of_any_size_and_number(family: Family, size: int, count: int) -> None:
    faces = crops(count, size)
    codes = family.encode(faces)
    assert codes.shape == (count, 8, 512)
    assert family.decode(codes).shape == (count, 32, 32, 3)
    labels = family.parse(faces)
    assert labels.shape == (count, size, size)
    assert labels.dtype == torch.int64
    assert family.parse(faces, 20).shape == (count, 20, 20)
    assert family.encode_labels(labels).shape == (count, 8, 512)
    assert family.attribute_confidences(faces).shape == (count, 2)
    for recogniser in (family.recogniser, family.judge):
        embeddings = recogniser.embed(faces)
        assert embeddings.shape == (count, 512)
        torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(count))


def test_a_face_does_not_depend_on_its_batch(family: Family) -> None:
    faces = crops(11, 40)
    torch.testing.assert_close(family.encode(faces)[10:], family.encode(faces[10:]), rtol=1e-4, atol=1e-5)
    embeddings = family.judge.embed(faces)
    torch.testing.assert_close(embeddings[10:], family.judge.embed(faces[10:]), rtol=1e-4, atol=1e-5)


def test_pictures_lie_in_range_and_take_gradients_afterwards(family: Family) -> None:
    codes = family.encode(crops(2, 32))
    pictures = family.decode(codes * 50)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert not codes.requires_grad
    loss = family.generator.synthesis(codes.requires_grad_()).square().mean()
    loss.backward()
    assert codes.grad is not None


class Recorder(nn.Module):
    """A recogniser that keeps what it was given."""

    input_size = 94

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return torch.ones(len(x), 512)


def test_recognisers_see_the_inner_face() -> None:
    network = Recorder()
    face = crops(1, 256)
    Recogniser("seen", network, 1.0).embed(face)
    expected = face[:, 35:223, 32:220].permute(0, 3, 1, 2) * 2 - 1
    small = torch.nn.functional.interpolate(expected, size=(94, 94), mode="bilinear", antialias=True)
    torch.testing.assert_close(network.seen[0], small)
    Recogniser("seen", network, 1.0).embed(crops(20, 128))
    assert [len(batch) for batch in network.seen[1:]] == [8, 8, 4]
    torch.testing.assert_close(network.seen[1][0], crops(20, 128)[0, 18:112, 16:110].permute(2, 0, 1) * 2 - 1)


def test_a_network_may_ask_for_its_own_window() -> None:
    network = Recorder()
    network.window = ((68, 238), (43, 213))
    face = crops(1, 256)
    network.input_size = 170
    torch.testing.assert_close(
        Recogniser("seen", network, 1.0).view(face.permute(0, 3, 1, 2))[0],
        face[0, 68:238, 43:213].permute(2, 0, 1) * 2 - 1,
    )


def test_facenet_sees_its_own_range() -> None:
    """Its public code gives it (byte - 127.5) / 128, where others take byte / 127.5 - 1."""
    network = KINDS["facenet"].build(InceptionResnetConfig(blocks=(1, 1, 1)))
    white = Recogniser("facenet", network, 1.0).view(torch.ones(1, 3, 256, 256))
    torch.testing.assert_close(white, torch.full((1, 3, 160, 160), (255 - 127.5) / 128))


def test_random_identities_follow_their_generator(family: Family) -> None:
    first = family.random_w(3, torch.Generator().manual_seed(1))
    assert first.shape == (3, 8, 512)
    assert torch.equal(first[:, 0], first[:, 7])
    assert torch.equal(first, family.random_w(3, torch.Generator().manual_seed(1)))
    assert not torch.allclose(first, family.random_w(3, torch.Generator().manual_seed(2)))
    near = family.random_w(3, torch.Generator().manual_seed(1), truncation=0.5)
    mean = family.generator.w_mean
    torch.testing.assert_close(near - mean, (first - mean) / 2)


def test_precision_is_the_callers_choice(models: Path, family: Family) -> None:
    half = load_family("tiny", dtype=torch.bfloat16)
    faces = crops(2, 32)
    codes = half.encode(faces)
    assert codes.dtype == torch.float32
    torch.testing.assert_close(codes, family.encode(faces), rtol=0.1, atol=0.1)
    assert half.decode(codes).dtype == torch.float32


BAD_CROPS = {
    "a picture": torch.rand(32, 32, 3),
    "planes first": torch.rand(1, 3, 32, 32),
    "not square": torch.rand(1, 32, 40, 3),
    "bytes": torch.zeros(1, 32, 32, 3, dtype=torch.uint8),
    "none": torch.rand(0, 32, 32, 3),
    "tiny": torch.rand(1, 8, 8, 3),
    "NaN": torch.full((1, 32, 32, 3), float("nan")),
    "no tensor": [[1.0]],
}


@pytest.mark.parametrize("what", sorted(BAD_CROPS))
def test_other_inputs_are_refused(family: Family, what: str) -> None:
    for call in (family.encode, family.parse, family.attribute_confidences, family.judge.embed):
        with pytest.raises(InputError):
            call(BAD_CROPS[what])


def test_wrong_codes_and_labels_are_refused(family: Family) -> None:
    for codes in (torch.rand(8, 512), torch.rand(1, 7, 512), torch.full((1, 8, 512), float("inf")), "w"):
        with pytest.raises(InputError):
            family.decode(codes)
    for labels in (
        torch.rand(1, 8, 8),
        torch.full((1, 8, 8), 19),
        torch.full((1, 8, 8), -1),
        torch.zeros(8, 8).long(),
    ):
        with pytest.raises(InputError):
            family.encode_labels(labels)


def test_nan_results_do_not_pass(family: Family) -> None:
    next(family.encoder.parameters()).fill_(float("nan"))
    with pytest.raises(StyleIDError, match="encoder returned NaN"):
        family.encode(crops(1, 32))


def test_absent_parts_say_what_to_do(models: Path) -> None:
    bare = load_family("bare")
    with pytest.raises(WeightsError, match="'bare' has no parser"):
        bare.parse(crops(1, 32))
    with pytest.raises(WeightsError, match="no segmentation encoder"):
        bare.encode_labels(torch.zeros(1, 8, 8, dtype=torch.int64))
    with pytest.raises(WeightsError, match="no attributes"):
        bare.attribute_confidences(crops(1, 32))


def test_unknown_families_and_devices_are_refused(models: Path) -> None:
    with pytest.raises(WeightsError, match=r"known are .*tiny"):
        load_family("none-such")
    with pytest.raises(InputError, match="device"):
        load_family("tiny", device="toaster")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no CUDA device"):
            load_family("tiny", device="cuda")


def test_reprs_show_no_weights_and_no_paths(family: Family) -> None:
    assert repr(family) == "Family('tiny', device='cpu', dtype=torch.float32)"
    assert repr(family.judge) == "Recogniser('tiny-judge', threshold=1.25)"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_results(models: Path, family: Family) -> None:
    there = load_family("tiny", device="cuda")
    faces = crops(3, 64)
    codes = there.encode(faces)
    assert codes.device.type == "cpu"
    torch.testing.assert_close(codes, family.encode(faces), rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(there.decode(codes), family.decode(codes), rtol=1e-2, atol=1e-2)
