"""MTCNN (Zhang et al. 2016) in PyTorch, on the weights that the `mtcnn` package carries in its wheel (MIT).

The package itself needs TensorFlow to run and is never imported; its three files are checked by hash and read as raw
numbers, nothing is unpickled.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..errors import WeightsError

# (sha256, array shapes in the file's order): mtcnn 1.0.0.
_FILES = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
# Convolutions as (in, out, kernel, pooling behind it); then the fully connected trunk and the heads' widths.
_CONVOLUTIONS = {
    "pnet": ((3, 10, 3, 2), (10, 16, 3, 0), (16, 32, 3, 0)),
    "rnet": ((3, 28, 3, 3), (28, 48, 3, 3), (48, 64, 2, 0)),
    "onet": ((3, 32, 3, 3), (32, 64, 3, 3), (64, 64, 3, 2), (64, 128, 2, 0)),
}
_DENSE = {"pnet": None, "rnet": (576, 128), "onet": (1152, 256)}
_HEADS = {"pnet": (4, 2), "rnet": (4, 2), "onet": (4, 10, 2)}
# What follows an array in the files: the end of its description, then a count of padding bytes and the padding.
_ARRAY_MARK = b"K\x10ub"

_PNET_THRESHOLD, _RNET_THRESHOLD = 0.6, 0.7
_CELL, _STRIDE = 12, 2
_PYRAMID_STEP = 0.709
_MOST_PROPOSALS = 600


class _Stage(nn.Module):
    """One of the three networks: convolutions with PReLU, an optional dense layer, linear heads."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        plan = _CONVOLUTIONS[kind]
        self.pools = [pool for *_, pool in plan]
        self.convs = nn.ModuleList(nn.Conv2d(i, o, k) for i, o, k, _ in plan)
        self.slopes = nn.ParameterList(nn.Parameter(torch.zeros(o)) for _, o, _, _ in plan)
        dense = _DENSE[kind]
        self.dense = nn.Linear(*dense) if dense else None
        self.dense_slope = nn.Parameter(torch.zeros(dense[1])) if dense else None
        width = dense[1] if dense else plan[-1][1]
        self.heads = nn.ModuleList(
            nn.Linear(width, n) if dense else nn.Conv2d(width, n, 1) for n in _HEADS[kind]
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Image windows [N, 3, H, W] in [-1, 1] -> box offsets (4), landmarks (10, last stage only), logits (2)."""
        for conv, slope, pool in zip(self.convs, self.slopes, self.pools, strict=True):
            x = F.prelu(conv(x), slope)
            if pool:
                x = F.max_pool2d(x, pool, 2, ceil_mode=True)
        if self.dense is not None:
            x = x.permute(0, 3, 2, 1).flatten(1)  # The weights count columns first.
            x = F.prelu(self.dense(x), self.dense_slope)
        return tuple(head(x) for head in self.heads)

    def load(self, arrays: list[np.ndarray]) -> None:
        """Fills the parameters in the files' order: weight, bias, slope per layer, then weight, bias per head."""
        layers = list(zip(self.convs, self.slopes, strict=True))
        layers += [(self.dense, self.dense_slope)] if self.dense is not None else []
        slots = [slot for layer, slope in layers for slot in (layer.weight, layer.bias, slope)]
        slots += [slot for head in self.heads for slot in (head.weight, head.bias)]
        with torch.no_grad():
            for slot, array in zip(slots, arrays, strict=True):
                slot.copy_(torch.from_numpy(array.copy()))
        self.eval().requires_grad_(False)


class Mtcnn(nn.Module):
    """The cascade: proposals on an image pyramid, two rounds of refinement, five landmarks."""

    def __init__(self) -> None:
        super().__init__()
        self.pnet, self.rnet, self.onet = (_Stage(kind) for kind in _FILES)

    @torch.inference_mode()
    def detect(
        self, image: torch.Tensor, *, min_size: float, threshold: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Faces of an upright picture [3, H, W] in 0..1: boxes [N, 4], scores [N], landmarks [N, 5, 2] in pixels.

        min_size: shorter side of the smallest box, in pixels. threshold: lowest score kept, 0..1.
        """
        image = image.float() * 2 - 1
        boxes = self._propose(image, min_size)
        if not len(boxes):
            return np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2))
        offsets, logits = self.rnet(_windows(image, boxes, 24))
        scores = logits.softmax(1)[:, 1]
        keep = scores > _RNET_THRESHOLD
        boxes, scores = _squared(_moved(boxes, offsets)[keep]), scores[keep]
        boxes = boxes[suppress(boxes, scores, 0.7)]
        if not len(boxes):
            return np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2))
        offsets, marks, logits = self.onet(_windows(image, boxes, 48))
        scores = logits.softmax(1)[:, 1]
        points = _points(marks) * (boxes[:, 2:] - boxes[:, :2])[:, None] + boxes[:, None, :2]
        boxes = _moved(boxes, offsets)
        keep = scores > threshold
        boxes, scores, points = boxes[keep], scores[keep], points[keep]
        order = suppress(boxes, scores, 0.6, by_smaller=True)
        return boxes[order].double().numpy(), scores[order].double().numpy(), points[order].double().numpy()

    @torch.inference_mode()
    def judge(self, windows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The last stage alone: windows [N, 3, 48, 48] in [-1, 1] -> scores [N], landmarks [N, 5, 2] in 0..1."""
        _, marks, logits = self.onet(windows)
        return logits.softmax(1)[:, 1], _points(marks)

    def _propose(self, image: torch.Tensor, min_size: float) -> torch.Tensor:
        """Square windows [N, 4] that might be faces."""
        scale, shorter, found = _CELL / min_size, min(image.shape[1:]), []
        while shorter * scale >= _CELL:
            shape = [max(_CELL, round(n * scale)) for n in image.shape[1:]]
            small = F.interpolate(image[None], size=shape, mode="area" if scale < 1 else "bilinear")
            offsets, logits = self.pnet(small)
            score = logits.softmax(1)[0, 1]  # [h, w]
            rows, columns = torch.nonzero(score > _PNET_THRESHOLD, as_tuple=True)
            corner = torch.stack([columns, rows], 1) * _STRIDE
            boxes = torch.cat([corner, corner + _CELL], 1).float() / scale
            boxes = torch.cat([boxes, offsets[0, :, rows, columns].T, score[rows, columns][:, None]], 1)
            found.append(boxes[suppress(boxes[:, :4], boxes[:, 8], 0.5)])
            scale *= _PYRAMID_STEP
        if not found:
            return image.new_zeros(0, 4)
        proposals = torch.cat(found)
        order = suppress(proposals[:, :4], proposals[:, 8], 0.7)[:_MOST_PROPOSALS]
        proposals = proposals[order]
        return _squared(_moved(proposals[:, :4], proposals[:, 4:8]))


@functools.lru_cache(maxsize=1)
def load_mtcnn() -> Mtcnn | None:
    """The cascade, or None where the `mtcnn` package (or its `lz4`) is not installed.

    Raises WeightsError when the package's files are not the known ones.
    """
    spec = importlib.util.find_spec("mtcnn")
    if spec is None or spec.origin is None or importlib.util.find_spec("lz4") is None:
        return None
    folder = Path(spec.origin).parent / "assets" / "weights"
    network = Mtcnn()
    for kind, stage in zip(_FILES, (network.pnet, network.rnet, network.onet), strict=True):
        stage.load(_read_arrays(folder / f"{kind}.lz4", kind))
    return network.eval()


def _read_arrays(path: Path, kind: str) -> list[np.ndarray]:
    """The arrays of one weight file in PyTorch's layout."""
    import lz4.frame

    packed = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(packed).hexdigest() != _FILES[kind]:
        raise WeightsError(
            f"The installed mtcnn package's {path.name} is not the file of mtcnn 1.0.0. Install mtcnn==1.0.0."
        )
    data, position, arrays = lz4.frame.decompress(packed), 0, []
    for shape in _shapes(kind):
        position = data.index(_ARRAY_MARK, position) + len(_ARRAY_MARK)
        position += 1 + data[position]
        count = int(np.prod(shape))
        values = np.frombuffer(data, "<f4", count, position).reshape(shape)
        position += 4 * count
        arrays.append(_to_torch_layout(values))
    return arrays


def _shapes(kind: str) -> list[tuple[int, ...]]:
    """Shapes in the file: kernels [k, k, in, out], dense matrices [in, out]."""
    shapes: list[tuple[int, ...]] = []
    for inputs, outputs, kernel, _ in _CONVOLUTIONS[kind]:
        shapes += [(kernel, kernel, inputs, outputs), (outputs,), (1, 1, outputs)]
    dense, width = _DENSE[kind], _CONVOLUTIONS[kind][-1][1]
    if dense:
        shapes += [dense, dense[1:], dense[1:]]
    for outputs in _HEADS[kind]:
        shapes += [(dense[1], outputs) if dense else (1, 1, width, outputs), (outputs,)]
    return shapes


def _to_torch_layout(values: np.ndarray) -> np.ndarray:
    if values.ndim == 4:
        return values.transpose(3, 2, 0, 1)
    return values.T if values.ndim == 2 else values.reshape(-1)


def _points(marks: torch.Tensor) -> torch.Tensor:
    """Landmarks [N, 10], all x then all y -> [N, 5, 2]."""
    return torch.stack([marks[:, :5], marks[:, 5:]], dim=-1)


def _moved(boxes: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Boxes [N, 4] moved by offsets [N, 4] in units of their own size."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + offsets * torch.cat([size, size], 1)


def _squared(boxes: torch.Tensor) -> torch.Tensor:
    """The squares around boxes [N, 4] with the same centres."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).amax(1, keepdim=True) / 2
    return torch.cat([centre - half, centre + half], 1)


def _windows(image: torch.Tensor, boxes: torch.Tensor, size: int) -> torch.Tensor:
    """Boxes [N, 4] of a picture [3, H, W] resampled to [N, 3, size, size]; black outside, antialiased."""
    height, width = image.shape[1:]
    out = image.new_full((len(boxes), 3, size, size), -1.0)
    for n, (x0, y0, x1, y1) in enumerate(boxes.round().int().tolist()):
        left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        if right - left < 2 or bottom - top < 2:
            continue
        window = image[:, top:bottom, left:right]
        window = F.pad(window, (left - x0, x1 - right, top - y0, y1 - bottom), value=-1.0)
        out[n] = F.interpolate(
            window[None], size=(size, size), mode="area" if window.shape[1] > size else "bilinear"
        )[0]
    return out


def suppress(
    boxes: torch.Tensor, scores: torch.Tensor, limit: float, by_smaller: bool = False
) -> torch.Tensor:
    """Non-maximum suppression: indices of the boxes [N, 4] kept, best first."""
    order = scores.argsort(descending=True, stable=True)[: 4 * _MOST_PROPOSALS]
    boxes = boxes[order]
    area = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)
    overlap = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - torch.maximum(
        boxes[:, None, :2], boxes[None, :, :2]
    )
    shared = overlap.clamp(min=0).prod(2)
    whole = torch.minimum(area[:, None], area[None]) if by_smaller else area[:, None] + area[None] - shared
    covers = (shared / whole.clamp(min=1e-6) > limit).numpy()
    kept, gone = [], np.zeros(len(order), dtype=bool)
    for n in range(len(order)):
        if not gone[n]:
            kept.append(n)
            gone |= covers[n]
    return order[torch.tensor(kept, dtype=torch.long)]
