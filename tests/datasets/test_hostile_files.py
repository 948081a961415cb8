"""Damaged files: an ImageError of one line or a picture, never another error, a hang or a crash."""

from __future__ import annotations

import random

import numpy as np
import pytest

from styleid.datasets import Photograph, read_photo, write_photo
from styleid.errors import ImageError

_KINDS = [
    (".jpg", np.uint8),
    (".png", np.uint8),
    (".png", np.uint16),
    (".webp", np.uint8),
    (".tif", np.uint8),
]
_KINDS += [(".tif", np.uint16), (".bmp", np.uint8)]


def _read(path) -> None:
    try:
        photo = read_photo(path, max_pixels=1_000_000)
    except ImageError as error:
        message = str(error)
    else:
        message = ""
        write_photo(photo, path.with_name("out.png"), overwrite=True)
    assert "\n" not in message
    assert str(path.parent) not in message


@pytest.mark.parametrize(("suffix", "dtype"), _KINDS)
def test_damaged_files(tmp_path, colours, srgb, suffix, dtype):
    whole = tmp_path / f"whole{suffix}"
    write_photo(Photograph(values=colours(3, dtype), format="PNG", icc=srgb), whole)
    data, chance = whole.read_bytes(), random.Random(0)
    for number in range(12):
        damaged = bytearray(data)
        if number % 3 == 0:
            damaged = damaged[: chance.randrange(len(data))]
        else:  # in the headers as often as anywhere
            for _ in range(chance.choice((1, 4, 16))):
                damaged[chance.randrange(min(200, len(data)) if number % 3 == 1 else len(data))] = (
                    chance.randrange(256)
                )
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(damaged)
        _read(path)


def test_each_kind_cut_at_every_sixteenth(tmp_path, colours):
    for suffix, dtype in _KINDS:
        whole = tmp_path / f"whole{suffix}"
        write_photo(Photograph(values=colours(3, dtype), format="PNG"), whole, overwrite=True)
        data = whole.read_bytes()
        for part in range(1, 16):
            path = tmp_path / f"{part}{suffix}"
            path.write_bytes(data[: len(data) * part // 16])
            _read(path)


def test_damage_is_told_by_the_error_alone(tmp_path, colours, capfd):
    """libtiff writes lines of its own to the process's error output."""
    write_photo(Photograph(values=colours(), format="PNG"), tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[len(data) // 2 :] = b"x" * len(data[len(data) // 2 :])
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(ImageError):
        read_photo(tmp_path / "a.tif")
    assert capfd.readouterr() == ("", "")
