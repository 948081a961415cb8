"""Photographs in and out: what the picture is stays, everything else in the file goes.

Written files hold pixels, alpha and what the colour profile says of colours. EXIF, GPS, XMP, IPTC, comments, thumbnails,
further images, text chunks, software tags and dates are never copied: a file is always written from the pixels alone.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

from ..errors import ImageError
from ._decode import decode
from ._encode import FORMATS, encode
from .files import same_file, write_atomically
from .heic import heic_support, register_heic
from .photograph import Photograph

__all__ = ["MAX_PIXELS", "format_of", "read_photo", "write_photo"]

MAX_PIXELS = 120_000_000  # larger than medium format cameras make
# Only these readers are ever tried: others run programs (EPS) or hold no photographs.
_READERS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def read_photo(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Photograph:
    """Read one photograph, upright, at its own bit depth.

    JPEG, PNG, WebP, TIFF, BMP, still GIF, and HEIC where pillow-heif is installed; by content, whatever the file is
    called. CMYK and Lab become RGB.

    Args:
        path: a regular file.
        max_pixels: pictures with more pixels are refused before they are decoded.

    Raises:
        ImageError: in one line why the file cannot be read. Animations and documents of several pages are refused,
            because writing one frame would drop the others.
    """
    path = Path(path)
    readers = _READERS + (("HEIF",) if register_heic() else ())
    _check_file(path)
    try:
        with path.open("rb") as file, _quiet(file), Image.open(file, formats=readers) as picture:
            _check_size(picture, max_pixels)
            return decode(picture, file)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(_unidentified(path)) from error
    except PermissionError as error:
        raise ImageError("No permission to read this file. Change its permissions.") from error
    except MemoryError as error:
        raise ImageError(
            "Not enough memory to read this picture. Make it smaller, or free memory."
        ) from error
    except Exception as error:  # damaged files make the readers raise nearly anything
        raise ImageError(
            f"This picture cannot be decoded ({type(error).__name__}): the file is truncated or damaged."
        ) from error


def write_photo(
    photo: Photograph,
    path: str | Path,
    *,
    format: str | None = None,
    overwrite: bool = False,
    source: str | Path | None = None,
) -> Photograph:
    """Write a photograph, whole or not at all.

    JPEG: quality 95 without chroma subsampling. WebP, HEIC: quality 95, or lossless WebP where the photograph is. PNG,
    TIFF, BMP: exact.

    Args:
        photo: what to write.
        path: where; its folder must exist.
        format: of the file; by default what the name's suffix says.
        overwrite: whether an existing file may be replaced.
        source: a file that is never replaced, whatever it is called here.

    Returns:
        The photograph as it was written: with notes, and 8 bits where the format cannot hold 16.

    Raises:
        ImageError: the file exists or is the source, or the format cannot hold the photograph.
    """
    path = Path(path)
    data, written = encode(photo, format_of(path) if format is None else format)
    if source is not None and same_file(path, source):
        raise ImageError("The output would overwrite its own input. Choose another folder or name.")
    if not overwrite and os.path.lexists(path):
        raise ImageError(
            "The output exists already. Choose another place, or overwrite by name (--overwrite)."
        )
    try:
        write_atomically(path, data)
    except OSError as error:
        raise ImageError(
            f"The output cannot be written ({error.strerror or type(error).__name__}). Choose another folder."
        ) from error
    return written


def format_of(path: str | Path) -> str:
    """The format that a file name's suffix means. Raises ImageError for any other suffix."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ImageError(
            f"No picture format to write is called {suffix or 'nothing'!r}. Use one of: {', '.join(FORMATS)}."
        )
    return FORMATS[suffix]


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except PermissionError as error:
        raise ImageError("No permission to read this file. Change its permissions.") from error
    except (OSError, ValueError) as error:
        raise ImageError("There is no such file, or it is a broken link.") from error
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise ImageError("This is no regular file. Give a picture file.")
    if status.st_size == 0:
        raise ImageError("This file is empty (0 bytes). Copy it again.")


def _check_size(picture: ImageFile.ImageFile, max_pixels: int) -> None:
    width, height = picture.size
    if width < 1 or height < 1:
        raise ImageError(f"This picture is {width} x {height} pixels. Copy the file again.")
    if width * height > max_pixels:
        raise ImageError(
            f"This picture claims {width} x {height} pixels, more than the limit of {max_pixels}. "
            "Raise --max-pixels if you trust it and have the memory."
        )


def _unidentified(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS and not heic_support():
        return "This is a HEIC picture. Install pillow-heif to read it."
    return "This is no picture that can be read (JPEG, PNG, WebP, TIFF, BMP, HEIC), or its start is damaged."


@contextmanager
def _quiet(file: BinaryIO) -> Iterator[None]:
    """Damage is told by one ImageError, not by warnings or lines of libtiff; our size limit replaces Pillow's."""
    tiff = file.read(4) in _TIFF_STARTS
    file.seek(0)
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings(), _native_stderr_off() if tiff else nullcontext():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def _native_stderr_off() -> Iterator[None]:
    """libtiff writes to the process's error output by itself, past Python."""
    try:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no error output
        yield
        return
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
