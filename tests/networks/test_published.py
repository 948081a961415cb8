"""Published recognisers, parsers and attribute nets: public names and shapes are read; anything else is refused."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from styleid.errors import WeightsError
from styleid.networks import KINDS, load_network, read_weights, write_network
from styleid.networks.bisenet import BiSeNetConfig
from styleid.networks.inception_resnet import InceptionResnetConfig
from styleid.networks.irse import IRSEConfig
from styleid.networks.kinds import build_network
from styleid.networks.mobilenet40 import CELEBA_NAMES, MobileNet40Config
from styleid.networks.parsenet import ParseNetConfig
from styleid.networks.segformer import SegFormerConfig
from styleid.networks.unet_styleid import StyleIDUNetConfig

WIDTHS = (16, 32, 48, 64)
CONFIGS = {
    "ir-se50": IRSEConfig(widths=WIDTHS, input_size=32),
    "curricularface": IRSEConfig(
        units=(3, 13, 30, 3), widths=WIDTHS, input_size=32, block="ir", last_norm="plain"
    ),
    "iresnet": IRSEConfig(units=(2, 2, 2, 2), widths=WIDTHS, input_size=32, block="ir-norm", shortcut="conv"),
    "facenet": InceptionResnetConfig(),
    "celeba40": MobileNet40Config(),
    "bisenet": BiSeNetConfig(),
    "parsenet": ParseNetConfig(),
    "styleid-unet": StyleIDUNetConfig(),
}
PARSERS = ("bisenet", "parsenet", "styleid-unet")
SIDES = {"facenet": 96, "celeba40": 256, "bisenet": 64, "parsenet": 64, "styleid-unet": 32}


@cache
def network(kind: str) -> nn.Module:
    """Random weights, with statistics that are not those of a fresh network."""
    torch.manual_seed(11)
    built = KINDS[kind].network(CONFIGS[kind])
    for layer in built.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
            if layer.affine:
                nn.init.uniform_(layer.weight, 0.5, 1.5)
                nn.init.normal_(layer.bias, 0, 0.1)
    return built.eval().requires_grad_(False)


def picture(kind: str, batch: int = 2) -> Tensor:
    side = SIDES.get(kind, 32)
    x = torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(4))
    return x if kind in PARSERS else x * 2 - 1


OFFICIAL = [
    "background",
    "skin",
    "nose",
    "eyeglasses",
    "l_eye",
    "r_eye",
    "l_brow",
    "r_brow",
    "l_ear",
    "r_ear",
    "mouth",
    "u_lip",
    "l_lip",
    "hair",
    "hat",
    "earring",
    "necklace",
    "neck",
    "cloth",
]
ZLLRUNNING = [
    "background",
    "skin",
    "l_brow",
    "r_brow",
    "l_eye",
    "r_eye",
    "eyeglasses",
    "l_ear",
    "r_ear",
    "earring",
    "nose",
    "mouth",
    "u_lip",
    "l_lip",
    "neck",
    "necklace",
    "cloth",
    "hair",
    "hat",
]


def public_state(kind: str) -> dict[str, Tensor]:
    """The tensors of ``network(kind)`` as the public code names and orders them."""
    state = dict(network(kind).state_dict())
    if kind == "bisenet":
        for name in [name for name in state if re.fullmatch(r"conv_out\d*\.conv_out\.weight", name)]:
            state[name] = torch.stack([state[name][OFFICIAL.index(part)] for part in ZLLRUNNING])
    if kind == "parsenet":
        state = {name.replace(".norm.", ".norm.norm."): x for name, x in state.items()}
    if kind == "iresnet":
        state = {insightface_name(name): x for name, x in state.items()}
    if kind == "facenet":
        state |= {"logits.weight": torch.zeros(8, 512), "logits.bias": torch.zeros(8)}
    return state


def insightface_name(name: str) -> str:
    whole = {"input_layer.0": "conv1", "input_layer.1": "bn1", "input_layer.2": "prelu"}
    whole |= {"output_layer.0": "bn2", "output_layer.3": "fc", "output_layer.4": "features"}
    parts = {"shortcut_layer.0": "downsample.0", "shortcut_layer.1": "downsample.1"}
    parts |= {
        f"res_layer.{i}": part for i, part in enumerate(["bn1", "conv1", "bn2", "prelu", "conv2", "bn3"])
    }
    module, _, leaf = name.rpartition(".")
    if (found := re.fullmatch(r"body\.(\d+)\.(.+)", module)) is None:
        return f"{whole[module]}.{leaf}"
    stage, index = divmod(int(found[1]), 2)
    return f"layer{stage + 1}.{index}.{parts[found[2]]}.{leaf}"


def saved(kind: str, folder: Path, change: Callable[[dict], object] = dict) -> Path:
    state = change(public_state(kind))
    path = folder / f"{kind}.pth"
    torch.save({"model_state_dict": state, "epoch": 2} if kind == "celeba40" else state, path)
    return path


@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_public_files_give_the_network_they_were_saved_from(kind: str, tmp_path: Path) -> None:
    """Classes are in official order and normalisations are folded; both are seen in the numbers only."""
    loaded, x = load_network(saved(kind, tmp_path), kind), picture(kind)
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    expected = network(kind)(x)
    torch.testing.assert_close(loaded(x), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(loaded(x[:1]), expected[:1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_conversion_to_safetensors_keeps_the_numbers(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    write_network(read_weights(saved(kind, tmp_path), kind), path, kind, dtype=torch.float32)
    x = picture(kind)
    torch.testing.assert_close(load_network(path, kind)(x), network(kind)(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["ir-se50", "iresnet", "facenet"])
def test_recognisers_normalise_and_pass_gradients(kind: str, tmp_path: Path) -> None:
    x = picture(kind).requires_grad_()
    embedding = load_network(saved(kind, tmp_path), kind)(x)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))
    embedding[:, 0].sum().backward()
    assert x.grad.abs().sum() > 0


def test_attributes_are_confidences_with_celeba_names(tmp_path: Path) -> None:
    loaded = load_network(saved("celeba40", tmp_path), "celeba40")
    found = loaded(picture("celeba40"))
    assert found.shape == (2, 40) and found.min() >= 0 and found.max() <= 1
    assert loaded.names == CELEBA_NAMES
    assert (loaded.names[20], loaded.names[31], loaded.names[39]) == ("Male", "Smiling", "Young")


def test_the_attribute_net_averages_seven_of_eight_positions(tmp_path: Path) -> None:
    """Public code pools 7 x 7 where the map has 8 x 8: one position in the corner changes nothing."""
    loaded = load_network(saved("celeba40", tmp_path), "celeba40")
    maps = loaded.features(picture("celeba40", 1))
    pooled = loaded.fc(F.avg_pool2d(maps, 7).flatten(1)).sigmoid()
    torch.testing.assert_close(loaded(picture("celeba40", 1)), pooled)


@pytest.mark.parametrize("kind", ["ir-se50", "bisenet"])
def test_prefixes_and_missing_counters_of_old_files_are_accepted(kind: str, tmp_path: Path) -> None:
    def old(state: dict) -> dict:
        return {f"module.{name}": x for name, x in state.items() if "num_batches" not in name}

    x = picture(kind)
    found = load_network(saved(kind, tmp_path, old), kind)(x)
    torch.testing.assert_close(found, network(kind)(x), rtol=1e-4, atol=1e-4)


def test_insightface_training_checkpoints_hold_the_backbone(tmp_path: Path) -> None:
    path = saved("iresnet", tmp_path, lambda state: {"epoch": 3, "state_dict_backbone": state})
    assert load_network(path, "iresnet").config == CONFIGS["iresnet"]


@pytest.mark.parametrize("prefix", ["model.net.", "net.", ""])
def test_adaface_reads_cvlface_safetensors(prefix: str, tmp_path: Path) -> None:
    config = IRSEConfig(
        units=(3, 13, 30, 3), widths=WIDTHS, input_size=32, block="ir-norm", last_norm="plain"
    )
    torch.manual_seed(0)
    built = KINDS["adaface"].network(config).eval()
    path = tmp_path / "model.safetensors"
    save_file({prefix + name: x for name, x in built.state_dict().items()}, path)
    x = picture("adaface")
    torch.testing.assert_close(load_network(path, "adaface")(x), built(x), rtol=1e-4, atol=1e-4)
    own = tmp_path / "own.safetensors"
    write_network(built, own, "adaface")
    assert load_network(own, "adaface").config == config


@pytest.fixture(scope="module")
def segformer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module]:
    """A container written by transformers itself, under the names of published files, and the network in it."""
    transformers = pytest.importorskip("transformers", reason="SegFormer parsers need transformers")
    torch.manual_seed(0)
    settings = transformers.SegformerConfig(
        depths=[1, 1, 2, 1], hidden_sizes=[8, 16, 40, 64], decoder_hidden_size=32, num_labels=19
    )
    published = transformers.SegformerForSemanticSegmentation(settings).eval().requires_grad_(False)
    for x in published.parameters():
        x.normal_(0, 0.3)
    published.decode_head.batch_norm.running_mean.normal_(0, 0.1)
    published.decode_head.batch_norm.running_var.uniform_(0.5, 1.5)
    folder = tmp_path_factory.mktemp("segformer")
    published.save_pretrained(folder)
    path = folder / "model.safetensors"
    assert "segformer.encoder.patch_embeddings.0.proj.weight" in load_file(path)
    return path, published


def test_segformer_reads_the_container_of_transformers(segformer, tmp_path: Path) -> None:
    path, published = segformer
    x = torch.rand(2, 3, 64, 96)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    logits = published(pixel_values=(x - mean) / std).logits
    expected = F.interpolate(logits, size=(64, 96), mode="bilinear")
    assert logits.shape == (2, 19, 16, 24) and logits.std() > 1e-3
    torch.testing.assert_close(load_network(path, "segformer")(x), expected, rtol=1e-4, atol=1e-4)
    own = tmp_path / "own.safetensors"
    write_network(read_weights(path, "segformer"), own, "segformer", dtype=torch.float32)
    loaded = load_network(own, "segformer")
    assert loaded.config == SegFormerConfig(units=(1, 1, 2, 1), widths=(8, 16, 40, 64), hidden=32)
    torch.testing.assert_close(loaded(x[:1]), expected[:1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segformer.encoder.block.0.0.mlp.dense1.weight": None}, "1 missing"),
        ({"surplus": torch.zeros(2)}, "1 unexpected"),
        ({"decode_head.linear_c.1.proj.weight": torch.zeros(2, 3)}, "1 mismatched"),
        ({"decode_head.linear_c.1.proj.bias": torch.full((32,), float("nan"))}, "NaN"),
        ({"decode_head.classifier.weight": torch.zeros(150, 32, 1, 1)}, "150 classes"),
        ({"segformer.encoder.patch_embeddings.2.proj.weight": torch.zeros(7, 16, 3, 3)}, "mismatched"),
        ({"decode_head.linear_fuse.weight": None}, "others"),
    ],
)  # fmt: skip
def test_damaged_segformers_are_refused(segformer, tmp_path: Path, change: dict, message: str) -> None:
    path = tmp_path / "model.safetensors"
    state = {**load_file(segformer[0]), **change}
    save_file({name: x for name, x in state.items() if x is not None}, path)
    with pytest.raises(WeightsError, match=message):
        load_network(path, "segformer")


def test_segformer_names_the_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(WeightsError, match="pip install transformers"):
        build_network("segformer", SegFormerConfig())


def first(state: dict) -> str:
    return next(name for name, x in state.items() if x.ndim == 4)


def with_nan(state: dict) -> dict:
    changed = state[first(state)].clone()
    changed.view(-1)[7] = float("nan")
    return {**state, first(state): changed}


DAMAGE = {
    "missing": lambda state: {name: x for name, x in state.items() if name != first(state)},
    "surplus": lambda state: {**state, "surplus.weight": torch.zeros(2)},
    "misshapen": lambda state: {**state, first(state): torch.zeros(2, 3)},
    "NaN": with_nan,
    "numbers": lambda state: {**state, first(state): 3},
    "a list": lambda state: list(state),
    "no tensors": lambda state: {},
    "another network": lambda state: {"weight": torch.zeros(3)},
}


@pytest.mark.parametrize("what", sorted(DAMAGE))
@pytest.mark.parametrize("kind", ["ir-se50", "iresnet", "celeba40", "bisenet"])
def test_damaged_states_are_refused(kind: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"^\S+\.pth: "):
        load_network(saved(kind, tmp_path, DAMAGE[what]), kind)


@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_files_of_another_kind_are_refused(kind: str, tmp_path: Path) -> None:
    path = saved(kind, tmp_path)
    for other in sorted(set(CONFIGS) - {kind}):
        with pytest.raises(WeightsError):
            load_network(path, other)


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_pickled_objects_do_not_run(suffix: str, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    path = tmp_path / f"trap{suffix}"
    torch.save({"input_layer.0.weight": Trap()}, path)
    for kind in CONFIGS:
        with pytest.raises(WeightsError):
            load_network(path, kind)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_truncated_files_are_refused(share: float, tmp_path: Path) -> None:
    path = saved("ir-se50", tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError):
        load_network(path, "ir-se50")
    other = tmp_path / "adaface.safetensors"
    save_file({"a": torch.zeros(500)}, other)
    with pytest.raises(WeightsError, match="others"):
        load_network(other, "adaface")
    other.write_bytes(other.read_bytes()[: int(share * other.stat().st_size)])
    with pytest.raises(WeightsError, match="cannot be read"):
        load_network(other, "adaface")
