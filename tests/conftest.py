"""Fixtures for all tests: tiny random networks of the real classes, and the pack loaded as ComfyUI loads it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from styleid.faces import Face
from styleid.family import Family, Recogniser
from styleid.latent import Ranking
from styleid.networks.detector import DetectorConfig, FaceDetector
from styleid.networks.heads import AttributeConfig, AttributeNet, LandmarkConfig, LandmarkNet
from styleid.networks.irse import IRSE, IRSEConfig
from styleid.networks.mobilefacenet import MobileFaceNet, MobileFaceNetConfig
from styleid.networks.psp import EncoderConfig, build_encoder
from styleid.networks.stylegan2 import Generator, GeneratorConfig
from styleid.networks.unet import ParserConfig, UNetParser
from styleid.pipeline import face as pipeline_face

ROOT = Path(__file__).resolve().parents[1]
UNITS, WIDTHS = (1, 1, 1, 1), (16, 16, 16, 32)


class _RootIsNoTestPackage:
    """The checkout's root is a package for ComfyUI only; collecting it as one would import it under the folder's name."""

    @pytest.hookimpl
    def pytest_collect_directory(self, path, parent):
        return pytest.Dir.from_parent(parent, path=path) if path == ROOT else None


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_RootIsNoTestPackage(), "styleid-root")


@pytest.fixture(scope="session")
def _networks() -> Family:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = 8  # of a 32-pixel generator
        body = {"units": UNITS, "widths": WIDTHS, "input_size": 32}
        family = Family(
            name="tiny",
            generator=Generator(GeneratorConfig(size=32, channels=(16, 16, 12, 8), mapping_layers=2)),
            encoder=build_encoder(EncoderConfig(layers=layers, pool=2, hidden=32, **body)),
            seg_encoder=build_encoder(EncoderConfig(layers=layers, input_nc=19, pool=2, hidden=32, **body)),
            recogniser=Recogniser("tuner", IRSE(IRSEConfig(**body)), 0.2),
            judge=Recogniser(
                "judge", MobileFaceNet(MobileFaceNetConfig(width=0.25, blocks=(1, 1, 1), input_size=32)), 0.2
            ),
            parser=UNetParser(ParserConfig(widths=(8, 8, 8), input_size=32, feature_size=32)),
            attributes=AttributeNet(AttributeConfig(names=("Male", "Smiling", "Young"), hidden=16, **body)),
            landmarks=LandmarkNet(LandmarkConfig(hidden=16, **body)),
            detector=FaceDetector(DetectorConfig(widths=(8, 8, 8, 8))),
            ranking=Ranking(
                (2, 3), torch.rand(3, layers), torch.rand(layers, 8), 64, {"estimator": "made up"}
            ),
        )
        pictures = torch.rand(32, 3, 4, 4)
        pictures = torch.nn.functional.interpolate(pictures, size=(32, 32), mode="bilinear")
        for network in (family.encoder, family.recogniser.network, family.judge.network):
            _calibrate(network, pictures * 2 - 1)
        for network in (family.attributes, family.landmarks, family.detector):
            _calibrate(network, pictures * 2 - 1)
        _calibrate(family.parser, pictures)
        _calibrate(family.seg_encoder, torch.rand(32, 19, 32, 32))
        family.generator.eval().requires_grad_(False)
    return family


def _calibrate(network: nn.Module, batch: torch.Tensor) -> None:
    """Set the normalisation layers by one batch: without it random networks see the same in every picture."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0
    network.train()(batch)
    network.eval().requires_grad_(False)


@pytest.fixture
def tiny_family(_networks: Family) -> Family:
    """A family of tiny random networks of the real classes; its recognisers call only (nearly) equal pixels one person."""
    return replace(_networks)


@pytest.fixture
def small_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline cuts crops of 96 pixels instead of 256: the same steps, several times faster."""
    monkeypatch.setattr(pipeline_face, "_SMALLEST_CROP", 96)


@pytest.fixture
def make_face() -> Callable[..., Face]:
    """make_face(x, y, size): an upright face whose box is centred there, with landmarks where a real face has them."""

    def make(x: float, y: float, size: float, detector: str = "test") -> Face:
        points = np.array(
            [[-0.2, -0.1], [0.2, -0.1], [0.0, 0.1], [-0.16, 0.28], [0.16, 0.28]], dtype=np.float32
        )
        half = size / 2
        return Face(
            (x - half, y - half, x + half, y + half), points * size + np.float32([x, y]), 0.99, detector
        )

    return make


@pytest.fixture
def photograph() -> Callable[..., torch.Tensor]:
    """photograph(height, width, seed): IMAGE [H, W, 3], smooth random blobs at 8-bit steps, and so different everywhere."""

    def make(height: int = 160, width: int = 240, seed: int = 0) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        image = torch.zeros(1, 3, height, width)
        for cells, weight in ((5, 0.5), (20, 0.35), (60, 0.15)):
            noise = torch.rand(1, 3, cells, cells, generator=generator)
            image += weight * torch.nn.functional.interpolate(noise, size=(height, width), mode="bilinear")
        return (image[0].permute(1, 2, 0) * 255).round().contiguous() / 255

    return make


@pytest.fixture(scope="session")
def load_pack() -> Callable[[], ModuleType]:
    """load_pack(): the whole pack, imported the way ComfyUI imports a custom node, whatever its folder is called."""

    def load() -> ModuleType:
        name = "custom_nodes_styleid_under_test"
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(
                name, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
            )
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                raise
        return sys.modules[name]

    return load
