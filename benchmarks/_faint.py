"""Photographs in which faces are hard to see: nearly dark, hazy, and larger than the frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from _photographs import Scene, _rgb, _scale

_BRIGHTNESS = (0.3, 0.1, 0.05, 0.03)
_HAZE = tuple((contrast, middle) for contrast in (0.1, 0.03) for middle in (0.1, 0.5, 0.9))
_FRAMES = (1.3, 1.1, 0.9, 0.8, 0.7, 0.6)  # side of a close-up, in sides of its face from brow to chin


def faint(scene: Scene) -> Iterator[Scene]:
    """A photograph darkened or with its contrast squeezed to 8 bits, alone and beside itself as it was."""
    light = scene.image / 255
    tones = {f"brightness {share}": light * share for share in _BRIGHTNESS}
    tones |= {
        f"contrast {contrast} at {middle}": middle + (light - 0.5) * contrast for contrast, middle in _HAZE
    }
    width = scene.image.shape[1]
    moved = tuple((x + width, y, side) for x, y, side in scene.faces)
    for kind, values in tones.items():
        dim = _rgb((values * 255).round().clip(0, 255))
        yield Scene(scene.name, kind, dim, scene.faces)
        both = np.concatenate([scene.image, dim], axis=1)
        yield Scene(scene.name, f"{kind}, beside", both, (*scene.faces, *moved))


def close_ups(scene: Scene, longest: int = 300) -> Iterator[Scene]:
    """Each face cut out ever closer; parts of it and of its neighbours lie outside the frame."""
    height, width = scene.image.shape[:2]
    for x, y, side in scene.faces:
        for share in _FRAMES:
            reach = share * side / 2
            left, top = max(0, int(x - reach)), max(0, int(y - reach))
            part = scene.image[top : min(height, int(y + reach)), left : min(width, int(x + reach))]
            shown = Scene(scene.name, "", part.copy(), ((x - left, y - top, side),))
            yield _scale(shown, longest / max(part.shape[:2]), f"close-up {share}")
