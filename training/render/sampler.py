"""Draws people and pictures of them. Every number comes from the generator passed in.

The order of the draws is part of the data set: changing it changes every head that a seed stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .axes import ShapeAxes
from .parameters import BEARDS, STYLES, Identity, State

__all__ = ["Sampler"]

Rng = np.random.Generator


class Sampler:
    """Draws `Identity` and `State`; the same generator state gives the same head.

    axes: directions of sex and weight in the model's identity space; expressions: the model's expression
    names.
    """

    def __init__(self, axes: ShapeAxes, expressions: Sequence[str]) -> None:
        self._axes = axes
        self._expressions = tuple(expressions)

    def identity(self, rng: Rng) -> Identity:
        sex = 1.0 if rng.random() < 0.5 else -1.0
        shape, masculinity, weight = self._shape(rng, sex)
        age = float(np.clip(rng.beta(1.5, 2.0), 0, 1))
        skin = _skin(rng, age)
        colours = _colours(rng, age, skin["melanin"])
        return Identity(
            shape=shape,
            sex=sex,
            masculinity=masculinity,
            weight=weight,
            age=age,
            **skin,
            **colours,
            brow=_brow(rng, sex),
            texture_seed=rng.uniform(0, 60, 3),
            lip_redness=float(rng.uniform(0.55, 1.0)),
            hairline=_hairline(rng, sex, age),
        )

    def state(self, rng: Rng, identity: Identity) -> State:
        expression = self._expression(rng)
        pose = _pose(rng)
        light = _light(rng, identity.melanin)
        hair = _hair(rng, identity)
        makeup = _makeup(rng, identity.sex)
        return State(**expression, **pose, **light, **hair, **makeup, **_accessories(rng, identity.sex))

    def _shape(self, rng: Rng, sex: float) -> tuple[np.ndarray, float, float]:
        """Modes from a normal distribution, but sex and weight drawn on their own along their axes."""
        modes = np.clip(rng.standard_normal(100), -2.2, 2.2) * 0.95
        modes -= self._axes.sex * (modes @ self._axes.sex)
        masculinity = sex * 1.15 + rng.normal() * 0.45
        modes += self._axes.sex * masculinity
        weight = rng.normal() * 0.9
        modes -= self._axes.weight * (modes @ self._axes.weight)
        modes += self._axes.weight * weight
        return modes.astype(np.float32), masculinity, weight

    def _expression(self, rng: Rng) -> dict[str, Any]:
        weights = dict.fromkeys(self._expressions, 0.0)

        def both(name: str, value: float, asymmetry: float = 0.08) -> None:
            skew = rng.normal() * asymmetry * value
            weights[name + "_L"] = float(np.clip(value + skew, 0, 1.1))
            weights[name + "_R"] = float(np.clip(value - skew, 0, 1.1))

        smile = 0.0
        kind = rng.random()
        if kind < 0.48:
            smile = rng.uniform(0.25, 1.0)
            _smile(rng, weights, both, smile)
        elif kind < 0.60:
            weights["jawOpen"] = float(rng.uniform(0.05, 0.35))
            both("mouthLowerDown", rng.uniform(0, 0.25))
        elif kind < 0.68:
            frown = rng.uniform(0.2, 0.7)
            both("mouthFrown", frown)
            both("browDown", frown * 0.6)
        elif kind < 0.74:
            weights["mouthPucker"] = float(rng.uniform(0.1, 0.5))
        elif kind < 0.80:
            both("mouthPress", rng.uniform(0.1, 0.5))
        _upper_face(rng, both)
        mouth_open = weights["jawOpen"] + 0.35 * max(weights["mouthUpperUp_L"], weights["mouthLowerDown_L"])
        values = np.array([weights[name] for name in self._expressions], np.float32)
        return {"expression": values, "smile": smile, "mouth_open": mouth_open}


def _smile(rng: Rng, weights: dict[str, float], both, amount: float) -> None:
    both("mouthSmile", amount * 0.85)
    both("cheekSquint", amount * 0.5)
    both("eyeSquint", amount * 0.35)
    both("mouthDimple", amount * 0.15)
    if rng.random() < 0.62:  # showing teeth
        weights["jawOpen"] = float(rng.uniform(0, 0.22) * amount)
        both("mouthUpperUp", amount * rng.uniform(0.15, 0.4))
        both("mouthLowerDown", amount * rng.uniform(0.05, 0.35))


def _upper_face(rng: Rng, both) -> None:
    if rng.random() < 0.25:
        both("browInnerUp", rng.uniform(0.1, 0.6))
        both("browOuterUp", rng.uniform(0, 0.6))
    elif rng.random() < 0.2:
        both("browDown", rng.uniform(0.1, 0.6))
    if rng.random() < 0.04:
        both("eyeBlink", 0.95, 0.01)
    else:
        both("eyeBlink", float(abs(rng.normal()) * 0.07), 0.05)
    if rng.random() < 0.15:
        both("eyeWide", rng.uniform(0.1, 0.6))


def _skin(rng: Rng, age: float) -> dict[str, Any]:
    tones = [rng.normal(0.13, 0.045), rng.normal(0.28, 0.07), rng.normal(0.62, 0.16)]
    melanin = float(np.clip(rng.choice(tones, p=[0.45, 0.3, 0.25]), 0.03, 1.0))
    return {
        "melanin": melanin,
        "haemoglobin": float(np.clip(rng.normal(0.20, 0.06), 0.08, 0.38)),
        "blotchiness": float(rng.uniform(0.25, 0.9)),
        "gloss": float(rng.uniform(0.5, 1.3)),
        "freckles": float(max(0, rng.normal(0.1, 0.5)) if melanin < 0.25 else 0),
        "under_eye": float(np.clip(rng.normal(0.35 + 0.4 * age, 0.3), 0, 1.2)),
        "wrinkles": float(np.clip((age - 0.3) * 1.5 + rng.normal() * 0.1, 0, 1.15)),
    }


def _colours(rng: Rng, age: float, melanin: float) -> dict[str, Any]:
    """Hair and eyes, correlated with the skin as in people."""
    fair = melanin < 0.2
    if fair:
        hair_odds = [0.15, 0.25, 0.32, 0.22, 0.06]
    else:
        hair_odds = [0.45, 0.35, 0.19, 0.01, 0] if melanin < 0.45 else [0.75, 0.2, 0.05, 0, 0]
    iris_odds = [0.25, 0.08, 0.17, 0.12, 0.28, 0.10] if fair else [0.45, 0.45, 0.08, 0.01, 0.005, 0.005]
    return {
        "hair_colour": str(rng.choice(["black", "darkbrown", "brown", "blond", "red"], p=hair_odds)),
        "hair_brightness": float(np.exp(rng.normal() * 0.22)),
        "grey": float(np.clip((age - 0.62) * 2.6 + rng.normal() * 0.3, 0, 1) if age > 0.5 else 0),
        "iris_colour": str(rng.choice(["brown", "dark", "hazel", "green", "blue", "grey"], p=iris_odds)),
        "iris_jitter": rng.normal(size=3) * 0.12,
        "iris_radius": float(rng.normal(0.64, 0.015)),
    }


def _brow(rng: Rng, sex: float) -> tuple[float, float, float, float, float, float]:
    half_thickness = np.clip(rng.normal(0.45 + 0.09 * sex, 0.09), 0.27, 0.75)
    return (
        float(half_thickness),
        float(rng.normal(0, 0.16) - 0.08 * sex),
        float(np.clip(rng.normal(1.0 - 0.15 * sex, 0.3), 0.3, 1.8)),
        float(np.clip(rng.normal(0.74 + 0.08 * sex, 0.13), 0.45, 1.0)),
        float(rng.normal(0, 0.22)),
        float(rng.normal(0, 0.25)),
    )


def _hairline(rng: Rng, sex: float, age: float) -> tuple[float, float, float]:
    front = float(rng.normal(0, 0.35))
    if sex > 0:  # men's temples recede with age
        temples = float(np.clip(rng.normal(0.15 + (0.55 * sex + 0.35) * age, 0.35), -0.3, 2.0))
    else:
        temples = float(rng.uniform(-0.2, 0.4))
    return front, temples, float(rng.normal(0, 0.5))


def _pose(rng: Rng) -> dict[str, Any]:
    yaw = float(np.clip(rng.normal() * 0.28, -0.785, 0.785))
    pitch = float(np.clip(rng.normal() * 0.11, -0.35, 0.35))
    roll = float(rng.normal() * 0.03)
    # Most people look into the camera: the eyes turn against the head.
    gaze = (
        float(-yaw * 0.6 * (rng.random() < 0.7) + rng.normal() * 0.05),
        float(-pitch * 0.6 + rng.normal() * 0.04),
    )
    return {"yaw": yaw, "pitch": pitch, "roll": roll, "gaze": gaze, "distance": float(rng.uniform(55, 120))}


def _light(rng: Rng, melanin: float) -> dict[str, Any]:
    """Key, fill and rim light with ambient light, and an exposure that mostly evens out their strength."""

    def direction(azimuth: float, elevation: float) -> np.ndarray:
        level = np.cos(elevation)
        return np.array([np.sin(azimuth) * level, np.sin(elevation), np.cos(azimuth) * level])

    def tint(strength: float) -> np.ndarray:  # warm to cold
        return np.exp(np.array([1, 0, -1]) * rng.normal() * strength)

    azimuth, elevation = rng.uniform(-1.15, 1.15), rng.uniform(0.1, 0.95)
    total, key_share = rng.uniform(0.85, 1.2), rng.uniform(0.35, 0.75)
    key = direction(azimuth, elevation)
    fill = direction(-azimuth * rng.uniform(0.5, 1.2) - 0.2 * np.sign(azimuth), rng.uniform(-0.1, 0.5))
    rim = direction(rng.choice([-1, 1]) * rng.uniform(2.0, 2.7), rng.uniform(0.1, 0.7))
    key_colour = tint(0.12) * 2.0 * key_share * total
    fill_colour = tint(0.12) * rng.uniform(0.15, 0.6) * total
    rim_colour = tint(0.2) * rng.uniform(0, 1.2) * (rng.random() < 0.55)
    ambient = (1 - key_share) * total * rng.uniform(0.75, 1.1)
    sky = tint(0.12) * ambient * 1.15
    ground = tint(0.12) * ambient * rng.uniform(0.4, 0.8)
    side = tint(0.2) * rng.uniform(0, 0.5)
    brightness = (
        sky * 0.6 + ground * 0.4 + key_colour * max(key[2], 0.2) * 0.8 + fill_colour * max(fill[2], 0) * 0.8
    ).mean()
    skin = 1 + 0.34 * melanin - 0.10 * (melanin < 0.16)
    return {
        "light_dirs": np.stack([key, fill, rim]),
        "light_colours": np.stack([key_colour, fill_colour, rim_colour]),
        "sky": sky,
        "ground": ground,
        "side": side,
        "exposure": float(np.exp(rng.normal() * 0.10) * 0.86 / brightness**0.85 * skin),
    }


# In the order of STYLES.
STYLE_ODDS_MALE = (0.10, 0.12, 0.26, 0.20, 0.14, 0.06, 0.02, 0.03, 0.02, 0.04, 0.01)
STYLE_ODDS_FEMALE = (0.005, 0.01, 0.05, 0.02, 0.05, 0.06, 0.18, 0.22, 0.16, 0.14, 0.105)
LIPSTICKS = (
    (0.42, 0.03, 0.05),
    (0.30, 0.02, 0.05),
    (0.52, 0.15, 0.17),
    (0.38, 0.10, 0.08),
    (0.20, 0.02, 0.04),
    (0.50, 0.06, 0.14),
)
EYE_SHADOWS = ((0.25, 0.15, 0.10), (0.18, 0.12, 0.16), (0.12, 0.13, 0.18), (0.30, 0.17, 0.14))


def _hair(rng: Rng, identity: Identity) -> dict[str, Any]:
    male = identity.sex > 0
    style = rng.choice(STYLES, p=STYLE_ODDS_MALE if male else STYLE_ODDS_FEMALE)
    if male and identity.age > 0.5 and rng.random() < 0.2:
        style = "bald"
    return {
        "style": str(style),
        "hair_variation": rng.uniform(-1, 1, 8),
        "hair_seed": int(rng.integers(1 << 30)),
        "beard": str(rng.choice(BEARDS, p=[0.42, 0.26, 0.08, 0.10, 0.14])) if male else "none",
        "beard_length": float(rng.uniform(0.3, 1.6)),
        "stubble": float(rng.uniform(0.25, 0.6)),
    }


def _makeup(rng: Rng, sex: float) -> dict[str, Any]:
    worn = sex < 0 and rng.random() < 0.6
    heavy = worn and rng.random() < 0.5
    makeup = (
        float(rng.uniform(0.35, 0.9)) if worn else 0.0,
        float(rng.uniform(0.3, 0.8)) if heavy else 0.0,
        float(rng.uniform(0.2, 0.8)) if worn and rng.random() < 0.7 else 0.0,
        float(rng.uniform(0.4, 1)) if heavy or (worn and rng.random() < 0.4) else 0.0,
    )
    lipstick = LIPSTICKS[rng.integers(len(LIPSTICKS))]
    return {
        "makeup": makeup,
        "lipstick_colour": np.array(lipstick) * np.exp(rng.normal(size=3) * 0.15),
        "eye_shadow_colour": np.array(EYE_SHADOWS[rng.integers(len(EYE_SHADOWS))]),
    }


def _accessories(rng: Rng, sex: float) -> dict[str, Any]:
    kind = rng.random()
    drawn = {
        "glasses": "none" if kind > 0.17 else ("sun" if kind < 0.025 else "clear"),
        "accessory_variation": rng.uniform(0, 1, 8),
        "hat": bool(rng.random() < 0.045),
        "hat_colours": rng.uniform(0.02, 0.5, (2, 3)),
        "earrings": bool(sex < 0 and rng.random() < 0.45),
        "collar": (
            float(rng.uniform(-12.5, -8.6)),
            float(rng.uniform(0, 3.5)),
            float((rng.random() < 0.2) * 0.8),
            float(rng.uniform(2, 6)),
        ),
    }
    rng.random()  # a draw without use, kept so that a seed still stands for the same picture
    cloth = [
        np.exp(rng.normal(size=3) * 0.45 + rng.uniform(-3.6, -0.6)),
        np.exp(rng.normal(size=3) * 0.4 + rng.uniform(-3, -0.6)),
    ]
    return {
        **drawn,
        "cloth_colours": np.stack(cloth),
        "background_seed": int(rng.integers(1 << 30)),
        "noise": float(rng.uniform(0.2, 1.2)),
    }
