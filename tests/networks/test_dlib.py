"""dlib's recogniser: read from its own file, it gives dlib's own embeddings."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleid.errors import WeightsError
from styleid.networks import load_network

KIND = "dlib-resnet"
PUBLISHED = "models/dlib_face_recognition_resnet_model_v1.dat"
STEM = 32
UNITS = [(32, 32, 1)] * 3 + [(32, 64, 2)] + [(64, 64, 1)] * 3 + [(64, 128, 2)] + [(128, 128, 1)] * 2
UNITS += [(128, 256, 2)] + [(256, 256, 1)] * 2 + [(256, 256, 2)]  # inputs, outputs, stride
MEAN = torch.tensor([122.782, 117.001, 104.298]).view(3, 1, 1)
START = b"\x01\x01\x01\x0dloss_metric_2"
MOST_SIZES = 4


def integer(value: int) -> bytes:
    count = (value.bit_length() + 7) // 8
    return struct.pack("B", count) + value.to_bytes(count, "little")


def serialised(x: Tensor) -> bytes:
    """A tensor as dlib writes it: version 2, four sizes, float32."""
    sizes = [*x.shape, *[1] * (MOST_SIZES - x.ndim)]
    return b"".join(map(integer, (2, *sizes))) + x.numpy().astype("<f4").tobytes()


class Layers:
    """Random convolutions and affine layers, run as dlib runs them and written as dlib writes them."""

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(3)
        self.tensors: list[Tensor] = []
        shapes = [(3, STEM, 7)]
        for inputs, outputs, _ in UNITS:
            shapes += [(inputs, outputs, 3), (outputs, outputs, 3)]
        for inputs, outputs, side in shapes:
            weights = torch.randn(outputs * inputs * side**2, generator=rng) * (2 / inputs / side**2) ** 0.5
            bias = 0.1 * torch.randn(outputs, generator=rng)
            affine = torch.rand(2, outputs, generator=rng) * 0.5 + torch.tensor([[0.7], [-0.2]])
            self.tensors += [torch.cat([weights, bias]), affine.flatten()]
        self.tensors.append(torch.randn(UNITS[-1][1], 128, generator=rng))

    def write(self, path: Path) -> Path:
        path.write_bytes(START + b"between".join(map(serialised, self.tensors)))
        return path

    def embed(self, pixels: Tensor) -> Tensor:
        """Of bytes [N, 3, 150, 150], not normalised."""
        left = iter(self.tensors)

        def conv(x: Tensor, outputs: int, side: int, stride: int) -> Tensor:
            own, affine = next(left), next(left)
            weight = own[:-outputs].view(outputs, x.shape[1], side, side)
            x = F.conv2d(x, weight, own[-outputs:], stride, 0 if stride == 2 else side // 2)
            return affine[:outputs].view(-1, 1, 1) * x + affine[outputs:].view(-1, 1, 1)

        x = F.max_pool2d(conv((pixels - MEAN) / 256, STEM, 7, 2).relu(), 3, 2)
        for _, outputs, stride in UNITS:
            y = conv(conv(x, outputs, 3, stride).relu(), outputs, 3, 1)
            x = F.avg_pool2d(x, stride)
            height, width = (max(sides) for sides in zip(x.shape[2:], y.shape[2:], strict=True))
            whole = torch.zeros(len(x), outputs, height, width)
            for part in (x, y):
                whole[:, : part.shape[1], : part.shape[2], : part.shape[3]] += part
            x = whole.relu()
        return x.mean((2, 3)) @ next(left)


@pytest.fixture(scope="module")
def layers() -> Layers:
    return Layers()


def test_its_file_gives_the_network_it_describes(layers: Layers, tmp_path: Path) -> None:
    network = load_network(layers.write(tmp_path / "any.dat"), KIND)
    pixels = (255 * torch.rand(2, 3, 150, 150, generator=torch.Generator().manual_seed(1))).round()
    expected = F.normalize(layers.embed(pixels))
    assert (expected[0] - expected[1]).norm() > 1e-3, "a reference that does not see its input proves nothing"
    torch.testing.assert_close(network(pixels / 127.5 - 1), expected, rtol=1e-4, atol=1e-5)


def test_other_and_broken_files_are_refused(layers: Layers, tmp_path: Path) -> None:
    path = layers.write(tmp_path / "broken.dat")
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-1], whole[1:], START, b"text"):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="dlib's face recogniser"):
            load_network(path, KIND)
    path.write_bytes(
        whole.replace(layers.tensors[0].numpy()[:4].tobytes(), struct.pack("<4f", *[np.nan] * 4))
    )
    with pytest.raises(WeightsError):
        load_network(path, KIND)


def test_it_is_dlibs() -> None:
    """On noise and on a gradient: every byte counts, whether a face or not."""
    dlib = pytest.importorskip("dlib", reason="pip install dlib-bin face-recognition-models")
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or package.origin is None:
        pytest.skip("pip install face-recognition-models")
    path = Path(package.origin).parent / PUBLISHED
    rng = np.random.default_rng(2)
    ramp = np.broadcast_to(np.arange(150)[:, None, None], (150, 150, 3))
    pictures = [rng.integers(0, 256, (150, 150, 3), dtype=np.uint8), np.ascontiguousarray(ramp, np.uint8)]
    theirs = dlib.face_recognition_model_v1(str(path))
    expected = torch.tensor(np.array([theirs.compute_face_descriptor(x) for x in pictures])).float()
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(
        load_network(path, KIND)(pixels / 127.5 - 1), F.normalize(expected), rtol=1e-3, atol=1e-4
    )
