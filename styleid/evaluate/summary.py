"""From measured faces to a report: every section over the found faces, with how many were not found beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .examiners import main_judge
from .hidden import attack_section, diversity_section, identity_section
from .kept import attribute_section, background_section, drift_section, quality_section
from .measure import FOUND, NOT_FOUND, WITHHELD, MeasuredFace
from .report import VERSION, Report, plain
from .sample import compare_methods

if TYPE_CHECKING:
    from .evaluation import Evaluation

__all__ = ["LIMITS", "summarise"]

LIMITS = (
    "A face that no detector found in an original is in no figure here.",
    "A face that was not found in an output may be found by another detector: conservative rates take it for recognised.",
    "Figures of a recogniser with the role 'tuner' flatter the result: it may have chosen the change.",
    "A threshold belongs to the data that it was measured on, and a recogniser is as good as the faces it has seen (see "
    "'trained_on'): one that has seen rendered heads only can promise nothing about photographs of real people.",
    "An attacker may use a stronger recogniser, retrain one on anonymised pictures, or know hair, clothes and place.",
    "FID of fewer than some thousand faces is too high: compare it only between runs over as many.",
    "Gaze is the sideways turn of the eyes in the head, from where the iris lies in the parser's eye: off by 4 degrees "
    "(median, renders of 256 pixels), by more behind glasses. Pose comes from five landmarks: off by 4 degrees "
    "where they are off by 3 % of the distance between the eyes, by 11 degrees at 12 %. Mouth and eyes are the parser's.",
)


def summarise(
    run: Evaluation,
    *,
    labels: str,
    chosen_by: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """The report of everything that was added to `run`."""
    faces = run.faces
    identities = _numbers([face.identity for face in faces])
    judge = main_judge(run.examiners)
    data: dict[str, Any] = {
        "version": VERSION,
        "models": run.family.name,
        "judge": judge.name,
        "chosen_by": list(chosen_by) or "not known",
        "pictures": dict(run.pictures),
        "faces": _counts(run),
        "labels": {"by": labels, "identities": len(set(identities.tolist())), "faces": len(faces)},
        "intervals": "95 %, bootstrap over identities, 500 rounds",
        "identity": {one.name: identity_section(one, faces, identities) for one in run.examiners if faces},
        "reidentification": {
            one.name: attack_section(one, faces, identities) for one in run.examiners if faces
        },
        "diversity": {one.name: diversity_section(one, faces, identities) for one in run.examiners if faces},
        "attributes": attribute_section(run),
        "drift": drift_section(faces),
        "background": background_section(run),
        "quality": quality_section(run),
        "baselines": _baselines(run, identities, progress),
        "limits": list(LIMITS),
    }
    return Report(plain(data), [_row(face) for face in faces])


def _counts(run: Evaluation) -> dict[str, int]:
    outcomes = [face.outcome for face in run.faces]
    counts = {name: outcomes.count(name) for name in (FOUND, NOT_FOUND, WITHHELD)}
    return {
        "in originals": len(outcomes),
        **counts,
        "new in outputs": run.new_faces,
        "not measured": run.unmeasured,
    }


def _baselines(
    run: Evaluation, identities: Tensor, progress: Callable[[int, int], None] | None
) -> dict[str, Any]:
    if not len(run.sample):
        return {"note": "not measured: left out, or no output"}
    before, output = run.sample.crops()
    rows = compare_methods(
        before,
        output,
        identities[run.sample.numbers],
        family=run.family,
        examiners=run.examiners,
        sources=run.sample.sources,
        detect=run.detect_in_crop,
        progress=progress,
    )
    return {"faces": len(run.sample), "of": run.sample.offered, "methods": rows}


def _row(face: MeasuredFace) -> dict[str, Any]:
    row: dict[str, Any] = {"picture": face.picture, "face": face.index + 1, "outcome": face.outcome}
    for who, distances in face.distances.items():
        row |= {f"{who} {kind}": value for kind, value in distances.items()}
    return plain(row | dict(face.numbers))


def _numbers(names: Sequence[str]) -> Tensor:
    index: Mapping[str, int] = {name: n for n, name in enumerate(dict.fromkeys(names))}
    return torch.tensor([index[name] for name in names], dtype=torch.long)
