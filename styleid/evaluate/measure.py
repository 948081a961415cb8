"""One face before and after, as the recognisers and the other networks of a family see it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..errors import StyleIDError
from ..faces import AlignedFaces
from ..latent import project
from ..metrics import (
    attribute_distance,
    expression_measures,
    gaze_yaw,
    head_pose,
    identity_distance,
    landmark_drift,
    pose_drift,
    psnr,
    ssim,
)
from .examiners import Examiner

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["FOUND", "NOT_FOUND", "WITHHELD", "MeasuredFace", "measure_face", "reconstructions"]

FOUND = "found"  # there is a face in the same place of the output
NOT_FOUND = "not found"  # the output shows none there that the detectors see; it may still be recognisable
WITHHELD = "withheld"  # the picture has no output


@dataclass(frozen=True, eq=False, repr=False)
class MeasuredFace:
    """One face of the source.

    Attributes:
        picture, index: where it is; `identity` who it is.
        outcome: found, not found or withheld.
        before, after, placed: embeddings [D] by recogniser of the source, of the face found in the output, and of the
            output cut where the source's face was (an attacker may know the place). None: there is no such face.
        distances: by recogniser: `reconstruction` (source to reconstruction: what the encoder alone loses), `swap`
            (reconstruction to output), `output` (source to found face), `place` (source to `placed`).
        attributes: confidences [A] before and after; None without a net, or without a face in the output.
        numbers: drift, expression and quality; NaN: not measured.
    """

    picture: str
    index: int
    identity: str
    outcome: str
    before: Mapping[str, Tensor]
    after: Mapping[str, Tensor] | None = None
    placed: Mapping[str, Tensor] | None = None
    distances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    attributes: tuple[Tensor, Tensor] | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)


def measure_face(
    picture: str,
    index: int,
    identity: str,
    source: AlignedFaces,
    *,
    found: AlignedFaces | None,
    placed: Tensor | None,
    family: Family,
    examiners: Sequence[Examiner],
) -> MeasuredFace:
    """Measure a face.

    Args:
        source: the aligned face before, alone.
        found: the face in the same place of the output, alone; None where there is none.
        placed: the output cut like the source, [1, S, S, 3]; None where the picture was withheld.
    """
    crop = source.crops
    views = {"source": crop, "reconstruction": reconstructions(family, crop)}
    if found is not None:
        views["found"] = found.crops
    if placed is not None:
        views["placed"] = placed
    seen = {
        one.name: dict(zip(views, one.embed(torch.cat(list(views.values()))), strict=True))
        for one in examiners
    }
    by_view = {name: {who: vectors[name] for who, vectors in seen.items()} for name in views}
    attributes = _attributes(family, crop, found)
    return MeasuredFace(
        picture=picture,
        index=index,
        identity=identity,
        outcome=WITHHELD if placed is None else NOT_FOUND if found is None else FOUND,
        before=by_view["source"],
        after=by_view.get("found"),
        placed=by_view.get("placed"),
        distances={who: _distances(vectors) for who, vectors in seen.items()},
        attributes=attributes,
        numbers=_drift(family, source, found)
        | _attribute_numbers(family, attributes)
        | _quality(crop, placed),
    )


def reconstructions(family: Family, crops: Tensor) -> Tensor:
    """Crops [N, S, S, 3] through encoder and generator with nothing swapped: the inversion control."""
    made = family.decode(project(family, crops)).to(crops)
    if made.shape[1] == crops.shape[1]:
        return made
    size = crops.shape[1:3]
    planes = torch.nn.functional.interpolate(
        made.movedim(-1, 1), size=size, mode="bicubic", align_corners=False, antialias=True
    )
    return planes.clamp(0, 1).movedim(1, -1).contiguous()


def _distances(vectors: Mapping[str, Tensor]) -> dict[str, float]:
    pairs = {
        "reconstruction": ("source", "reconstruction"),
        "swap": ("reconstruction", "found"),
        "output": ("source", "found"),
        "place": ("source", "placed"),
    }
    known = {name: pair for name, pair in pairs.items() if pair[1] in vectors}
    return {name: float(identity_distance(vectors[a], vectors[b])) for name, (a, b) in known.items()}


def _attributes(family: Family, crop: Tensor, found: AlignedFaces | None) -> tuple[Tensor, Tensor] | None:
    if family.attributes is None or found is None:
        return None
    before, after = family.attribute_confidences(torch.cat([crop, found.crops])).cpu()
    return before, after


def _drift(family: Family, source: AlignedFaces, found: AlignedFaces | None) -> dict[str, float]:
    """Landmarks and pose in the photograph, expression in the aligned crops, all as changes."""
    numbers = dict.fromkeys(
        ("landmarks", "pose", "yaw", "pitch", "roll", "mouth_open", "eye_open", "gaze"), math.nan
    )
    if found is None:
        return numbers
    before, after = source.faces[0].landmarks, found.faces[0].landmarks
    numbers["landmarks"] = float(landmark_drift(before, after)[0])
    try:
        numbers["pose"] = float(pose_drift(before, after)[0])
        turn = (head_pose(after) - head_pose(before))[0]
        numbers.update(zip(("yaw", "pitch", "roll"), np.abs((turn + 180) % 360 - 180).tolist(), strict=True))
    except StyleIDError:  # landmarks on a line have no pose
        pass
    if family.parser is not None:
        crops = torch.cat([source.crops, found.crops])
        labels = family.parse(crops).cpu().numpy()
        measures = expression_measures(labels) | {"gaze": gaze_yaw(crops.cpu().numpy(), labels)}
        numbers |= {name: float(abs(after - before)) for name, (before, after) in measures.items()}
    return numbers


def _attribute_numbers(family: Family, attributes: tuple[Tensor, Tensor] | None) -> dict[str, float]:
    numbers = {"attribute_distance": math.nan, "smiling": math.nan}
    if attributes is not None:
        numbers["attribute_distance"] = float(attribute_distance(*attributes))
        if "Smiling" in family.attributes.names:
            smiling = family.attributes.names.index("Smiling")
            numbers["smiling"] = float((attributes[1] - attributes[0])[smiling].abs())
    return numbers


def _quality(crop: Tensor, placed: Tensor | None) -> dict[str, float]:
    if placed is None:
        return {"psnr": math.nan, "ssim": math.nan}
    return {"psnr": float(psnr(crop, placed)[0]), "ssim": float(ssim(crop, placed)[0])}
