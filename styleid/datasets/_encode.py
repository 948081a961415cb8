"""From exact values to the bytes of a file that holds nothing else."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image

from ..errors import ImageError
from .heic import register_heic
from .photograph import Photograph

__all__ = ["FORMATS", "encode"]

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        ".jpg": "JPEG",
        ".jpeg": "JPEG",
        ".jpe": "JPEG",
        ".jfif": "JPEG",
        ".png": "PNG",
        ".webp": "WEBP",
        ".tif": "TIFF",
        ".tiff": "TIFF",
        ".bmp": "BMP",
        ".dib": "BMP",
        ".heic": "HEIF",
        ".heif": "HEIF",
        ".hif": "HEIF",
    }
)
QUALITY = 95
_CHUNK = 1 << 24


def encode(photo: Photograph, format: str) -> tuple[bytes, Photograph]:
    """The file's bytes, and the photograph as they hold it. Raises ImageError where the format cannot hold it."""
    if format not in _ENCODERS:
        raise ImageError(f"Pictures are written as {', '.join(_ENCODERS)}, not as {format}.")
    if format == "JPEG" and photo.alpha is not None:
        raise ImageError("JPEG holds no transparency, but this picture has some. Write .png or .webp.")
    if format not in ("PNG", "TIFF"):
        photo = photo.as_8_bit()
    if format == "BMP" and photo.icc:
        notes = (*photo.notes, "left behind: a colour profile, which BMP does not hold")
        photo = dataclasses.replace(photo, icc=None, notes=notes)
    try:
        return _ENCODERS[format](photo), photo
    except (OSError, ValueError, KeyError) as error:
        raise ImageError(f"This picture of {photo.size} pixels cannot be written as {format}.") from error


def _pillow(photo: Photograph, format: str, **options: object) -> bytes:
    if photo.icc:
        options["icc_profile"] = photo.icc
    buffer = io.BytesIO()
    Image.fromarray(_planes(photo)).save(buffer, format=format, **options)
    return buffer.getvalue()


def _planes(photo: Photograph) -> np.ndarray:
    """[H, W], or [H, W, 2..4] with alpha last."""
    if photo.alpha is not None:
        return np.dstack([photo.values, photo.alpha])
    return photo.values[..., 0] if photo.grey else photo.values


def _jpeg(photo: Photograph) -> bytes:
    return _pillow(photo, "JPEG", quality=QUALITY, subsampling=0)


def _webp(photo: Photograph) -> bytes:
    return _pillow(photo, "WEBP", quality=QUALITY, lossless=photo.lossless, exact=True)


def _bmp(photo: Photograph) -> bytes:
    if photo.alpha is None:
        return _pillow(photo, "BMP")
    # Alpha needs a header of version 4, which declares four masks; rows go from the bottom up.
    colours = photo.values.repeat(3, axis=2) if photo.grey else photo.values
    pixels = np.dstack([colours[..., ::-1], photo.alpha])[::-1].tobytes()
    width, height = photo.size
    masks = struct.pack("<4I", 0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), 2835, 2835, 0, 0)
    space = b"BGRs" + bytes(48)  # sRGB
    offset = 14 + len(header) + len(masks) + len(space)
    return struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset) + header + masks + space + pixels


def _heif(photo: Photograph) -> bytes:
    if not register_heic():
        raise ImageError("HEIC is written with pillow-heif. Install it, or name another format.")
    return _pillow(photo, "HEIF", quality=QUALITY, chroma=444)


def _tiff(photo: Photograph) -> bytes:
    import tifffile

    planes, buffer = _planes(photo), io.BytesIO()
    tifffile.imwrite(
        buffer,
        planes,
        photometric="minisblack" if photo.grey else "rgb",
        planarconfig=None if planes.ndim == 2 else "contig",
        extrasamples=None if photo.alpha is None else ["unassalpha"],
        compression="zlib",
        iccprofile=photo.icc,
        software=False,
        metadata=None,
    )
    return buffer.getvalue()


def _png(photo: Photograph) -> bytes:
    return _pillow(photo, "PNG") if photo.depth == 8 else _png16(photo)


def _png16(photo: Photograph) -> bytes:
    """PNG of 16 bits (ISO/IEC 15948), every row stored as its difference from the row above (filter 2)."""
    planes = _planes(photo)
    width, height = photo.size
    channels = planes.shape[2] if planes.ndim == 3 else 1
    rows = planes.astype(">u2").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    parts = [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)),
    ]
    if photo.icc:
        parts.append(_chunk(b"iCCP", b"ICC\0\0" + zlib.compress(photo.icc)))
    data = zlib.compress(filtered, 4)
    parts += [_chunk(b"IDAT", data[start : start + _CHUNK]) for start in range(0, len(data), _CHUNK)]
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_ENCODERS: Mapping[str, Callable[[Photograph], bytes]] = MappingProxyType(
    {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "TIFF": _tiff, "BMP": _bmp, "HEIF": _heif}
)
