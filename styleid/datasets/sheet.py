"""A before/after sheet: whole photographs side by side, and every face of them below."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .photograph import Photograph

__all__ = ["before_after"]

Box = Sequence[float]
_WIDTH, _FACE, _GAP, _CAPTION = 1280, 148, 12, 22
_PAPER, _INK = (250, 250, 250), (40, 40, 40)
_MARGIN = 0.35  # around a face, in units of its box


def before_after(pairs: Sequence[tuple[Photograph, Photograph | None, Sequence[Box]]]) -> bytes:
    """A PNG that shows each (source, output or None, boxes of faces) as two pictures and one column per face."""
    strips = [strip for pair in pairs for strip in (_pictures(*pair[:2]), _faces(*pair))]
    sheet = Image.new("RGB", (_WIDTH, sum(strip.height for strip in strips) + _GAP), _PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _pictures(before: Photograph, after: Photograph | None) -> Image.Image:
    width = (_WIDTH - 3 * _GAP) // 2
    height = round(width * before.size[1] / before.size[0])
    strip = Image.new("RGB", (_WIDTH, height + _CAPTION + _GAP), _PAPER)
    for column, (photo, caption) in enumerate(((before, "before"), (after, "after"))):
        left = _GAP + column * (width + _GAP)
        _text(strip, (left, _GAP // 2), caption if photo is not None else "after: blocked, not written")
        strip.paste(_small(photo, (width, height)), (left, _CAPTION + _GAP))
    return strip


def _faces(before: Photograph, after: Photograph | None, boxes: Sequence[Box]) -> Image.Image:
    """Rows of faces, each row the faces before over the faces after."""
    columns = (_WIDTH - _GAP) // (_FACE + _GAP)
    rows = -(-len(boxes) // columns)
    step = 2 * _FACE + 2 * _GAP
    strip = Image.new("RGB", (_WIDTH, rows * step + _GAP), _PAPER)
    for number, box in enumerate(boxes):
        left, top = _GAP + number % columns * (_FACE + _GAP), _GAP + number // columns * step
        for row, photo in enumerate((before, after)):
            square = None if photo is None else _square(photo, box)
            strip.paste(_small(square, (_FACE, _FACE)), (left, top + row * (_FACE + 2)))
    return strip


def _square(photo: Photograph, box: Box) -> Photograph:
    """The surroundings of a face, as far as the picture goes."""
    (x0, y0, x1, y1), (width, height) = box, photo.size
    half = max(x1 - x0, y1 - y0) * (0.5 + _MARGIN)
    half = min(half, width / 2, height / 2)
    x, y = (min(max((a + b) / 2, half), size - half) for a, b, size in ((x0, x1, width), (y0, y1, height)))
    left, top, side = int(x - half), int(y - half), max(int(2 * half), 1)
    return replace(photo, values=photo.values[top : top + side, left : left + side], alpha=None)


def _small(photo: Photograph | None, size: tuple[int, int]) -> Image.Image:
    if photo is None:
        return Image.new("RGB", size, (200, 200, 200))
    values = np.ascontiguousarray(np.broadcast_to(photo.as_8_bit().values, (*photo.values.shape[:2], 3)))
    return Image.fromarray(values).resize(size, Image.Resampling.LANCZOS)


def _text(image: Image.Image, place: tuple[int, int], text: str) -> None:
    ImageDraw.Draw(image).text(place, text, fill=_INK, font=ImageFont.load_default(16))
