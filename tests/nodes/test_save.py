"""Save Anonymized Image, with a stand-in for ComfyUI's folder_paths."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image


@pytest.fixture
def output(tmp_path, monkeypatch):
    """The output folder; the counter always says 1, as when two servers share a folder."""

    def get_save_image_path(prefix, root, width, height):
        return str(tmp_path), prefix, 1, "", prefix

    fake = SimpleNamespace(
        get_output_directory=lambda: str(tmp_path), get_save_image_path=get_save_image_path
    )
    monkeypatch.setitem(sys.modules, "folder_paths", fake)
    return tmp_path


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_pixels_and_nothing_else(node, output, kind):
    images = torch.rand(2, 20, 30, 3)
    answer = node("StyleIDSaveAnonymizedImage")(images=images, format=kind)
    names = [entry["filename"] for entry in answer["ui"]["images"]]
    assert sorted(names) == sorted(path.name for path in output.iterdir())
    with Image.open(output / names[0]) as picture:
        assert picture.size == (30, 20)
        assert not picture.getexif()
        assert not {"exif", "comment", "xmp", "parameters", "prompt", "workflow"} & set(picture.info)
        if kind == "png":
            assert not picture.info
            exact = np.round(images[0].numpy() * 255).astype(np.uint8)
            assert np.array_equal(np.asarray(picture), exact)


def test_never_overwrites(node, output):
    old = output / "anonymized_00001_.png"
    old.write_bytes(b"precious")
    node("StyleIDSaveAnonymizedImage")(images=torch.rand(1, 8, 8, 3))
    assert old.read_bytes() == b"precious"
    assert (output / "anonymized_00002_.png").is_file()


def test_a_failed_write_leaves_nothing(node, output, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        node("StyleIDSaveAnonymizedImage")(images=torch.rand(1, 8, 8, 3))
    assert not list(output.iterdir())


def test_nothing_to_save_is_said(node, output, errors):
    with pytest.raises(errors.InputError, match="empty"):
        node("StyleIDSaveAnonymizedImage")(images=torch.rand(0, 8, 8, 3))
