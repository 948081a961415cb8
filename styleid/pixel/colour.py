"""The target takes on the source's colours, measured inside a face mask."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from skimage.color import lab2rgb, rgb2lab

from ..errors import InputError
from .lowpass import blurred

__all__ = ["COLOUR_METHODS", "check_sizes", "match_colour", "match_part"]

COLOUR_METHODS = ("histogram", "lab", "tone", "none")
# Fewer pixels than this say nothing about a face's colours: the target stays as it is.
_FEWEST = 16


def match_colour(
    target: torch.Tensor,
    source: torch.Tensor,
    mask: torch.Tensor,
    method: str = "histogram",
    *,
    source_mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Maps the colours of target to those of source; both IMAGE [H, W, 3] or [N, H, W, 3] in 0..1.

    mask: [H, W] or [N, H, W]; pixels above 0.5 in it are compared, in the source those of source_mask (by default of
    mask). The map is then applied to the whole target. method: "histogram" (per channel, as scikit-image's
    `match_histograms` on the masked pixels), "lab" (mean and variance per CIELAB channel, Reinhard et al. 2001), "tone"
    (the source's broad light, and in it what stands out from the target's own; of colour only the source's broad tones, as
    they go with its lightness, and of the target's own a third, or less where the source is nearly grey, so colour noise of
    the target stays out), "none".
    """
    if method not in COLOUR_METHODS:
        raise InputError(f"There is no colour match {method!r}. Choose one of: {', '.join(COLOUR_METHODS)}.")
    masks = (mask, mask if source_mask is None else source_mask)
    check_sizes(target, source, {"mask": masks[0], "source mask": masks[1]})
    if method == "none":
        return target.clone()
    if target.ndim == 3:
        return _match(target, source, *(one.reshape(one.shape[-2:]) for one in masks), method, len(target))
    each = (one.expand(len(target), *one.shape[-2:]) for one in masks)
    side = target.shape[1]
    matched = [_match(*one, method, side) for one in zip(target, source, *each, strict=True)]
    return torch.stack(matched) if matched else target.clone()


def check_sizes(target: torch.Tensor, source: torch.Tensor, masks: Mapping[str, torch.Tensor]) -> None:
    """Raise InputError unless both are IMAGE [H, W, 3] or [N, H, W, 3] of one size, and the named masks [H, W] or
    [1 or N, H, W].
    """
    if target.shape != source.shape or target.ndim not in (3, 4) or target.shape[-1] != 3:
        raise InputError(
            f"Two images of one size are needed, found {list(target.shape)}, {list(source.shape)}."
        )
    count = 1 if target.ndim == 3 else len(target)
    for name, mask in masks.items():
        counted = mask.ndim == 2 or (mask.ndim == 3 and len(mask) in (1, count))
        if not counted or tuple(mask.shape[-2:]) != tuple(target.shape[-3:-1]):
            raise InputError(
                f"The {name} must have the image's size, one for all or one per image, found {list(mask.shape)} for "
                f"{list(target.shape)}."
            )


def match_part(
    target: torch.Tensor, source: torch.Tensor, here: torch.Tensor, there: torch.Tensor, method: str
) -> torch.Tensor:
    """`match_colour` of a part of one picture [H, W, 3] that lies `here` in the target and `there` in the source, bool
    [H, W]. Only the smallest rectangle around both is mapped.
    """
    rows, columns = ((here | there).any(axis).nonzero() for axis in (1, 0))
    if not len(rows):
        return target.clone()
    box = tuple(slice(int(one.min()), int(one.max()) + 1) for one in (rows, columns))
    part = target.clone()
    part[box] = _match(target[box], source[box], here[box], there[box], method, side=len(target))
    return part


def _match(
    target: torch.Tensor,
    source: torch.Tensor,
    mask: torch.Tensor,
    source_mask: torch.Tensor,
    method: str,
    side: int,
) -> torch.Tensor:
    """`side` is the height of the whole picture in pixels."""
    inside, theirs = ((one > 0.5).cpu().numpy() for one in (mask, source_mask))
    if min(inside.sum(), theirs.sum()) < _FEWEST:
        return target.clone()
    t, s = (image.detach().cpu().double().numpy() for image in (target, source))
    match = {"histogram": _histogram, "lab": _lab, "tone": partial(_tone, side=side)}[method]
    return torch.from_numpy(np.clip(match(t, s, inside, theirs), 0, 1)).to(target)


def _histogram(target: np.ndarray, source: np.ndarray, inside: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    channels = (_match_channel(target[..., c], target[inside, c], source[theirs, c]) for c in range(3))
    return np.stack(list(channels), axis=-1)


def _match_channel(channel: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The monotone map that gives the values `own` the cumulative histogram of `wanted`, applied everywhere."""
    values, counts = np.unique(own, return_counts=True)
    goal, goal_counts = np.unique(wanted, return_counts=True)
    mapped = np.interp(np.cumsum(counts) / len(own), np.cumsum(goal_counts) / len(wanted), goal)
    return np.interp(channel, values, mapped)


def _lab(target: np.ndarray, source: np.ndarray, inside: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    t, s = rgb2lab(target), rgb2lab(source)
    mean_t, mean_s = t[inside].mean(0), s[theirs].mean(0)
    gain = np.clip(s[theirs].std(0) / np.maximum(t[inside].std(0), 1e-3), 0.5, 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # colours outside sRGB are clipped, as wished
        return lab2rgb((t - mean_t) * gain + mean_s)


# Widths of the low-pass filters of "tone", as shares of the picture's height: what counts as a broad tone, and how
# fine a patch of colour (lips) may be.
_BROAD, _FINE = 0.1, 0.02
# How much of the target's own patches of colour remains, where the source has as much.
_OWN_COLOUR = 0.35
# Of lightness: more would turn what is soft in the target into stains.
_TONE_GAIN = (0.6, 1.2)


def _tone(
    target: np.ndarray, source: np.ndarray, inside: np.ndarray, theirs: np.ndarray, side: int
) -> np.ndarray:
    t, s = rgb2lab(target), rgb2lab(source)
    skin = _of_one_colour(s, theirs)
    # The source's light, and in it what stands out from the target's own. Quartiles, not spread: the skin is most of a
    # face, and hair or a dark wall beside it should not count.
    wanted, light = _lowpass(s[..., 0], skin, _BROAD * side), _lowpass(t[..., 0], inside, _BROAD * side)
    ranges = ((s[..., 0] - wanted)[skin], (t[..., 0] - light)[inside])
    range_s, range_t = (np.subtract(*np.percentile(one, (75, 25))) for one in ranges)
    t[..., 0] = wanted + np.clip(range_s / max(range_t, 1e-3), *_TONE_GAIN) * (t[..., 0] - light)
    # Light skin is paler than skin in the shade: colour goes with the lightness that it has now.
    usual = np.percentile(s[skin, 0], (10, 80))
    light_t, light_s = (x[..., 0].clip(*usual) - np.median(s[skin, 0]) for x in (t, s))
    for c in (1, 2):
        centred = light_s[skin] - light_s[skin].mean()
        slope = (centred * s[skin, c]).sum() / max((centred**2).sum(), 1.0)
        own, patches = _patches(t[..., c], inside, side), _patches(s[..., c], skin, side)
        share = min(_OWN_COLOUR, patches[skin].std() / max(own[inside].std(), 1e-3))
        rest = _lowpass(s[..., c] - slope * light_s, skin, _BROAD * side)
        t[..., c] = slope * light_t + rest + share * own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lab2rgb(t)


def _patches(colour: np.ndarray, inside: np.ndarray, side: int) -> np.ndarray:
    """Neither broad tones nor noise."""
    return _lowpass(colour, inside, _FINE * side) - _lowpass(colour, inside, _BROAD * side)


def _of_one_colour(lab: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The pixels inside without those whose colour is another than that of most: a wall that was taken for skin."""
    away = np.linalg.norm(lab[..., 1:] - np.median(lab[inside, 1:], axis=0), axis=-1)
    return inside & (away <= 3 * np.median(away[inside]) + 1e-6)


def _lowpass(values: np.ndarray, inside: np.ndarray, sigma: float) -> np.ndarray:
    """Nearly Gaussian mean over the pixels inside only; far from them, their mean."""
    weight = blurred(inside.astype(np.float64), sigma) + 1e-4
    mean = values[inside].mean()
    return blurred(np.where(inside, values - mean, 0.0), sigma) / weight + mean
