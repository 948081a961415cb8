"""Turns parameters into the shaders' inputs: colours of hair, brows and skin, stubble, lights."""

from __future__ import annotations

from typing import Any

import numpy as np

from .parameters import HAIR_COLOURS, IRIS_COLOURS, Identity, State

__all__ = [
    "BEARD_SHINE",
    "bun_colour",
    "eye_uniforms",
    "hair_uniforms",
    "lash_uniforms",
    "light_uniforms",
    "skin_uniforms",
]

Uniforms = dict[str, Any]
# Stubble (or the shadow below a beard) on the moustache, goatee and jaw.
STUBBLE = {
    "none": (0, 0, 0),
    "stubble": (1, 1, 1),
    "mustache": (1, 0, 0),
    "goatee": (1, 1, 0),
    "full": (1, 1, 1),
}
BEARD_SHINE = 0.35  # beards are duller than hair


def light_uniforms(state: State) -> Uniforms:
    return {
        "u_light_dir": state.light_dirs,
        "u_light_col": state.light_colours,
        "u_sky": state.sky,
        "u_ground": state.ground,
        "u_side": state.side,
        "u_exposure": state.exposure,
    }


def hair_uniforms(identity: Identity, state: State) -> Uniforms:
    root = _hair_colour(identity)
    tip = root * (1.0 + 0.35 * (identity.hair_colour in ("blond", "brown")))  # bleached by the sun
    shine = 0.55 + 0.3 * (state.hair_variation[6] + 1)
    return {"u_root_col": root, "u_tip_col": tip, "u_grey": identity.grey, "u_shine": shine}


def bun_colour(identity: Identity) -> np.ndarray:
    return _greyed_hair(identity) * 0.8


def eye_uniforms(identity: Identity) -> Uniforms:
    outer, inner = (np.array(colour) for colour in IRIS_COLOURS[identity.iris_colour])
    jitter = np.exp(identity.iris_jitter)
    return {
        "u_iris_outer": outer * jitter * 0.62,
        "u_iris_inner": inner * jitter * 0.62,
        "u_pupil": 0.36,
        "u_radius": identity.iris_radius,
        "u_redness": 0.5 + 0.5 * identity.age,
    }


def lash_uniforms(identity: Identity, state: State) -> Uniforms:
    liner = state.makeup[3]
    return {
        "u_density": 0.40 + 0.5 * max(liner, 0.35 * (identity.sex < 0)),
        "u_colour": (0.012, 0.009, 0.008),
    }


def skin_uniforms(identity: Identity, state: State) -> Uniforms:
    hair, grey_hair = _hair_colour(identity), _greyed_hair(identity)
    beard = grey_hair * 0.5 + hair * 0.5 if identity.age > 0.7 else hair
    near_scalp = 0.5 if state.style in ("bald", "buzz", "short") else 0.33  # short hair shows more of it
    return {
        "u_skin": (identity.melanin, identity.haemoglobin, identity.blotchiness, identity.gloss),
        "u_brow": identity.brow[:4],
        "u_brow_ends": identity.brow[4:],
        "u_brow_col": _brow_colour(identity),
        "u_beard": _stubble(identity, state),
        "u_beard_col": beard,
        "u_makeup": state.makeup,
        "u_lip_col": state.lipstick_colour,
        "u_shadow_col": state.eye_shadow_colour,
        "u_age": (identity.wrinkles, identity.freckles, identity.under_eye, _scalp_cover(state)),
        "u_scalp_col": grey_hair * near_scalp,
        "u_lip_red": identity.lip_redness,
    }


def _hair_colour(identity: Identity) -> np.ndarray:
    return np.array(HAIR_COLOURS[identity.hair_colour]) * identity.hair_brightness


def _greyed_hair(identity: Identity) -> np.ndarray:
    return (1 - identity.grey) * _hair_colour(identity) + identity.grey * np.array([0.30, 0.29, 0.28])


def _brow_colour(identity: Identity) -> np.ndarray:
    darker = 0.62 if identity.hair_colour in ("blond", "red") else 0.9
    colour = np.clip(_hair_colour(identity) * darker, 0.006, 1)
    return colour * (1 - 0.5 * identity.grey) + 0.5 * identity.grey * np.array([0.22, 0.21, 0.2])


def _scalp_cover(state: State) -> float:
    """How much the scalp's skin is painted as hair."""
    if state.style == "bald":
        return 0.10 if state.hair_variation[0] < 0.2 else 0.35
    return 0.82 if state.style == "buzz" else 0.92


def _stubble(identity: Identity, state: State) -> tuple[float, ...]:
    strength = state.stubble if state.beard == "stubble" else 0.85
    dark = identity.hair_colour in ("black", "darkbrown", "brown")
    shadow = 0.10 * (identity.sex > 0) * dark  # shaved dark beards still show
    return tuple(max(area * strength, shadow) for area in STUBBLE[state.beard])
