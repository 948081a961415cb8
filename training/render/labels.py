"""What is known exactly about a rendered head: class names, attributes, and all parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .axes import ShapeAxes
from .parameters import BEARDS, GLASSES, HAIR_COLOURS, IRIS_COLOURS, STYLES, Identity, State

__all__ = ["LABELS", "YAW", "attributes", "parameter_vector"]

YAW = 195  # column of `parameter_vector` that holds the yaw of the head, radians

# The classes of CelebAMask-HQ; l_ and r_ are the subject's left and right. The shaders know them as
# LABEL_SKIN etc.
LABELS = (
    "background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth",
    "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip


def attributes(
    axes: ShapeAxes, expressions: Sequence[str], identity: Identity, state: State
) -> dict[str, bool]:
    """36 attributes with CelebA's names, from the parameters and never from the pixels.

    axes: of the model that the identity was drawn for; expressions: names of `state.expression`'s columns.
    """
    values = {
        **_hair_attributes(identity, state),
        **_shape_attributes(axes, dict(zip(expressions, state.expression, strict=True)), identity, state),
        **_beard_attributes(state),
        **_other_attributes(identity, state),
    }
    return {name: bool(value) for name, value in values.items()}


def _hair_attributes(identity: Identity, state: State) -> dict[str, bool]:
    style, colour = state.style, identity.hair_colour
    bald, grey = style == "bald", identity.grey > 0.5
    coloured = not bald and not grey
    front, temples, _ = identity.hairline
    return {
        "Bald": bald,
        "Black_Hair": coloured and colour == "black",
        "Brown_Hair": coloured and colour in ("brown", "darkbrown"),
        "Blond_Hair": coloured and colour == "blond",
        "Gray_Hair": not bald and grey,
        "Bangs": style == "bangs" and not state.hat,
        "Wavy_Hair": style in ("wavy", "afro"),
        "Straight_Hair": style in ("long", "bob", "bangs", "sidepart"),
        "Receding_Hairline": bald or (front + temples > 1.0 and style != "bangs"),
    }


def _shape_attributes(
    axes: ShapeAxes, weights: dict[str, float], identity: Identity, state: State
) -> dict[str, bool]:
    z = {name: float(identity.shape @ direction) for name, direction in axes.measurements.items()}
    return {
        "Big_Nose": z["nose_width"] + 0.6 * z["nose_length"] > 1.0,
        "Pointy_Nose": z["nose_depth"] - 0.6 * z["nose_width"] > 0.9,
        "Big_Lips": z["lip_thickness"] > 0.8,
        "Narrow_Eyes": z["eye_opening"] < -0.9 or weights["eyeSquint_L"] > 0.5,
        "High_Cheekbones": z["cheekbone"] + 1.2 * state.smile > 0.9,
        "Oval_Face": z["face_height"] - z["jaw_width"] > 0.8,
        "Chubby": identity.weight > 1.0,
        "Double_Chin": identity.weight > 1.2 and z["under_chin"] > 0.4,
        "Arched_Eyebrows": identity.brow[2] > 1.25,
        "Bushy_Eyebrows": identity.brow[0] > 0.52,
        "Bags_Under_Eyes": identity.under_eye > 0.75,
    }


def _beard_attributes(state: State) -> dict[str, bool]:
    return {
        "No_Beard": state.beard in ("none", "mustache"),
        "Mustache": state.beard in ("mustache", "goatee", "full"),
        "Goatee": state.beard == "goatee",
        "5_o_Clock_Shadow": state.beard == "stubble",
        "Sideburns": state.beard == "full",
    }


def _other_attributes(identity: Identity, state: State) -> dict[str, bool]:
    lipstick, eye_shadow, blush, _ = state.makeup
    return {
        "Wearing_Lipstick": lipstick > 0.3,
        "Heavy_Makeup": eye_shadow > 0.25,
        "Rosy_Cheeks": blush > 0.45,
        "Pale_Skin": identity.melanin < 0.07,
        "Male": identity.sex > 0,
        "Young": identity.age < 0.5,
        "Smiling": state.smile > 0.35,
        "Mouth_Slightly_Open": state.mouth_open > 0.08,
        "Eyeglasses": state.glasses != "none",
        "Wearing_Hat": state.hat,
        "Wearing_Earrings": state.earrings,
    }


def parameter_vector(identity: Identity, state: State) -> np.ndarray:
    """All parameters of a picture as [296] float32: columns 0:142 are the identity, 142:296 the state."""
    columns = _identity_columns(identity) + _state_columns(state)
    return np.concatenate([np.asarray(column, np.float32).ravel() for column in columns])


def _identity_columns(p: Identity) -> list:
    scalars = (
        p.sex, p.masculinity, p.weight, p.age, p.melanin, p.haemoglobin, p.blotchiness, p.gloss, p.freckles,
        p.under_eye, p.wrinkles, p.hair_brightness, p.grey, p.iris_radius, p.lip_redness,
    )  # fmt: skip
    return [
        p.shape,
        scalars,
        _one_hot(p.hair_colour, HAIR_COLOURS),
        _one_hot(p.iris_colour, IRIS_COLOURS),
        p.iris_jitter,
        p.brow,
        p.texture_seed / 60,
        p.hairline,
    ]


def _state_columns(p: State) -> list:
    return [
        p.expression,
        (p.yaw, p.pitch, p.roll, *p.gaze, p.distance / 100, p.smile, p.mouth_open),
        p.light_dirs,
        p.light_colours,
        p.sky,
        p.ground,
        p.side,
        p.exposure,
        _one_hot(p.style, STYLES),
        p.hair_variation,
        _one_hot(p.beard, BEARDS),
        (p.beard_length, p.stubble),
        p.makeup,
        p.lipstick_colour,
        p.eye_shadow_colour,
        _one_hot(p.glasses, GLASSES),
        p.accessory_variation,
        (p.hat, p.earrings),
        p.hat_colours,
        p.collar,
        p.cloth_colours,
    ]


def _one_hot(value: str, names: Iterable[str]) -> list[float]:
    return [float(value == name) for name in names]
