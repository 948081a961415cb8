"""Save Anonymized Image: pixels only, nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..styleid.errors import InputError
from . import _bridge
from ._sockets import as_rgb

FORMATS = {"png": ("PNG", {"compress_level": 4}), "jpeg": ("JPEG", {"subsampling": 0}), "webp": ("WEBP", {})}
SUFFIX = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


class StyleIDSaveAnonymizedImage:
    """Writes pixels and nothing else."""

    DISPLAY_NAME = "Save Anonymized Image (StyleID)"
    CATEGORY = "StyleID"
    DESCRIPTION = (
        "Saves images to ComfyUI's output folder without prompt, workflow, EXIF or any other metadata. Never overwrites. "
        "(ComfyUI's own Save Image and Preview Image write the whole workflow into their files.)"
    )
    FUNCTION = "execute"
    RETURN_TYPES = ()
    RETURN_NAMES = ()
    OUTPUT_TOOLTIPS = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "images": (
                    "IMAGE",
                    {"tooltip": "Anonymised images, from 'Paste Faces Back' or 'Anonymize'."},
                ),
                "filename_prefix": (
                    "STRING",
                    {
                        "default": "anonymized",
                        "tooltip": "Start of the file name; a counter follows. Do not put a person's name here.",
                    },
                ),
                "format": (
                    list(FORMATS),
                    {"default": "png", "tooltip": "File format. PNG keeps every pixel exactly."},
                ),
                "quality": (
                    "INT",
                    {
                        "default": 95,
                        "min": 1,
                        "max": 100,
                        "tooltip": "JPEG and WebP quality; PNG ignores it.",
                    },
                ),
            }
        }

    def execute(self, *, images: Tensor, filename_prefix: str, format: str, quality: int) -> dict[str, Any]:
        images = as_rgb(images)
        if not len(images):
            raise InputError("Save Anonymized Image: the batch is empty, so there is nothing to save.")
        height, width = images.shape[1:3]
        folder, stem, counter, subfolder = _bridge.output_folder(filename_prefix, width=width, height=height)
        progress = _bridge.progress_bar(len(images))
        saved = []
        for number, image in enumerate(images, start=1):
            path, counter = write_new(to_pillow(image), folder, stem, counter, format, quality)
            saved.append({"filename": path.name, "subfolder": subfolder, "type": "output"})
            progress(number, len(images))
        return {"ui": {"images": saved}}


def to_pillow(image: Tensor) -> Image.Image:
    """[H, W, 3] in 0..1 -> 8-bit RGB."""
    return Image.fromarray((image.cpu().numpy() * 255.0 + 0.5).astype(np.uint8))


def write_new(
    picture: Image.Image, folder: Path, stem: str, counter: int, kind: str, quality: int
) -> tuple[Path, int]:
    """Writes to the first free counter name, never over a file; returns the path and the next counter."""
    name, options = FORMATS[kind]
    if kind != "png":
        options = {**options, "quality": quality}
    while True:
        path = folder / f"{stem}_{counter:05}_{SUFFIX[kind]}"
        counter += 1
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        except FileExistsError:
            continue
        try:
            with os.fdopen(handle, "wb") as file:
                picture.save(file, format=name, **options)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path, counter
