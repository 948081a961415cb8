"""Collects pictures and what became of them, one at a time, and sums them up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..faces import AlignedFaces, Face, align_faces, detect_faces
from ..metrics import BackgroundDifference, Perceptual, background_difference
from .examiners import Examiner, examiners_of
from .faces import CROP, cut, head_areas, largest, pair_faces, same_size
from .measure import MeasuredFace, measure_face
from .report import Report
from .sample import Sample

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["Evaluation"]


class Evaluation:
    """Add every picture with its output, then ask for the report.

    Memory grows by the embeddings of each face only; the baselines are measured on a random sample of the faces.

    Args:
        family: networks that embed, parse and reconstruct.
        examiners: by default the judge and the tuner of the family, see :func:`examiners_of`.
        sample: most faces that the baselines are measured on; 0 leaves them out.
        detect: finds the faces of a photograph [H, W, 3]; by default the project's detectors.
    """

    def __init__(
        self,
        family: Family,
        examiners: Sequence[Examiner] | None = None,
        *,
        sample: int = 100,
        detect: Callable[[Tensor], Sequence[Face]] | None = None,
    ) -> None:
        self.family = family
        self.examiners = tuple(examiners_of(family) if examiners is None else examiners)
        self.detect = detect or partial(detect_faces, landmark_net=family.landmarks, detector=family.detector)
        # In an aligned crop the face has a known size: smaller ones need not be looked for.
        self.detect_in_crop = detect or partial(
            detect_faces, landmark_net=family.landmarks, detector=family.detector, min_size=CROP / 6
        )
        self.faces: list[MeasuredFace] = []
        self.pictures: Counter[str] = Counter()
        self.new_faces = 0  # in outputs, where the source has none
        self.unmeasured = 0  # faces of sources that could not be cut out
        self.background: list[BackgroundDifference] = []
        self.sample = Sample(sample)
        self.perceptual = Perceptual()

    def add(
        self,
        picture: str,
        before: Tensor,
        after: Tensor | None,
        *,
        identity: str | None = None,
        areas: Sequence[tuple[int, int, int, int]] | None = None,
    ) -> None:
        """Measure one photograph and its output.

        Args:
            picture: what the report calls it.
            before, after: [H, W, 3] in 0..1; None where there is no output.
            identity: who its largest face is; by default everybody in it is a person of its own.
            areas: rectangles (x0, y0, x1, y1), end exclusive, that were reported as changed; by default the squares of
                the aligned crops.

        Raises:
            InputError: pictures that are no such tensors.
        """
        resized = after is not None and after.shape != before.shape
        after = None if after is None else same_size(after, before)
        faces = list(self.detect(before))
        seen = [] if after is None else list(self.detect(after))
        partners = pair_faces(faces, seen)
        named = largest(faces) if faces and identity is not None else None
        measured = []
        for index, (face, partner) in enumerate(zip(faces, partners, strict=True)):
            who = identity if index == named else f"{picture}#{index + 1}"
            found = None if partner is None else seen[partner]
            measured.append(self._measured(picture, index, who, (before, face), (after, found)))
        if after is not None and not resized:
            inside = head_areas(before, [*faces, *seen]) if areas is None else _rectangles(before, areas)
            self.background.append(background_difference(before, after, inside))
        # Counted only here: a picture that raised above leaves no trace.
        self.pictures["withheld" if after is None else "compared"] += 1
        self.pictures["without a face"] += not faces
        self.pictures["resized outputs"] += resized
        self.new_faces += len(seen) - sum(partner is not None for partner in partners)
        for entry in measured:
            self._keep(entry)

    def count_failed(self) -> None:
        """Count a picture that could not be read."""
        self.pictures["failed"] += 1

    def report(
        self,
        *,
        labels: str = "pairs",
        chosen_by: Sequence[str] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> Report:
        """Sum up.

        Args:
            labels: how the identities were told.
            chosen_by: names of the recognisers that chose the change, where that is known.
            progress: called with (methods compared, methods in all).
        """
        from .summary import summarise

        return summarise(self, labels=labels, chosen_by=chosen_by, progress=progress)

    def _measured(
        self,
        picture: str,
        index: int,
        who: str,
        source: tuple[Tensor, Face],
        output: tuple[Tensor | None, Face | None],
    ) -> tuple[MeasuredFace, AlignedFaces, Tensor | None] | None:
        """The measured face, its crop before, and the output's crop at the same place; None where it cannot be cut out."""
        (before, face), (after, partner) = source, output
        aligned = cut(before, face)
        if aligned is None:
            return None
        found = cut(after, partner) if after is not None and partner is not None else None
        placed = None if after is None else align_faces(after[None], [[face]], CROP).crops
        measured = measure_face(
            picture,
            index,
            who,
            aligned,
            found=found,
            placed=placed,
            family=self.family,
            examiners=self.examiners,
        )
        return measured, aligned, placed

    def _keep(self, entry: tuple[MeasuredFace, AlignedFaces, Tensor | None] | None) -> None:
        if entry is None:
            self.unmeasured += 1
            return
        measured, aligned, placed = entry
        self.faces.append(measured)
        if placed is not None:
            self.perceptual.update(aligned.crops, placed)
            self.sample.offer(len(self.faces) - 1, aligned, placed[0])


def _rectangles(picture: Tensor, areas: Sequence[tuple[int, int, int, int]]) -> Tensor:
    inside = torch.zeros(picture.shape[:2], dtype=torch.bool)
    for x0, y0, x1, y1 in areas:
        inside[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = True
    return inside
