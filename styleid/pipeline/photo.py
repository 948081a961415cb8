"""Pictures in the caller's own type: PIL image, numpy array or torch tensor in, the same type out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import ImageError, InputError

__all__ = ["Photo", "split_pictures"]

_SCALES = {torch.uint8: 255, torch.uint16: 65535}  # value of white; floats are 0..1
_KEPT_MODES = ("L", "LA", "RGB", "RGBA", "I;16")
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL converts to grey
_ROWS = 512
# Interpolation overshoots a little; a picture in 0..255 or -1..1 is a mistake that would hide faces from the detector.
_LOWEST, _HIGHEST = -0.25, 1.25


@dataclass(frozen=True, eq=False, repr=False)
class Photo:
    """One picture: `values` [H, W] or [H, W, C] as given; a large one is not held as floats for longer than needed."""

    original: Any
    values: Tensor

    @classmethod
    def read(cls, picture: Any) -> Photo:
        """Raises InputError or ImageError for what `split_pictures` lets through but holds unusable values."""
        values = _values(picture)
        if values.is_floating_point():
            low, high = (float(v) for v in torch.aminmax(values))
            if not (low >= _LOWEST and high <= _HIGHEST):  # also when NaN
                raise InputError(
                    f"Pictures of floats must lie in 0..1 without NaN, found {low:g} .. {high:g}. "
                    "Divide by the value of white, or clamp."
                )
        return cls(picture, values)

    @property
    def pixels(self) -> Tensor:
        """float32 [H, W, 3] in 0..1 on the CPU, made anew at each call."""
        colour = self.values[..., None] if self.values.dim() == 2 else self.values
        colour = colour[..., : 3 if colour.shape[-1] >= 3 else 1].cpu().to(torch.float32)
        scale = _SCALES.get(self.values.dtype)
        colour = colour.clamp(0, 1) if scale is None else colour.div_(scale)
        return colour.expand(-1, -1, 3).contiguous()

    @property
    def alpha(self) -> Tensor | None:
        """What transparency draws, float32 [H, W, 3], its least value at 0 and its greatest at 1; None if nothing."""
        if self.values.dim() == 2 or self.values.shape[-1] % 2:
            return None
        alpha = self.values[..., -1:].cpu().to(torch.float32)
        low, high = torch.aminmax(alpha)
        return None if low == high else ((alpha - low) / (high - low)).expand(-1, -1, 3)

    @property
    def grey(self) -> bool:
        return self.values.dim() == 2 or self.values.shape[-1] < 3

    def digest(self) -> bytes:
        """Of the picture's content at 8 bits, whatever type it came in."""
        pixels = self.pixels
        sha = hashlib.sha256(str(list(pixels.shape)).encode())
        for rows in pixels.split(_ROWS):
            sha.update((rows * 255).round().to(torch.uint8).numpy().tobytes())
        return sha.digest()

    def finish(self, output: Tensor, changed: Tensor) -> Any:
        """The caller's picture with `output` [H, W, 3] written where `changed` [H, W] is True, nothing else
        touched.
        """
        values = self.values.clone(memory_format=torch.contiguous_format)
        if isinstance(self.original, Tensor) and values.dtype not in _SCALES:
            target = values.view(*values.shape[:2], -1)
            new = self._encoded(output[changed]).to(values)  # [K, c]
            target[..., : new.shape[1]][changed.to(values.device)] = new
            return values
        array = values.cpu().numpy()
        new = self._encoded(output[changed]).numpy().astype(array.dtype)
        array.reshape(*array.shape[:2], -1)[..., : new.shape[1]][changed.numpy()] = new
        if isinstance(self.original, Image.Image):
            return Image.fromarray(array)
        return array if isinstance(self.original, np.ndarray) else torch.from_numpy(array).to(values.device)

    def _encoded(self, colours: Tensor) -> Tensor:
        """[K, 3] in 0..1 -> [K, 3] or grey [K, 1] in the units of `values`, float64 where they are
        integers.
        """
        if self.grey:
            colours = colours @ colours.new_tensor(_LUMA)[:, None]
        scale = _SCALES.get(self.values.dtype)
        return colours if scale is None else (colours.double() * scale).round()


def split_pictures(images: Any) -> list[Any]:
    """The single pictures of a picture, a batch, or a list of pictures, in order; their shapes and types are
    checked.

    Raises InputError, naming the position, for anything that is no picture.
    """
    if isinstance(images, (Tensor, np.ndarray)) and images.ndim == 4:
        images = list(images)
    elif isinstance(images, (Tensor, np.ndarray, Image.Image)):
        images = [images]
    elif not isinstance(images, Sequence) or isinstance(images, (str, bytes)):
        raise InputError(
            f"Give a PIL image, a numpy array or a torch tensor, or a list of them; found {type(images).__name__}."
        )
    for position, picture in enumerate(images):
        _check(picture, position)
    return list(images)


def _check(picture: Any, position: int) -> None:
    where = f"Picture {position + 1}"
    if isinstance(picture, Image.Image):
        if picture.mode in ("I", "F"):
            raise InputError(
                f"{where} has mode {picture.mode}, whose range is not known. Convert it to I;16 or RGB."
            )
        if 0 in picture.size:
            raise InputError(f"{where} is empty: {picture.size[0]} x {picture.size[1]} pixels.")
        return
    if not isinstance(picture, (Tensor, np.ndarray)):
        raise InputError(
            f"{where} is no PIL image, numpy array or torch tensor, but {type(picture).__name__}."
        )
    shape = tuple(picture.shape)
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 2, 3, 4)) or 0 in shape:
        raise InputError(
            f"{where} must be [H, W], or [H, W, C] with 1 to 4 channels last, found {list(shape)}."
        )
    kind = str(picture.dtype).removeprefix("torch.")
    if kind not in ("uint8", "uint16", "float16", "bfloat16", "float32", "float64"):
        raise InputError(f"{where} must hold uint8, uint16 or floats in 0..1, found {kind}.")


def _values(picture: Any) -> Tensor:
    if isinstance(picture, Tensor):
        return picture.detach()
    if isinstance(picture, Image.Image):
        try:
            if picture.mode not in _KEPT_MODES:
                transparent = picture.mode in ("PA", "RGBa", "La") or "transparency" in picture.info
                grey = picture.mode == "1" and not transparent
                picture = picture.convert("RGBA" if transparent else "L" if grey else "RGB")
            picture = np.array(picture)
        except (OSError, SyntaxError, ValueError) as error:
            raise ImageError(
                f"This picture cannot be decoded ({type(error).__name__}). It may be truncated."
            ) from error
    native = picture.dtype.newbyteorder("=")
    return torch.from_numpy(np.require(picture, native, ["C", "W"]))
