"""Colour profiles: the colours stay, everything else in them goes."""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from styleid.datasets import read_photo, write_photo
from styleid.datasets._icc import bare_profile

SECRET = b"GPS 48.137N"
_WHITE = b"XYZ " + bytes(4) + bytes.fromhex("0000f6d6000100000000d32d")


def _profile(tags, *, space=b"RGB ", connection=b"XYZ ", version=2, kind=b"mntr"):
    """A profile with secrets in its header, its private tags, and behind each part."""
    tags = {b"desc": b"text" + bytes(4) + SECRET, b"prvt": SECRET, **tags}
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        padded = data + SECRET + bytes(-len(data + SECRET) % 4)
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(padded))
        body += padded
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sB3x", size, SECRET[:4], version) + kind + space + connection + bytes(12)
    head += (
        b"acsp" + bytes(8) + SECRET[:8] + bytes(16) + bytes.fromhex("0000f6d6000100000000d32d") + SECRET[:4]
    )
    return head + bytes(128 - len(head)) + table + body + SECRET


def _xyz(*values):
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def _curve(*values):
    return b"curv" + struct.pack(">II", 0, len(values)) + struct.pack(f">{len(values)}H", *values)


def _gamma(value):
    return b"para" + struct.pack(">IHHi", 0, 0, 0, round(value * 65536))


def _corners(chance, number):
    return bytes(chance.randrange(256) for _ in range(number))


def _mab(chance):
    """Curves, a 2 x 3 x 2 table, a matrix and curves again, with secrets between them."""
    parts = {
        "b": _gamma(1.0) * 3,
        "matrix": struct.pack(">12i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0))),
        "m": _gamma(1.1) * 3,
        "table": bytes([2, 3, 2]) + bytes(13) + bytes([1, 0, 0, 0]) + _corners(chance, 36),
        "a": _gamma(1.8) + (_curve(0, 9000, 65535) + bytes(2)) * 2,
    }
    offsets, body = {}, b""
    for name in ("a", "table", "m", "b", "matrix"):
        body += SECRET + b"\0"
        offsets[name] = 32 + len(body)
        body += parts[name]
    return b"mAB " + bytes(4) + bytes([3, 3, 0, 0]) + struct.pack(">5I", *(offsets[n] for n in parts)) + body


def _lut(kind, chance):
    inputs, outputs, points = 3, 3, 3
    head = kind + bytes(4) + bytes([inputs, outputs, points, 0])
    head += struct.pack(">9i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    steps, clut = bytes(range(256)), _corners(chance, points**inputs * outputs * (1 + (kind == b"mft2")))
    if kind == b"mft1":
        return head + steps * inputs + clut + steps * outputs
    return head + struct.pack(">HH", 2, 2) + b"\0\0\xff\xff" * inputs + clut + b"\0\0\xff\xff" * outputs


_SIDES = {
    b"rXYZ": _xyz(0.51, 0.24, 0.01),
    b"gXYZ": _xyz(0.29, 0.69, 0.04),
    b"bXYZ": _xyz(0.16, 0.07, 0.77),
}


def _kinds():
    chance = random.Random(0)
    lab = {"connection": b"Lab "}
    shared = {b"wtpt": _WHITE, **_SIDES}
    yield "matrix", _profile({**shared, **{n: _gamma(2.2) for n in (b"rTRC", b"gTRC", b"bTRC")}})
    steps = {
        b"rTRC": _curve(0, 20000, 65535),
        b"gTRC": _curve(0, 9000, 40000, 65535),
        b"bTRC": _curve(0x1CD),
    }
    yield "curves", _profile({**shared, **steps}, kind=b"scnr")
    yield "grey", _profile({b"wtpt": _WHITE, b"kTRC": _curve(0x233)}, space=b"GRAY")
    yield "lut8", _profile({b"wtpt": _WHITE, b"A2B0": _lut(b"mft1", chance)}, **lab)
    yield "lut16", _profile({b"wtpt": _WHITE, b"A2B0": _lut(b"mft2", chance)}, **lab)
    yield "mAB", _profile({b"wtpt": _WHITE, b"A2B0": _mab(chance)}, version=4, **lab)


def _as_srgb(icc, picture):
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    return np.asarray(
        ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    )


@pytest.mark.parametrize(
    ("name", "icc"), list(_kinds()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_colours_stay_and_everything_else_goes(name, icc, colours):
    values = colours(1)[..., 0] if name == "grey" else colours()
    bare, picture = bare_profile(icc), Image.fromarray(values)
    assert len(np.unique(_as_srgb(icc, picture))) > 50  # it is a profile that means something
    assert np.array_equal(_as_srgb(bare, picture), _as_srgb(icc, picture))
    assert SECRET[:4] not in bare and bare_profile(bare) == bare
    assert struct.unpack_from(">I", bare)[0] == len(bare)


def test_nothing_behind_a_profile_reaches_the_output(tmp_path, colours, encoded):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.fromarray(colours())
    for name in ("a.png", "a.jpg", "a.webp", "a.tif"):
        path, out = tmp_path / name, tmp_path / f"out-{name}"
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(name[2:], name[2:].upper())
        path.write_bytes(encoded(picture, kind, icc_profile=icc + SECRET))
        photo = read_photo(path)
        write_photo(photo, out)
        with Image.open(out) as written:
            kept = written.info["icc_profile"]
        assert SECRET not in kept and SECRET not in out.read_bytes()
        assert np.array_equal(_as_srgb(kept, picture), _as_srgb(icc, picture))


def test_damaged_profiles_are_left_behind(tmp_path, colours, encoded):
    chance = random.Random(1)
    for _, icc in _kinds():
        for number in range(40):
            damaged = bytearray(icc)
            if number % 2:
                damaged = damaged[: chance.randrange(len(icc))]
            for _ in range(4):
                damaged[chance.randrange(max(1, len(damaged)))] = chance.randrange(256) if damaged else 0
            (tmp_path / "a.png").write_bytes(
                encoded(colours(height=2, width=2), "PNG", icc_profile=bytes(damaged))
            )
            photo = read_photo(tmp_path / "a.png")
            assert photo.icc is None or SECRET not in photo.icc
    (tmp_path / "a.png").write_bytes(encoded(colours(), "PNG", icc_profile=_profile(_SIDES)))
    assert read_photo(tmp_path / "a.png").icc is None
