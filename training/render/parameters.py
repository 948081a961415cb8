"""What a head is made of: `Identity` stays in all pictures of a person, `State` changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = [
    "BEARDS",
    "FLOWING",
    "GLASSES",
    "HAIR_COLOURS",
    "IRIS_COLOURS",
    "STYLES",
    "Identity",
    "State",
]

STYLES = (
    "bald", "buzz", "short", "sidepart", "swept_back", "afro", "bob", "long", "wavy", "tied", "bangs",
)  # fmt: skip
FLOWING = frozenset({"bob", "long", "wavy", "tied", "bangs"})  # long enough to hang
BEARDS = ("none", "stubble", "mustache", "goatee", "full")
GLASSES = ("none", "clear", "sun")

# Linear RGB; the order of these tables is the order of the one-hot columns in the parameter vector.
HAIR_COLOURS: dict[str, tuple[float, float, float]] = {
    "black": (0.012, 0.010, 0.009),
    "brown": (0.060, 0.033, 0.019),
    "darkbrown": (0.026, 0.016, 0.011),
    "blond": (0.36, 0.23, 0.105),
    "red": (0.20, 0.065, 0.024),
    "gray": (0.30, 0.295, 0.285),
}
# Outer and inner colour of the iris.
IRIS_COLOURS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "brown": ((0.10, 0.045, 0.018), (0.16, 0.075, 0.03)),
    "dark": ((0.035, 0.017, 0.009), (0.05, 0.025, 0.012)),
    "hazel": ((0.13, 0.10, 0.035), (0.22, 0.12, 0.045)),
    "green": ((0.11, 0.15, 0.075), (0.20, 0.17, 0.08)),
    "blue": ((0.12, 0.20, 0.33), (0.25, 0.33, 0.42)),
    "grey": ((0.17, 0.20, 0.23), (0.27, 0.29, 0.30)),
}


@dataclass(frozen=True, eq=False)
class Identity:
    """A person. Ages run from 0 (young adult) to 1 (old)."""

    shape: np.ndarray  # [100] float32, coefficients of the model's identity modes
    sex: float  # +1 male, -1 female
    masculinity: float  # along the model's sex axis
    weight: float  # along the model's weight axis
    age: float
    melanin: float
    haemoglobin: float
    blotchiness: float
    gloss: float
    freckles: float
    under_eye: float  # darkness below the eyes
    wrinkles: float
    hair_colour: str
    hair_brightness: float
    grey: float  # share of grey hair, 0..1
    iris_colour: str
    iris_jitter: np.ndarray  # [3], log scale of the iris colour
    iris_radius: float  # cm
    brow: tuple[
        float, float, float, float, float, float
    ]  # half thickness, height, arch, density, gap, length
    texture_seed: np.ndarray  # [3], shifts all noise textures
    lip_redness: float
    hairline: tuple[float, float, float]  # height of the front, recession at the temples, sideburns


@dataclass(frozen=True, eq=False)
class State:
    """One picture of a person: expression, pose, light, hair, make-up, clothes. Angles in radians."""

    expression: np.ndarray  # [53] float32, weights of the model's expressions
    smile: float
    mouth_open: float
    yaw: float
    pitch: float
    roll: float
    gaze: tuple[float, float]  # yaw, pitch of the eyeballs in the head
    distance: float  # camera to face, cm
    light_dirs: np.ndarray  # [3, 3], key, fill, rim: unit vectors towards the lights
    light_colours: np.ndarray  # [3, 3]
    sky: np.ndarray  # [3], ambient light from above
    ground: np.ndarray  # [3], and from below
    side: np.ndarray  # [3], and from the side of the fill light
    exposure: float
    style: str
    hair_variation: np.ndarray  # [8] in -1..1: length, parting, curl, combing, lift, volume, shine, spare
    hair_seed: int
    beard: str
    beard_length: float
    stubble: float
    makeup: tuple[float, float, float, float]  # lipstick, eye shadow, blush, liner
    lipstick_colour: np.ndarray  # [3]
    eye_shadow_colour: np.ndarray  # [3]
    glasses: str
    accessory_variation: np.ndarray  # [8] in 0..1: glasses' size, shape, wire, colour; earrings' size, metal
    hat: bool
    hat_colours: np.ndarray  # [2, 3]
    earrings: bool
    collar: tuple[
        float, float, float, float
    ]  # height, depth of the neckline, stripes' strength and frequency
    cloth_colours: np.ndarray  # [2, 3]
    background_seed: int
    noise: float  # camera noise, relative

    @property
    def head_angles(self) -> tuple[float, float, float]:
        """Yaw, pitch, roll of the head in the renderer's sense of rotation (down is positive)."""
        return self.yaw, -self.pitch, self.roll
