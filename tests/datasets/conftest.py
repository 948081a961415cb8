"""Pictures with everything in them that must not survive, and a stand-in for the Anonymizer."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from styleid.datasets._icc import bare_profile
from styleid.privacy.outcomes import ImageResult

SECRET = "SECRET-7f3a"  # in every kind of metadata


@pytest.fixture
def colours() -> Callable[..., np.ndarray]:
    """colours(channels, dtype, height, width): random values over the whole range."""

    def make(channels: int = 3, dtype: type = np.uint8, height: int = 31, width: int = 47) -> np.ndarray:
        top = np.iinfo(dtype).max
        return np.random.default_rng(channels).integers(0, top + 1, (height, width, channels)).astype(dtype)

    return make


@pytest.fixture
def srgb() -> bytes:
    """As it is read: without a date and names."""
    return bare_profile(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


@pytest.fixture
def private_exif() -> bytes:
    """EXIF with a position, names, a comment and a thumbnail."""
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = exif[0x0131] = SECRET  # description, artist, software
    exif[0x0132] = "2020:01:02 03:04:05"
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 26.0), 29: SECRET})
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + SECRET.encode()
    return exif.tobytes() + SECRET.encode()


@pytest.fixture
def private_xmp() -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>{SECRET}</dc:creator></x:xmpmeta>'.encode()


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """encoded(image, format, **options): the bytes of a file."""

    def make(image: Image.Image | np.ndarray, format: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        picture.save(buffer, format, **options)
        return buffer.getvalue()

    return make


@pytest.fixture
def png_chunks() -> Callable[[bytes], list[str]]:
    """Names of a PNG's chunks."""

    def names(data: bytes) -> list[str]:
        position, found = 8, []
        while position < len(data):
            size = struct.unpack_from(">I", data, position)[0]
            found.append(data[position + 4 : position + 8].decode())
            position += 12 + size
        return found

    return names


@dataclass
class Inverter:
    """Called like an Anonymizer: inverts the first row, and notes what it was given.

    A picture whose first value is a key of ``outcomes`` has that outcome; an exception there is raised.
    """

    outcomes: dict[int, Any]
    seen: list[np.ndarray]
    boxes: list[Any]

    def __call__(
        self, pictures: Sequence[np.ndarray], progress: Any = None, *, boxes: Any = None
    ) -> list[ImageResult]:
        results = []
        for picture in pictures:
            self.seen.append(picture)
            self.boxes.append(boxes)
            outcome = self.outcomes.get(int(picture.flat[0]), "anonymised")
            if isinstance(outcome, BaseException):
                raise outcome
            if progress is not None:
                progress(1, 1)
            output = None
            if outcome not in ("blocked", "no_face"):
                output = picture.copy()
                output[0] = np.iinfo(output.dtype).max - output[0]
            results.append(
                ImageResult(output, outcome, reason=None if output is not None else f"because {outcome}")
            )
        return results


@pytest.fixture
def inverter() -> Callable[..., Inverter]:
    return lambda outcomes=None: Inverter(outcomes or {}, [], [])


@pytest.fixture
def album(tmp_path):
    """album({"a.png": 5, ...}): a folder of one-colour pictures; bytes are written as they are."""

    def make(files, root="in"):
        for name, content in files.items():
            path = tmp_path / root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                Image.new("RGB", (12, 10), (content,) * 3).save(path)
        return tmp_path / root

    return make
