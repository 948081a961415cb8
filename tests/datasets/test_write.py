"""Writing photographs: nothing but the picture, whole or not at all, never over the input."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from styleid.datasets import Photograph, read_photo, write_photo
from styleid.errors import ImageError

from .conftest import SECRET

_TRACES = (
    SECRET.encode(),
    b"Exif",
    b"xmp",
    b"XML:",
    b"GPS",
    b"2020:01",
    b"Photoshop",
    b"tifffile",
    b"Pillow",
    b"tEXt",
)


def _rewritten(tmp_path, name, data) -> bytes:
    (tmp_path / name).write_bytes(data)
    photo = read_photo(tmp_path / name)
    write_photo(photo, tmp_path / f"out-{name}")
    return (tmp_path / f"out-{name}").read_bytes()


def _private_jpeg(encoded, picture, exif, xmp) -> bytes:
    """With EXIF, XMP, a comment, IPTC and an embedded thumbnail."""
    data = encoded(picture, "JPEG", exif=exif, xmp=xmp, comment=SECRET)
    photoshop = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x10" + SECRET.encode() + b"\0" * 5
    segment = b"\xff\xed" + (len(photoshop) + 2).to_bytes(2, "big") + photoshop
    return data[:2] + segment + data[2:] + encoded(picture, "JPEG") + SECRET.encode()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_nothing_but_the_picture_is_written(
    tmp_path, colours, encoded, private_exif, private_xmp, srgb, name
):
    picture = colours()
    if name == "a.jpg":
        data = _private_jpeg(encoded, picture, private_exif, private_xmp)
    elif name == "a.png":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET)
        text.add_itxt("XML:com.adobe.xmp", private_xmp.decode(), zip=False)
        data = encoded(picture, "PNG", pnginfo=text, exif=private_exif) + SECRET.encode()
    elif name == "a.webp":
        data = encoded(picture, "WEBP", exif=private_exif, xmp=private_xmp, lossless=True)
    else:
        data = encoded(picture, "TIFF", description=SECRET, software=SECRET, artist=SECRET, exif=private_exif)
    assert SECRET.encode() in data
    written = _rewritten(tmp_path, name, data)
    assert [trace for trace in _TRACES if trace in written] == []


def test_a_second_image_in_a_jpeg_does_not_survive(tmp_path, colours, encoded):
    frames = [Image.fromarray(colours()), Image.new("RGB", (400, 300), "red")]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    written = _rewritten(tmp_path, "b.jpg", (tmp_path / "a.jpg").read_bytes())
    assert written.count(b"\xff\xd8\xff") == 1
    assert b"MPF" not in written


def test_pngs_hold_only_what_a_picture_needs(tmp_path, colours, srgb, png_chunks):
    for dtype in (np.uint8, np.uint16):
        photo = Photograph(values=colours(3, dtype), format="PNG", icc=srgb)
        write_photo(photo, tmp_path / "a.png", overwrite=True)
        assert png_chunks((tmp_path / "a.png").read_bytes()) == ["IHDR", "iCCP", "IDAT", "IEND"]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_the_colour_profile_is_kept(tmp_path, colours, srgb, name):
    for dtype in (np.uint8, np.uint16):
        write_photo(
            Photograph(values=colours(3, dtype), format="PNG", icc=srgb), tmp_path / name, overwrite=True
        )
        assert read_photo(tmp_path / name).icc == srgb


def test_jpegs_keep_full_colour_resolution_and_grey(tmp_path, colours):
    write_photo(Photograph(values=colours(), format="PNG"), tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as picture:
        assert [layer[1:3] for layer in picture.layer] == [(1, 1)] * 3
    write_photo(Photograph(values=colours(1), format="PNG"), tmp_path / "b.jpg")
    assert read_photo(tmp_path / "b.jpg").grey


def test_what_a_format_cannot_hold(tmp_path, colours):
    transparent = Photograph(values=colours(), alpha=colours(1)[..., 0], format="PNG")
    with pytest.raises(ImageError, match="no transparency"):
        write_photo(transparent, tmp_path / "a.jpg")
    deep = write_photo(Photograph(values=colours(3, np.uint16), format="PNG"), tmp_path / "b.jpg")
    assert "16 to 8 bits" in deep.notes[0]
    with pytest.raises(ImageError, match="Use one of"):
        write_photo(transparent, tmp_path / "a.gif")
    assert [path.name for path in tmp_path.iterdir()] == ["b.jpg"]


def test_existing_files_are_replaced_only_by_name(tmp_path, colours):
    photo = Photograph(values=colours(), format="PNG")
    (tmp_path / "a.png").write_bytes(b"mine")
    with pytest.raises(ImageError, match="exists"):
        write_photo(photo, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"mine"
    write_photo(photo, tmp_path / "a.png", overwrite=True)
    assert np.array_equal(read_photo(tmp_path / "a.png").values, colours())


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_the_input_is_never_overwritten_under_any_name(tmp_path, colours, link):
    photo = Photograph(values=colours(), format="PNG")
    write_photo(photo, tmp_path / "in.png")
    link(tmp_path / "in.png", tmp_path / "other.png")
    for name in ("in.png", "other.png"):
        with pytest.raises(ImageError, match="its own input"):
            write_photo(photo, tmp_path / name, overwrite=True, source=tmp_path / "in.png")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_nothing(tmp_path, colours, monkeypatch, error):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("styleid.datasets.files.os.replace", fail)
    with pytest.raises((ImageError, KeyboardInterrupt)):
        write_photo(Photograph(values=colours(), format="PNG"), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_one_line(tmp_path, colours):
    with pytest.raises(ImageError, match="No such file"):
        write_photo(Photograph(values=colours(), format="PNG"), tmp_path / "none" / "a.png")


def test_reprs_show_no_pixels(colours):
    text = repr(Photograph(values=colours(), format="PNG", icc=b"profile"))
    assert "array" not in text
    assert "profile" not in text
