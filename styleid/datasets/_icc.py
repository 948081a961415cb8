"""Colour profiles (ICC.1:2022) with nothing in them but what a colour means."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType

__all__ = ["bare_profile"]

_MATRIX = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
_TABLES = (b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2")
_TAGS = (b"wtpt", b"chad", b"cicp", b"kTRC", *_MATRIX, *_TABLES)
_CLASSES = (b"mntr", b"scnr", b"prtr", b"spac")
_PARAMETERS = (1, 3, 4, 5, 7)  # of a parametric curve, by its kind
_DATE = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
_D50 = bytes.fromhex("0000f6d6000100000000d32d")
_TEXT = b"colours only"


def bare_profile(icc: bytes) -> bytes:
    """The same colours in a new profile: no names, makers, dates, private tags, nor anything between or behind its parts.

    Raises ValueError, struct.error or IndexError if it is damaged, or describes colours in no way that is known here.
    """
    size, count = struct.unpack_from(">I", icc)[0], struct.unpack_from(">I", icc, 128)[0]
    icc = icc[:size]
    if len(icc) < size or icc[12:16] not in _CLASSES or icc[20:24] not in (b"XYZ ", b"Lab ") or count > 200:
        raise ValueError("no profile of a picture")
    tags = {b"desc": _text(icc[8], b"desc"), b"cprt": _text(icc[8], b"text")}  # asked for by the standard
    for number in range(count):
        name, start, length = struct.unpack_from(">4sII", icc, 132 + 12 * number)
        data = icc[start : start + length]
        if name in _TAGS and data[:4] in _EXACT:
            tags[name] = data[:4] + bytes(4) + _EXACT[data[:4]](data)
    if not any(all(name in tags for name in needed) for needed in (_MATRIX, (b"kTRC",), (b"A2B0",))):
        raise ValueError("no colours")
    return _profile(icc, tags)


def _profile(icc: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    table, body, places = struct.pack(">I", len(tags)), b"", {}
    for name, data in tags.items():
        if data not in places:  # equal curves are stored once
            places[data] = 132 + 12 * len(tags) + len(body)
            body += data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, places[data], len(data))
    size = struct.pack(">I", 128 + len(table) + len(body))
    kind = icc[8:10] + bytes(2) + icc[12:24]  # version, class, colour space, connection space
    intent = struct.pack(">I", struct.unpack_from(">I", icc, 64)[0] % 4)
    header = size + bytes(4) + kind + _DATE + b"acsp" + bytes(24) + intent + _D50
    return header + bytes(128 - len(header)) + table + body


def _text(version: int, kind: bytes) -> bytes:
    if version >= 4:
        wide = _TEXT.decode().encode("utf-16-be")
        return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(wide), 28) + wide
    if kind == b"text":
        return b"text" + bytes(4) + _TEXT + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(_TEXT) + 1) + _TEXT + b"\0" + bytes(78)


def _cut(data: bytes, start: int, length: int) -> bytes:
    if len(data) < start + length:
        raise ValueError("a part is cut off")
    return data[start : start + length]


def _curve(data: bytes) -> bytes:
    return _cut(data, 8, 4 + 2 * struct.unpack_from(">I", data, 8)[0])


def _parametric(data: bytes) -> bytes:
    kind = struct.unpack_from(">H", data, 8)[0]
    return data[8:10] + bytes(2) + _cut(data, 12, 4 * _PARAMETERS[kind])


def _lut8(data: bytes) -> bytes:
    inputs, outputs, points = data[8:11]
    return data[8:11] + b"\0" + _cut(data, 12, 36 + 256 * (inputs + outputs) + points**inputs * outputs)


def _lut16(data: bytes) -> bytes:
    (inputs, outputs, points), (n, m) = data[8:11], struct.unpack_from(">2H", data, 48)
    numbers = n * inputs + points**inputs * outputs + m * outputs
    return data[8:11] + b"\0" + _cut(data, 12, 40 + 2 * numbers)


def _lut(data: bytes, sides: Callable[[int, int], Sequence[int]]) -> bytes:
    """Curves B, a matrix, curves M, a table and curves A, each where an offset says; here one behind the other."""
    inputs, outputs = data[8:10]
    b, a = sides(inputs, outputs)
    parts, offsets = b"", []
    for number, start in enumerate(struct.unpack_from(">5I", data, 12)):
        offsets.append(32 + len(parts) if start else 0)
        if not start:
            continue
        if number == 1:
            parts += _cut(data, start, 48)
        elif number == 3:
            parts += _table(data, start, inputs, outputs)
        else:
            parts += _curves(data, start, a if number == 4 else b)
    return data[8:10] + bytes(2) + struct.pack(">5I", *offsets) + parts


def _table(data: bytes, start: int, inputs: int, outputs: int) -> bytes:
    grid, width = _cut(data, start, 16)[:inputs], _cut(data, start + 16, 1)
    values = _cut(data, start + 20, prod(grid) * outputs * width[0])
    return grid + bytes(16 - inputs) + width + bytes(3) + values + bytes(-len(values) % 4)


def _curves(data: bytes, start: int, count: int) -> bytes:
    found = b""
    for _ in range(count):
        kind = data[start : start + 4]
        if kind not in (b"curv", b"para"):
            raise ValueError("no curve")
        curve = kind + bytes(4) + _EXACT[kind](data[start:])
        curve += bytes(-len(curve) % 4)
        found, start = found + curve, start + len(curve)
    return found


# What belongs to a tag of each type, after its first 8 bytes.
_EXACT: Mapping[bytes, Callable[[bytes], bytes]] = MappingProxyType(
    {
        b"XYZ ": lambda data: _cut(data, 8, 12),
        b"sf32": lambda data: _cut(data, 8, 36),
        b"cicp": lambda data: _cut(data, 8, 4),
        b"curv": _curve,
        b"para": _parametric,
        b"mft1": _lut8,
        b"mft2": _lut16,
        b"mAB ": lambda data: _lut(data, lambda inputs, outputs: (outputs, inputs)),
        b"mBA ": lambda data: _lut(data, lambda inputs, outputs: (inputs, outputs)),
    }
)
