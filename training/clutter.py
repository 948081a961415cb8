"""What surrounds faces and is taken for one: textures, discs, lettering, ovals and fingers in the colour of skin."""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ["add_shapes", "add_things", "texture"]

Rng = np.random.Generator


def texture(rng: Rng, size: int) -> np.ndarray:
    """[S,S,3] float32 in 0..1: noise whose spectrum falls with the frequency as in photographs, smooth or in steps,
    stretched or not: gravel, grass, bark, cloth, tissue."""
    stretch = np.exp(rng.normal() * 0.5) if rng.random() < 0.4 else 1.0
    rows, columns = np.fft.fftfreq(size)[:, None] * stretch, np.fft.rfftfreq(size)[None]
    angle = rng.uniform(0, np.pi)
    along = rows * np.cos(angle) + columns * np.sin(angle)
    frequency = np.sqrt(along**2 + (stretch * (columns * np.cos(angle) - rows * np.sin(angle))) ** 2)
    fall = (frequency + 1 / size) ** -rng.uniform(0.2, 2.0)
    waves = np.fft.rfft2(rng.normal(size=(3, size, size))) * fall
    channels = np.fft.irfft2(waves, s=(size, size))
    channels /= channels.std((1, 2), keepdims=True) + 1e-6
    if rng.random() < 0.35:
        channels = np.tanh(channels * rng.uniform(2, 10))
    mixing = np.eye(3) * rng.uniform(0, 0.08) + rng.normal(size=(3, 1)) * 0.03
    mixing[:, 0] += rng.uniform(0.03, 0.25)  # most of it is brightness
    tint = np.clip(rng.uniform(0.15, 0.85) + rng.normal(size=3) * 0.1, 0, 1)
    picture = np.einsum("cd,drs->rsc", mixing, channels) + tint
    return np.ascontiguousarray(np.clip(picture, 0, 1), np.float32)


def add_things(rng: Rng, image: np.ndarray) -> None:
    """Draw lettering, or discs with rings (wheels, buttons), or balls, or bundles of lines."""
    size = len(image)
    kind = rng.choice(4, p=[0.2, 0.2, 0.4, 0.2])
    for _ in range(rng.integers(2, 12)):
        colour, place = rng.random(3).tolist(), rng.integers(0, size, 2).tolist()
        if kind == 0:
            _letters(rng, image, place, colour)
        elif kind == 1:
            _disc(rng, image, place, int(np.exp(rng.uniform(1.0, 4.0))), colour)
        elif kind == 2:
            _ball(rng, image, place, np.exp(rng.uniform(1.2, 4.0)), colour)
        else:
            step, thickness = rng.normal(size=4) * size * 0.1, int(rng.integers(1, 5))
            start, end = np.array(place), rng.integers(0, size, 2)
            for n in range(rng.integers(1, 7)):
                first, last = (start + n * step[:2]).astype(int), (end + n * step[2:]).astype(int)
                cv2.line(image, first.tolist(), last.tolist(), colour, thickness, cv2.LINE_AA)


def _letters(rng: Rng, image: np.ndarray, place: list[int], colour: list[float]) -> None:
    text = "".join(chr(c) for c in rng.integers(33, 126, rng.integers(2, 14)))
    font, scale = int(rng.integers(0, 8)), rng.uniform(0.25, 2)
    cover = np.zeros(image.shape[:2], np.uint8)  # OpenCV writes on bytes only
    cv2.putText(cover, text, place, font, scale, 255, 1 + int(scale), cv2.LINE_AA)
    image += cover[..., None].astype(np.float32) / 255 * (np.float32(colour) - image)


def _disc(rng: Rng, image: np.ndarray, place: list[int], radius: int, colour: list[float]) -> None:
    cv2.circle(image, place, radius, colour, -1, cv2.LINE_AA)
    for _ in range(rng.integers(0, 5)):
        inner = max(1, int(radius * rng.uniform(0.1, 1)))
        tone = np.clip(np.array(colour) * rng.uniform(0.3, 1.6), 0, 1).tolist()
        offset = (rng.normal(size=2) * radius * 0.3).astype(int) if rng.random() < 0.6 else 0
        where = (np.array(place) + offset).tolist()
        cv2.circle(image, where, inner, tone, -1 if rng.random() < 0.5 else 1 + radius // 12, cv2.LINE_AA)


def _ball(rng: Rng, image: np.ndarray, place: list[int], radius: float, colour: list[float]) -> None:
    """A lump with a sharp or a soft edge, lit from one side and uneven: stones, fruit, coins, blossoms, galaxies."""
    size = len(image)
    axes = radius * np.exp(rng.normal(size=2) * 0.25)
    x, y = (np.arange(size) - place[0]) / axes[0], (np.arange(size)[:, None] - place[1]) / axes[1]
    cover = np.exp(-((x**2 + y**2) ** np.exp(rng.uniform(-0.5, 2.5)))).astype(np.float32)
    side = rng.normal(size=2) * 0.4
    cells = int(np.clip(size / radius * rng.uniform(1, 4), 2, size))
    relief = cv2.resize(rng.normal(size=(cells, cells)), (size, size), interpolation=cv2.INTER_CUBIC)
    shade = 1 + np.clip(side[0] * x + side[1] * y, -0.8, 0.8) + relief * rng.uniform(0, 0.4)
    tone = np.mean(colour) + (np.array(colour) - np.mean(colour)) * rng.uniform(0, 1)
    image += cover[..., None] * (np.clip(tone * shade[..., None], 0, 1).astype(np.float32) - image)


def add_shapes(rng: Rng, image: np.ndarray, skin: np.ndarray) -> None:
    """Draw an oval, or fingers side by side, in the colour of skin [P,3] u8, with dark spots now and then."""
    side = len(image)
    colour = np.median(skin, 0) / 255 if len(skin) else np.array([0.7, 0.5, 0.45])
    colour = np.clip(colour * np.exp(rng.normal() * 0.3), 0, 1).astype(np.float32)
    size, middle, angle = np.exp(rng.uniform(2.0, 4.5)), rng.uniform(0, side, 2), rng.uniform(0, np.pi)
    cover = np.zeros((side, side), np.float32)
    if rng.random() < 0.5:
        axes = (int(size / 2) + 1, int(size * rng.uniform(0.25, 0.5)) + 1)
        cv2.ellipse(cover, middle.astype(int).tolist(), axes, np.degrees(angle), 0, 360, 1.0, -1, cv2.LINE_AA)
    else:
        along, across = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        for n in range(rng.integers(2, 6)):
            start = middle + across * n * size * 0.22
            end = start + along * size * rng.uniform(0.6, 1.2)
            width = max(1, int(size * 0.2))
            cv2.line(cover, start.astype(int).tolist(), end.astype(int).tolist(), 1.0, width, cv2.LINE_AA)
    shade = 1 + rng.normal() * 0.3 * np.linspace(-1, 1, side, dtype=np.float32)[:, None]
    for _ in range(rng.integers(0, 4)):
        spot = (middle + rng.normal(size=2) * size * 0.2).astype(int).tolist()
        dark = cv2.circle(np.zeros_like(cover), spot, max(1, int(size * 0.06)), 1.0, -1, cv2.LINE_AA)
        shade = shade * (1 - dark * rng.uniform(0.3, 0.9))
    cover = cv2.GaussianBlur(cover, (0, 0), 0.8)[..., None]
    image += cover * (np.clip(colour * shade[..., None], 0, 1) - image)
