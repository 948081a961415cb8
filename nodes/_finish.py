"""Pasting crops that a graph made, one photograph at a time: paste, verify, and let no recognisable face out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..styleid.faces import BLURS, AlignedFaces, Face, blur_faces, detect_faces, paste_faces
from ..styleid.family import Family
from ..styleid.privacy import Verification, verify_faces
from ..styleid.privacy.outcomes import ANONYMISED, BLOCKED, BLURRED, PASSED

__all__ = ["Finished", "finish_photograph", "of_frame"]

BLURRED_DISK = (
    0.85  # a blurred head covers at least this disk of its crop, as a share of half the crop's side
)


@dataclass(frozen=True, eq=False)
class Finished:
    """One photograph: the pixels, and per face its outcome and nearest distance to any original face."""

    image: Tensor  # [H, W, 3]
    outcomes: tuple[str, ...]
    nearest: tuple[float | None, ...]
    missed: int = 0  # faces seen in the result that nobody replaced
    blocked: bool = False  # must not come out

    @property
    def hidden(self) -> bool:
        """Whether every face moved far enough and none was missed."""
        return not self.missed and all(outcome == ANONYMISED for outcome in self.outcomes)


def of_frame(aligned: AlignedFaces, frame: int) -> tuple[AlignedFaces, list[int]]:
    """The faces of one photograph of the batch, as a batch of one photograph, and which faces these are."""
    chosen = [index for index, own in enumerate(aligned.frames) if own == frame]
    part = replace(
        aligned,
        crops=aligned.crops[chosen],
        faces=tuple(aligned.faces[index] for index in chosen),
        frames=(0,) * len(chosen),
        to_crop=aligned.to_crop[chosen],
    )
    return part, chosen


def finish_photograph(
    image: Tensor, crops: Tensor, masks: Tensor, aligned: AlignedFaces, *, models: Family, on_failure: str
) -> Finished:
    """Paste crops [N, S, S, 3] through masks [N, S, S] into one photograph [H, W, 3] and verify it.

    With `on_failure` "blur", faces that are still recognised, and faces that nobody replaced, are blurred, and the
    result is verified again; the blur gets stronger each time.
    """
    if not len(aligned):
        return without_faces(image, models, on_failure)
    pasted = paste_faces(image[None], crops, masks, aligned)
    check = verified(pasted, aligned, masks, models)
    nearest, missed = check.nearest, len(check.missed)
    if check.passed or on_failure != "blur":
        failed_as = PASSED if on_failure == "pass" else BLOCKED
        outcomes = tuple(ANONYMISED if hidden else failed_as for hidden in check.hidden)
        return Finished(
            pasted[0], outcomes, nearest, missed, blocked=not check.passed and on_failure == "block"
        )
    blurred = [False] * len(aligned)
    strangers: list[Face] = []
    for cells in (BLURS[0], *BLURS):  # the first twice: a blur may bare another face to the detector
        blurred = [old or not hidden for old, hidden in zip(blurred, check.hidden, strict=True)]
        strangers += check.missed
        chosen = [face for face, blur in zip(aligned.faces, blurred, strict=True) if blur] + strangers
        output = blur_faces(pasted, [chosen], cells=cells)
        check = verified(output, aligned, covered(masks, blurred), models)
        if check.passed:
            outcomes = tuple(BLURRED if blur else ANONYMISED for blur in blurred)
            return Finished(output[0], outcomes, nearest, missed)
    return Finished(image, (BLOCKED,) * len(aligned), nearest, missed, blocked=True)


def without_faces(image: Tensor, models: Family, on_failure: str) -> Finished:
    """A photograph in which 'Detect and Align Faces' saw nobody: it comes out as it is if that is still so."""
    seen = detect_faces(image, landmark_net=models.landmarks, detector=models.detector)
    if seen and on_failure == "blur":
        return Finished(blur_faces(image[None], [seen])[0], (), (), len(seen))
    return Finished(image, (), (), len(seen), blocked=bool(seen) and on_failure == "block")


def verified(picture: Tensor, aligned: AlignedFaces, masks: Tensor, models: Family) -> Verification:
    """The judge's view of one finished picture [1, H, W, 3]."""

    def detect(image: Tensor) -> list[Face]:
        return detect_faces(image, landmark_net=models.landmarks, detector=models.detector)

    return verify_faces(picture[0], aligned, masks, judge=models.judge, detect=detect)


def covered(masks: Tensor, blurred: list[bool]) -> Tensor:
    """Where the source's pixels are gone, [N, S, S]: the pasted area, or the disk of a blurred head."""
    steps = torch.linspace(-1, 1, masks.shape[-1])
    disk = (torch.hypot(steps[:, None], steps[None]) <= BLURRED_DISK).float()  # [S, S]
    return torch.where(torch.tensor(blurred)[:, None, None], disk, masks)
