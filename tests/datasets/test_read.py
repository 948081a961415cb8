"""Reading photographs: every kind of file gives its exact values, upright."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from styleid.datasets import Photograph, read_photo, write_photo
from styleid.errors import ImageError


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("transparent", [False, True])
def test_lossless_formats_keep_every_bit(tmp_path, colours, suffix, dtype, channels, transparent):
    if suffix == ".tif" and transparent and channels == 1 and dtype == np.uint16:
        pytest.skip("Pillow reads no such TIFF")
    alpha = colours(1, dtype)[..., 0] if transparent else None
    photo = Photograph(values=colours(channels, dtype), alpha=alpha, format="PNG")
    write_photo(photo, tmp_path / f"a{suffix}")
    again = read_photo(tmp_path / f"a{suffix}")
    assert again.depth == photo.depth
    assert np.array_equal(again.values, photo.values)
    assert np.array_equal(again.alpha, alpha) if transparent else again.alpha is None


@pytest.mark.parametrize("suffix", [".bmp", ".webp"])
@pytest.mark.parametrize("transparent", [False, True])
def test_eight_bit_lossless_formats_keep_every_bit(tmp_path, colours, suffix, transparent):
    alpha = colours(1)[..., 0] if transparent else None
    write_photo(Photograph(values=colours(), alpha=alpha, format="PNG"), tmp_path / f"a{suffix}")
    again = read_photo(tmp_path / f"a{suffix}")
    assert np.array_equal(again.values, colours())
    assert np.array_equal(again.alpha, alpha) if transparent else again.alpha is None


def test_a_lossless_webp_stays_lossless(tmp_path, colours, encoded):
    (tmp_path / "a.webp").write_bytes(encoded(colours(), "WEBP", lossless=True))
    (tmp_path / "b.webp").write_bytes(encoded(colours(), "WEBP", quality=50))
    assert read_photo(tmp_path / "a.webp").lossless
    assert not read_photo(tmp_path / "b.webp").lossless


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_sixteen_bit_tiffs_of_every_layout_are_exact(tmp_path, colours, channels, options):
    values = colours(channels, np.uint16)
    extra = ["unassalpha"] if channels == 4 else None
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric="rgb", extrasamples=extra, metadata=None, **options
    )
    photo = read_photo(tmp_path / "a.tif")
    assert np.array_equal(photo.values, values[..., :3])
    assert channels == 3 or np.array_equal(photo.alpha, values[..., 3])


def test_pixels_hold_every_value(tmp_path, colours):
    photo = Photograph(values=colours(3, np.uint16), format="PNG")
    assert photo.pixels.shape == (31, 47, 3)
    assert np.array_equal((photo.pixels.double() * 65535).round().numpy(), photo.values)


def test_white_is_zero_tiffs_are_inverted(tmp_path, colours):
    values = colours(1, np.uint16)[..., 0]
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite", metadata=None)
    assert np.array_equal(read_photo(tmp_path / "a.tif").values[..., 0], 65535 - values)


def test_sixteen_bits_that_cannot_be_read_exactly_are_refused(tmp_path, colours):
    planes = np.moveaxis(colours(3, np.uint16), 2, 0)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", metadata=None)
    with pytest.raises(ImageError, match="separate planes"):
        read_photo(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", colours(1)[..., 0].astype(np.float32), metadata=None)
    with pytest.raises(ImageError, match="32-bit"):
        read_photo(tmp_path / "b.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format", "dtype"),
    [("JPEG", np.uint8), ("PNG", np.uint8), ("PNG", np.uint16), ("TIFF", np.uint8), ("WEBP", np.uint8)],
)
def test_every_orientation_is_applied(tmp_path, orientation, format, dtype):
    upright = np.zeros((32, 48), dtype)
    upright[:16, :16] = np.iinfo(dtype).max  # a white corner at the top left ...
    upright[:8, 40:] = np.iinfo(dtype).max // 2  # ... and grey at the top right
    stored = Image.fromarray(upright)
    # What a camera held that way stores: the inverse of the orientation.
    inverse = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    if orientation > 1:
        stored = stored.transpose(inverse[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(
        tmp_path / "a", format, exif=exif.tobytes(), **({"lossless": True} if format == "WEBP" else {})
    )
    values = read_photo(tmp_path / "a").values[..., 0].astype(int)
    assert values.shape == (32, 48)
    assert np.abs(values - upright.astype(int)).max() <= (60 if format == "JPEG" else 0)


def test_damaged_exif_does_not_matter(tmp_path, colours, encoded):
    (tmp_path / "a.jpg").write_bytes(
        encoded(colours(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f garbage")
    )
    assert read_photo(tmp_path / "a.jpg").size == (47, 31)


def test_cmyk_becomes_rgb_without_its_profile(tmp_path, colours, encoded):
    picture = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    (tmp_path / "a.jpg").write_bytes(encoded(picture, "JPEG", quality=100))
    photo = read_photo(tmp_path / "a.jpg")
    assert np.abs(photo.values[0, 0].astype(int) - [255, 0, 0]).max() < 4
    assert photo.icc is None
    assert "CMYK" in photo.notes[0]


def test_lab_becomes_srgb(tmp_path):
    picture = Image.new("RGB", (8, 8), (200, 60, 30))
    lab = ImageCms.profileToProfile(
        picture, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    lab.save(tmp_path / "a.tif")
    assert np.abs(read_photo(tmp_path / "a.tif").values[0, 0].astype(int) - [200, 60, 30]).max() < 6


@pytest.mark.parametrize(
    ("mode", "channels", "transparent"),
    [
        ("1", 1, False),
        ("L", 1, False),
        ("LA", 1, True),
        ("P", 3, False),
        ("RGB", 3, False),
        ("RGBA", 3, True),
    ],
)
def test_every_mode_of_png(tmp_path, colours, mode, channels, transparent):
    picture = Image.fromarray(colours(4 if transparent else 3)).convert(mode)
    picture.save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    assert photo.values.shape == (31, 47, channels)
    assert (photo.alpha is not None) == transparent
    expected = np.asarray(picture.convert("RGB"))
    assert np.array_equal(np.broadcast_to(photo.values, (31, 47, 3)), expected)


def test_one_transparent_colour(tmp_path, colours):
    Image.fromarray(colours()).save(tmp_path / "a.png", transparency=tuple(int(v) for v in colours()[3, 5]))
    photo = read_photo(tmp_path / "a.png")
    assert photo.alpha[3, 5] == 0
    assert photo.alpha.mean() > 250
    assert np.array_equal(photo.values, colours())


def test_colours_that_transparency_hides_are_read(tmp_path, colours):
    picture = np.dstack([colours(), np.zeros((31, 47), np.uint8)])
    for name in ("a.png", "a.webp", "a.tif"):
        Image.fromarray(picture).save(
            tmp_path / name, **({"lossless": True, "exact": True} if "webp" in name else {})
        )
        assert np.array_equal(read_photo(tmp_path / name).values, colours())


def test_animations_and_pages_are_refused(tmp_path, colours):
    frames = [Image.fromarray(colours()), Image.fromarray(255 - colours())]
    for name in ("a.gif", "a.webp", "a.png", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.raises(ImageError, match=r"2 (frames|pages)"):
            read_photo(tmp_path / name)


def test_further_images_of_a_jpeg_are_left_behind_and_said_to_be(tmp_path, colours):
    frames = [Image.fromarray(colours()), Image.fromarray(255 - colours())]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.format == "JPEG"
    assert "1 further image" in photo.notes[0]


def test_smaller_versions_in_a_tiff_are_left_behind_and_said_to_be(tmp_path, colours):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(colours(), photometric="rgb", metadata=None)
        writer.write(colours(height=8, width=8), photometric="rgb", metadata=None, subfiletype=1)
    photo = read_photo(tmp_path / "a.tif")
    assert np.array_equal(photo.values, colours())
    assert "1 smaller version" in photo.notes[0]


def test_only_fitting_profiles_are_kept(tmp_path, colours, encoded, srgb):
    (tmp_path / "a.png").write_bytes(encoded(colours(), "PNG", icc_profile=srgb))
    assert read_photo(tmp_path / "a.png").icc == srgb
    (tmp_path / "b.png").write_bytes(encoded(colours(), "PNG", icc_profile=b"no profile, but a secret"))
    assert read_photo(tmp_path / "b.png").icc is None
    (tmp_path / "c.png").write_bytes(encoded(colours(1)[..., 0], "PNG", icc_profile=srgb))
    photo = read_photo(tmp_path / "c.png")
    assert photo.icc is None
    assert photo.grey


def test_files_that_are_no_pictures(tmp_path, colours, encoded):
    for name, content, says in (
        ("empty.jpg", b"", "empty"),
        ("text.png", b"hello", "no picture"),
        ("program.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage", "no picture"),
        ("cut.jpg", encoded(colours(3, np.uint8, 400, 400), "JPEG")[:9000], "truncated or damaged"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError, match=says):
            read_photo(tmp_path / name)
    with pytest.raises(ImageError, match="no regular file"):
        read_photo(tmp_path)
    with pytest.raises(ImageError, match="no such file"):
        read_photo(tmp_path / "missing.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="no regular file"):
        read_photo(tmp_path / "pipe.jpg")


def test_size_is_limited_before_decoding(tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(ImageError, match="20000 x 20000 pixels"):
        read_photo(tmp_path / "bomb.png")
    Image.new("L", (40, 30)).save(tmp_path / "small.png")
    with pytest.raises(ImageError, match="max-pixels"):
        read_photo(tmp_path / "small.png", max_pixels=1199)
    assert read_photo(tmp_path / "small.png", max_pixels=1200).size == (40, 30)


def test_heic(tmp_path, colours):
    pytest.importorskip("pillow_heif")
    write_photo(Photograph(values=np.full((64, 64, 3), 90, np.uint8), format="PNG"), tmp_path / "a.heic")
    photo = read_photo(tmp_path / "a.heic")
    assert photo.format == "HEIF"
    assert np.abs(photo.values.astype(int) - 90).max() < 4


def test_heic_without_its_package(tmp_path, monkeypatch):
    for module in ("io", "heic"):
        monkeypatch.setattr(f"styleid.datasets.{module}.heic_support", lambda: False)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(ImageError, match="pillow-heif"):
        read_photo(tmp_path / "a.heic")


def test_pillows_own_limit_is_left_as_it_was(tmp_path, colours, encoded):
    before = Image.MAX_IMAGE_PIXELS
    (tmp_path / "a.png").write_bytes(encoded(colours(), "PNG"))
    read_photo(tmp_path / "a.png")
    assert before == Image.MAX_IMAGE_PIXELS
