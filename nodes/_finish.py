"""Pasting crops that a graph made, one photograph at a time: paste, verify, and let no recognisable face out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..styleid.faces import BLURS, AlignedFaces, Face, align_faces, blur_faces, detect_faces, paste_faces
from ..styleid.family import Family
from ..styleid.pipeline.compose import combined
from ..styleid.privacy import Verification, verify_faces
from ..styleid.privacy.outcomes import ANONYMISED, BLOCKED, BLURRED, PASSED

__all__ = ["Finished", "finish_photograph", "of_frame"]

BLURRED_DISK = (
    0.85  # a blurred head covers at least this disk of its crop, as a share of half the crop's side
)


@dataclass(frozen=True, eq=False, repr=False)
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

    Nobody may be recognised who is in the photograph, be it the one that the faces were found in or another.
    With `on_failure` "blur", faces that are still recognised, and faces that nobody replaced, are blurred, and the
    result is verified again; the blur gets stronger each time.
    """
    pasted = paste_faces(image[None], crops, masks, aligned) if len(aligned) else image[None]
    also = others(image, aligned, models)
    check = verified(pasted, aligned, masks, also, models)
    nearest, missed = check.nearest, len(check.missed)
    if check.passed or on_failure != "blur":
        failed_as = PASSED if on_failure == "pass" else BLOCKED
        outcomes = tuple(ANONYMISED if hidden else failed_as for hidden in check.hidden)
        return Finished(
            pasted[0], outcomes, nearest, missed, blocked=not check.passed and on_failure == "block"
        )
    handled, blurred = aligned, [False] * len(aligned)
    for cells in (BLURS[0], *BLURS):  # the first twice: a blur may bare another face to the detector
        blurred = [old or not hidden for old, hidden in zip(blurred, check.hidden, strict=True)]
        if check.missed:  # what they are in the source is what their blur is compared with
            strangers = align_faces(image[None], [check.missed], aligned.size)
            handled = combined([handled, strangers])
            masks = torch.cat([masks, masks.new_zeros(len(strangers), *masks.shape[1:])])
            blurred += [True] * len(strangers)
        chosen = [face for face, blur in zip(handled.faces, blurred, strict=True) if blur]
        output = blur_faces(pasted, [chosen], cells=cells)
        check = verified(output, handled, covered(masks, blurred), also, models)
        if check.passed:
            outcomes = tuple(BLURRED if blur else ANONYMISED for blur in blurred[: len(aligned)])
            return Finished(output[0], outcomes, nearest, missed)
    return Finished(image, (BLOCKED,) * len(aligned), nearest, missed, blocked=True)


def seen_in(image: Tensor, models: Family) -> list[Face]:
    return detect_faces(image, landmark_net=models.landmarks, detector=models.detector)


def others(image: Tensor, aligned: AlignedFaces, models: Family) -> Tensor:
    """Crops [K, S, S, 3] of whoever may be in a photograph beside the faces as they were cut out: where somebody marked
    them, a mark may lie beside its face; where the photograph is not the one they were cut from, it shows other people."""
    if not len(aligned):
        return aligned.crops
    marked = any(face.detector == "boxes" for face in aligned.faces)
    here = align_faces(image[None], [aligned.faces], aligned.size).crops
    changed = not torch.equal(here, aligned.crops.to(here))
    seen = align_faces(image[None], [seen_in(image, models) if marked or changed else []], aligned.size).crops
    return torch.cat([here, seen]) if changed else seen


def verified(
    picture: Tensor, aligned: AlignedFaces, masks: Tensor, also: Tensor, models: Family
) -> Verification:
    """The judge's view of one finished picture [1, H, W, 3], compared with the handled faces and with crops `also`."""
    if not len(aligned):
        return Verification((), (), tuple(seen_in(picture[0], models)))
    return verify_faces(
        picture[0],
        aligned,
        masks,
        judge=models.judge,
        detect=lambda image: seen_in(image, models),
        sources=models.judge.embed(torch.cat([aligned.crops, also.to(aligned.crops)])),
    )


def covered(masks: Tensor, blurred: list[bool]) -> Tensor:
    """Where the source's pixels are gone, [N, S, S]: the pasted area, or the disk of a blurred head."""
    steps = torch.linspace(-1, 1, masks.shape[-1])
    disk = (torch.hypot(steps[:, None], steps[None]) <= BLURRED_DISK).float()  # [S, S]
    return torch.where(torch.tensor(blurred)[:, None, None], disk, masks)
