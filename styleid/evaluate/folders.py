"""Two folders with mirrored paths: the originals, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets import MAX_PIXELS, read_photo
from ..datasets.files import PICTURES, same_file, walk
from ..errors import InputError, StyleIDError
from .evaluation import Evaluation
from .examiners import examiners_of
from .labels import identities_of
from .report import Report

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["evaluate_folders"]

_REPORT = "report.json"  # of the run that made the outputs


def evaluate_folders(
    clean: str | Path,
    anonymised: str | Path,
    family: Family,
    *,
    labels: str | Path | None = None,
    recognisers: Sequence[str] = (),
    sample: int = 100,
    max_pixels: int = MAX_PIXELS,
    progress: Callable[[float, int], None] | None = None,
    on_trouble: Callable[[str, str], None] | None = None,
) -> Report:
    """Compare every picture below ``clean`` with the one at the same place below ``anonymised``.

    An output may have another suffix than its original, unless another original has its very path. A picture without
    output counts as withheld. Where ``anonymised`` holds the report of the run that made it, outputs are the files that it
    names, that run's recognisers count as tuners, and the background is what lies outside the areas that it names.

    Args:
        clean, anonymised: folders.
        family: networks that measure.
        labels: see :func:`identities_of`.
        recognisers: names of further weights to measure with.
        sample: most faces that the baselines are measured on; 0 leaves them out.
        max_pixels: larger pictures are refused.
        progress: called with (pictures done, pictures in all); the summing up counts as one more.
        on_trouble: called with a picture's path and what was wrong with it.

    Raises:
        InputError: folders or labels that cannot be meant like this, or not one picture to compare.
    """
    clean, anonymised = Path(clean), Path(anonymised)
    made_by = _read_report(anonymised / _REPORT)
    pictures, skipped = _pictures(clean, anonymised, made_by)
    outputs = _outputs(anonymised, pictures, made_by)
    if not outputs:
        raise InputError(
            f"None of the {len(pictures)} pictures has an output at the same place below {anonymised.name!r}. Both folders "
            "must hold the same paths."
        )
    how, identities = identities_of(pictures, labels)
    tuners = _tuners(made_by)
    run = Evaluation(family, examiners_of(family, recognisers, chosen_by=tuners), sample=sample)

    def failed(path: str, why: str) -> None:
        run.count_failed()
        if on_trouble is not None:
            on_trouble(path, why)

    for folder, why in skipped.items():
        failed(folder, why)
    for done, picture in enumerate(pictures):
        if progress is not None:
            progress(done, len(pictures) + 1)
        try:
            before = read_photo(clean / picture, max_pixels=max_pixels).pixels
            output = outputs.get(picture)
            after = None if output is None else read_photo(output, max_pixels=max_pixels).pixels
            run.add(
                picture, before, after, identity=identities.get(picture), areas=_areas(made_by.get(picture))
            )
        except StyleIDError as error:  # the others go on
            failed(picture, str(error))
    if not run.pictures["compared"] and not run.pictures["withheld"]:
        raise InputError("Not one picture could be read. Check the folders.")

    def tick(part: int, parts: int) -> None:
        if progress is not None:
            progress(len(pictures) + part / parts, len(pictures) + 1)

    return run.report(labels=how, chosen_by=tuners, progress=tick)


def _pictures(
    clean: Path, anonymised: Path, made_by: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], dict[str, str]]:
    """Paths of the pictures below the folder of originals, by their suffix or because a run had an output of them; and
    folders that cannot be read, with the reason. Raises InputError where there is nothing to compare.
    """
    for folder in (clean, anonymised):
        if not folder.is_dir():
            raise InputError(
                f"{folder.name!r} is no folder. Name the folder of originals, then that of outputs."
            )
    if same_file(clean, anonymised):
        raise InputError("Both folders are one and the same. Name the originals, then the outputs.")
    found = {path.relative_to(clean).as_posix(): why for path, why in walk(clean, [anonymised])}
    written = {source for source, entry in made_by.items() if entry.get("output")}
    pictures = [
        name
        for name, why in found.items()
        if why is None and (name in written or Path(name).suffix.lower() in PICTURES)
    ]
    if not pictures:
        raise InputError(f"There is no picture below {clean.name!r}.")
    return pictures, {name: why for name, why in found.items() if why is not None}


def _outputs(
    anonymised: Path, pictures: Sequence[str], made_by: Mapping[str, Mapping[str, Any]]
) -> dict[str, Path]:
    """The output of every picture that has one."""
    taken = {anonymised / picture for picture in pictures}
    found = {p: _output_of(anonymised, p, taken, made_by.get(p, {}).get("output")) for p in pictures}
    return {picture: path for picture, path in found.items() if path is not None}


def _output_of(anonymised: Path, picture: str, taken: Set[Path], named: Any) -> Path | None:
    """The file that the run's report has `named`, else the one at the same place, else the only picture there of that
    name with another suffix whose place is not another original's (`taken`).
    """
    same = anonymised / picture
    for path in (anonymised / str(named or picture), same):
        if path.is_file():
            return path
    if not same.parent.is_dir():
        return None
    stems = (Path(picture).stem, Path(picture).name)
    others = [
        path
        for path in same.parent.iterdir()
        if path.stem in stems and path.suffix.lower() in PICTURES and path not in taken
    ]
    return others[0] if len(others) == 1 else None


def _read_report(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The entries of the run that made the outputs, by picture; none where there is no such report."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["pictures"]
        return {entry["source"]: entry for entry in entries}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _tuners(made_by: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    faces = (face for entry in made_by.values() for face in entry.get("faces", ()))
    names = (str(face["tuner"]).split(", ") for face in faces if "tuner" in face)  # several may have searched
    return tuple(sorted({name for several in names for name in several}))


def _areas(entry: Mapping[str, Any] | None) -> list[tuple[int, int, int, int]] | None:
    if entry is None:
        return None
    boxes = [face.get("changed_box") for face in entry.get("faces", ())]
    return [tuple(int(edge) for edge in box) for box in boxes if box is not None]
