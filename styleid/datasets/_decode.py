"""From an opened picture file to exact values: every colour mode, 8 and 16 bits, upright."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageFile

from ..errors import ImageError
from ._icc import bare_profile
from .photograph import Photograph

__all__ = ["decode"]

_ORIENTATION = 0x0112  # EXIF tag, and what makes each of its values upright
_UPRIGHT: Mapping[int, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[:, ::-1],
        7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
        8: lambda a: a.swapaxes(0, 1)[::-1],
    }
)
_WRITTEN_AS = MappingProxyType({"MPO": "JPEG", "DIB": "BMP"})
_SPACES = MappingProxyType({1: "GRAY", 3: "RGB "})  # of ICC profiles, by number of channels
_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR, _SUBFILE = 258, 262, 284, 254  # TIFF tags


def decode(picture: ImageFile.ImageFile, file: BinaryIO) -> Photograph:
    """The photograph in an opened file. Raises ImageError for what no photograph is; readers' own errors pass through."""
    name, icc, notes = str(picture.format), picture.info.get("icc_profile"), []
    lossless = name not in ("JPEG", "MPO", "HEIF") and not (name == "WEBP" and not _lossless_webp(file))
    _check_frames(picture, notes)
    if name == "TIFF":
        _check_tiff(picture)
    values, alpha = _sixteen_bit(picture, file) or _eight_bit(picture, icc, notes)
    upright = _UPRIGHT.get(_orientation(picture), lambda a: a)
    values = np.ascontiguousarray(upright(values))
    return Photograph(
        values=values,
        alpha=None if alpha is None else np.ascontiguousarray(upright(alpha)),
        format=_WRITTEN_AS.get(name, name),
        icc=_fitting_profile(icc, values.shape[2], notes),
        lossless=lossless,
        notes=tuple(notes),
    )


def _check_frames(picture: ImageFile.ImageFile, notes: list[str]) -> None:
    """Further frames are refused; further images that only accompany a photograph are left behind, and said to be."""
    count = getattr(picture, "n_frames", 1)
    if count == 1:
        return
    if picture.format in ("MPO", "HEIF"):
        notes.append(
            f"left behind: {count - 1} further image(s) stored in the file (preview, depth or second view)"
        )
    elif picture.format == "TIFF":
        reduced = []
        for page in range(count):
            picture.seek(page)
            reduced.append(bool(int(picture.tag_v2.get(_SUBFILE, 0)) & 1))
        if reduced[0] or not all(reduced[1:]):
            raise ImageError(f"This TIFF has {count} pages. Split it into one file per page.")
        picture.seek(0)
        notes.append(f"left behind: {count - 1} smaller version(s) stored in the file")
    else:
        raise ImageError(f"This is an animation of {count} frames. Split it into one file per frame.")


def _check_tiff(picture: ImageFile.ImageFile) -> None:
    """Refuse what Pillow would read with other values than the file's."""
    tags = picture.tag_v2
    bits = set(tags.get(_BITS_PER_SAMPLE, (1,)))
    if picture.mode in ("I", "F"):
        raise ImageError(
            "This TIFF holds 32-bit or signed values, whose white is unknown. Save it with 16 bits."
        )
    if picture.mode.startswith("I;16") and bits != {16}:
        raise ImageError(f"This TIFF holds {max(bits)}-bit values. Save it with 8 or 16 bits.")
    if max(bits) > 8 and len(picture.getbands()) > 1 and tags.get(_PLANAR, 1) == 2:
        raise ImageError(
            "This TIFF holds 16-bit colours in separate planes. Save it with interleaved channels."
        )


def _sixteen_bit(picture: ImageFile.ImageFile, file: BinaryIO) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Values [H, W, C] and alpha of a picture of 16 bits, None if it has 8 or cannot be read at 16."""
    inverted = picture.format == "TIFF" and picture.tag_v2.get(_PHOTOMETRIC) == 0
    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.uint16)[..., None]
        return 65535 - values if inverted else values, _keyed(values, picture)
    raw = _raw_mode(picture)
    if raw == "LA;16B":
        bytes_ = np.asarray(_as_rgba(file)).astype(np.uint16)  # L high, L low, alpha high, alpha low
        both = bytes_[..., ::2] << 8 | bytes_[..., 1::2]
        return both[..., :1], both[..., 1]
    if raw.partition(";")[0] not in ("RGB", "RGBA", "RGBX") or raw.partition(";")[2] not in (
        "16B",
        "16L",
        "16N",
    ):
        return None
    # Pillow keeps the upper byte of each value. Told that the bytes are in the other order, it keeps the lower one.
    both = np.asarray(picture).astype(np.uint16) << 8 | np.asarray(_other_bytes(picture, file))
    return both[..., :3], both[..., 3] if both.shape[2] == 4 else _keyed(both, picture)


def _raw_mode(picture: ImageFile.ImageFile) -> str:
    """How the file stores a pixel, in Pillow's terms; an empty text where its reader does not say."""
    arguments = picture.tile[0].args if picture.tile else ""
    raw = arguments if isinstance(arguments, str) else (arguments or ("",))[0]
    return raw if isinstance(raw, str) else ""


def _other_bytes(picture: ImageFile.ImageFile, file: BinaryIO) -> Image.Image:
    """The same file, decoded with the two bytes of each value exchanged."""
    file.seek(0)
    other = Image.open(file, formats=[str(picture.format)])
    swapped = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
    tiles = []
    for tile in other.tile:
        raw = tile.args if isinstance(tile.args, str) else tile.args[0]
        new = raw[:-1] + swapped[raw[-1]]
        tiles.append(tile._replace(args=new if isinstance(tile.args, str) else (new, *tile.args[1:])))
    other.tile = tiles
    return other


def _as_rgba(file: BinaryIO) -> Image.Image:
    """A 16-bit grey+alpha PNG read as 8-bit RGBA, which has the same bytes per pixel and so the same row filters."""
    file.seek(0)
    data = bytearray(file.read())
    data[24:26] = b"\x08\x06"  # bit depth and colour type of the header, which is always the first chunk
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return Image.open(io.BytesIO(data), formats=["PNG"])


def _keyed(values: np.ndarray, picture: Image.Image) -> np.ndarray | None:
    """Alpha of a PNG that declares one colour transparent."""
    key = picture.info.get("transparency")
    if key is None:
        return None
    return np.where((values == np.array(key)).all(axis=2), 0, 65535).astype(np.uint16)


def _eight_bit(
    picture: Image.Image, icc: bytes | None, notes: list[str]
) -> tuple[np.ndarray, np.ndarray | None]:
    if ";16" in _raw_mode(picture):
        notes.append("read with 8 of its 16 bits")
    picture.load()
    if picture.mode in ("CMYK", "LAB"):
        picture = _to_srgb(picture, icc, notes)
    transparent = "transparency" in picture.info or picture.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    grey = picture.mode in ("1", "L", "LA", "La")
    mode = ("L" if grey else "RGB") + ("A" if transparent else "")
    if picture.mode != mode:
        picture = picture.convert(mode)
    values = np.asarray(picture)
    values = values[..., None] if values.ndim == 2 else values
    return (values[..., :-1], values[..., -1]) if transparent else (values, None)


def _to_srgb(picture: Image.Image, icc: bytes | None, notes: list[str]) -> Image.Image:
    """CMYK through its profile, Lab by definition."""
    mode, srgb = picture.mode, ImageCms.createProfile("sRGB")
    try:
        if mode == "LAB":
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc or b""))
        result = ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB")
        notes.append(f"converted from {mode} to sRGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        result = picture.convert("RGB")
        notes.append(f"converted from {mode} to RGB without a colour profile")
    return result


def _fitting_profile(icc: bytes | None, channels: int, notes: list[str]) -> bytes | None:
    """What the profile says of colours, if it describes values of this kind: anything else could carry anything."""
    if not icc:
        return None
    try:
        icc = bare_profile(icc)
        space = ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile.xcolor_space
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError, IndexError, struct.error):
        notes.append("left behind: a damaged colour profile")
        return None
    if space == _SPACES[channels]:
        return icc
    notes.append(f"left behind: a colour profile for {space.strip()}")
    return None


def _orientation(picture: Image.Image) -> int:
    """EXIF's orientation that is still to be applied: Pillow turns TIFFs itself, on loading."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing about orientation
        return 1


def _lossless_webp(file: BinaryIO) -> bool:
    """Whether the first frame of a WebP file is lossless."""
    position, limit = 12, 64
    for _ in range(limit):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or head[:4] == b"VP8 ":
            break
        if head[:4] == b"VP8L":
            return True
        size = int.from_bytes(head[4:], "little")
        position += 8 + size + size % 2
    return False
