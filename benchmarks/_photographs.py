"""Photographs that installed packages ship, with and without people, and variants of them with known faces."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import data, transform

# (x, y, side from brow to chin) of every face, in pixels of the photograph as shipped.
_FACES = {
    "astronaut": [(223, 127, 78)],
    "camera": [(239, 172, 66)],
    "grace hopper": [(268, 245, 175)],
    "tom hanks": [(52, 76, 84)],
    "t1": [
        (110, 347, 95), (318, 226, 86), (510, 358, 104), (784, 425, 80), (939, 153, 122), (1173, 352, 84),
    ],
}  # fmt: skip
_FACELESS = (
    "coffee", "chelsea", "rocket", "immunohistochemistry", "brick", "grass", "gravel", "page", "coins", "text",
    "clock", "hubble_deep_field", "retina", "moon", "horse", "cell", "microaneurysms", "colorwheel",
)  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """image: uint8 [H, W, 3]; faces: (x, y, side) in pixels; kind groups scenes in the table."""

    name: str
    kind: str
    image: np.ndarray
    faces: tuple[tuple[float, float, float], ...]


def _rgb(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype == bool:
        image = image.astype(np.uint8) * 255
    if image.ndim == 2:
        image = np.stack([image] * 3, -1)
    return np.ascontiguousarray(image[..., :3].astype(np.uint8))


def _shipped(package: str, path: str) -> np.ndarray | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None or not (Path(spec.origin).parent / path).is_file():
        return None
    return _rgb(np.asarray(Image.open(Path(spec.origin).parent / path).convert("RGB")))


def people() -> list[Scene]:
    """The photographs of people that are installed."""
    images = {
        "astronaut": _rgb(data.astronaut()),
        "camera": _rgb(data.camera()),
        "grace hopper": _shipped("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
        "tom hanks": _shipped("insightface", "data/images/Tom_Hanks_54745.png"),
        "t1": _shipped("insightface", "data/images/t1.jpg"),
    }
    return [Scene(n, "as shipped", i, tuple(_FACES[n])) for n, i in images.items() if i is not None]


def faceless() -> list[Scene]:
    """Photographs and textures without a human face."""
    images = {name: _rgb(getattr(data, name)()) for name in _FACELESS if hasattr(data, name)}
    left, _, _ = data.stereo_motorcycle()
    images["motorcycle"] = _rgb(left)
    for name in ("china.jpg", "flower.jpg"):
        found = _shipped("sklearn", f"datasets/images/{name}")
        if found is not None:
            images[name] = found
    return [Scene(name, "faceless", image, ()) for name, image in images.items()]


def turned_faceless() -> list[Scene]:
    """The faceless pictures, turned and enlarged: other windows of the same textures."""
    scenes = []
    for scene in faceless():
        height, width = scene.image.shape[:2]
        scenes.append(Scene(f"{scene.name} turned", "faceless turned", np.rot90(scene.image).copy(), ()))
        middle = scene.image[height // 4 : -(height // 4), width // 4 : -(width // 4)]
        large = transform.resize(
            middle, (middle.shape[0] * 2, middle.shape[1] * 2), order=3, preserve_range=True
        )
        scenes.append(Scene(f"{scene.name} x2", "faceless turned", _rgb(large.clip(0, 255)), ()))
    return scenes


def variants(scene: Scene, seed: int = 0) -> Iterator[Scene]:
    """The same photograph turned, scaled, darkened, blurred, noisy, compressed, mirrored, covered."""
    rng = np.random.default_rng(seed)
    image = scene.image.astype(np.float64)
    for angle in (15, 30, 45, 90, 120, 150, 180, 225, 270, 315):
        yield _turn(scene, angle)
    mirrored = tuple((image.shape[1] - 1 - x, y, s) for x, y, s in scene.faces)
    yield Scene(scene.name, "mirrored", scene.image[:, ::-1].copy(), mirrored)
    smallest = min(side for *_, side in scene.faces)
    for side in (40, 26, 18):
        yield _scale(scene, side / smallest, f"small ({side} px)")
    yield _scale(scene, 2.5, "enlarged 2.5x")
    yield Scene(scene.name, "dark", _rgb(255 * (image / 255) ** 2.5 * 0.5), scene.faces)
    yield Scene(scene.name, "bright", _rgb((image * 0.5 + 127).clip(0, 255)), scene.faces)
    noisy = _rgb((image + rng.normal(0, 30, image.shape)).clip(0, 255))
    yield Scene(scene.name, "noisy", noisy, scene.faces)
    blurred = ndimage.gaussian_filter(image, (smallest / 20, smallest / 20, 0))
    yield Scene(scene.name, "blurred", _rgb(blurred), scene.faces)
    packed = io.BytesIO()
    Image.fromarray(scene.image).save(packed, "JPEG", quality=8)
    yield Scene(scene.name, "JPEG quality 8", _rgb(np.asarray(Image.open(packed))), scene.faces)
    yield Scene(scene.name, "grey", _rgb(image.mean(-1)), scene.faces)
    for kind, top, bottom in (("eyes covered", -0.48, -0.12), ("mouth covered", 0.1, 0.55)):
        covered = scene.image.copy()
        for x, y, side in scene.faces:
            rows = slice(max(0, int(y + top * side)), max(0, int(y + bottom * side)))
            covered[rows, max(0, int(x - 0.55 * side)) : max(0, int(x + 0.55 * side))] = 40
        yield Scene(scene.name, kind, covered, scene.faces)
    yield from _cut(scene)


def _turn(scene: Scene, angle: float) -> Scene:
    height, width = scene.image.shape[:2]
    turned = transform.rotate(scene.image, -angle, resize=True, order=1, preserve_range=True)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    centre = np.array([width - 1, height - 1]) / 2
    moved = np.array([turned.shape[1] - 1, turned.shape[0] - 1]) / 2
    matrix = np.array([[cos, -sin], [sin, cos]])
    faces = tuple((*(matrix @ (np.array([x, y]) - centre) + moved), s) for x, y, s in scene.faces)
    return Scene(scene.name, f"turned {angle}", _rgb(turned), faces)


def _scale(scene: Scene, factor: float, kind: str) -> Scene:
    shape = [max(8, round(n * factor)) for n in scene.image.shape[:2]]
    scaled = np.asarray(Image.fromarray(scene.image).resize(shape[::-1], Image.Resampling.LANCZOS))
    return Scene(
        scene.name, kind, _rgb(scaled), tuple((x * factor, y * factor, s * factor) for x, y, s in scene.faces)
    )


def _cut(scene: Scene) -> Iterator[Scene]:
    """The photograph's edge runs through the first face: a quarter of it is missing on the left, or at the top."""
    x, y, side = scene.faces[0]
    left, top = max(0, int(x - 0.25 * side)), max(0, int(y - 0.3 * side))
    for kind, dx, dy in (("cut at the left", left, 0), ("cut at the top", 0, top)):
        rest = tuple(
            (a - dx, b - dy, s) for a, b, s in scene.faces if a - dx > -0.1 * s and b - dy > -0.1 * s
        )
        whole = [n for n, (a, b, s) in enumerate(rest) if n == 0 or min(a, b) > 0.5 * s]
        if len(whole) == len(rest):
            yield Scene(scene.name, kind, scene.image[dy:, dx:].copy(), rest)
