"""HEIC pictures, where pillow-heif is installed."""

from __future__ import annotations

import importlib.util

from PIL import Image

__all__ = ["heic_support", "register_heic"]


def heic_support() -> bool:
    """Whether pillow-heif is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def register_heic() -> bool:
    """Let Pillow read and write HEIC; False where it cannot."""
    if heic_support() and "HEIF" not in Image.OPEN:
        import pillow_heif

        pillow_heif.register_heif_opener()
    return "HEIF" in Image.OPEN
