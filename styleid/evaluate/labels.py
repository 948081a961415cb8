"""Who is in which picture."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from ..errors import InputError

__all__ = ["HOW", "identities_of"]

HOW = ("folders", "names", "pairs")
_NUMBER = re.compile(r"[ _.-]?\(?\d+\)?$")


def identities_of(pictures: Sequence[str], how: str | Path | None = None) -> tuple[str, Mapping[str, str]]:
    """The person that each picture shows (its largest face; other faces count as people of their own).

    Args:
        pictures: paths below the folder, with forward slashes.
        how: `folders`: the folder that a picture lies in names its person; `names`: the file name without its closing
            number does (`Ann_0001.jpg`); `pairs`: each picture shows somebody else, and only a picture and its output
            belong together; or a .csv (picture, identity) or .json ({picture: identity}) file. None: `folders` where
            every picture lies in a folder and some folder holds two, otherwise `pairs`.

    Returns:
        How it was done, and the person by picture; a picture without entry shows somebody of its own.

    Raises:
        InputError: an unknown way, or a list that cannot be read or that names none of the pictures.
    """
    folders = {picture: PurePosixPath(picture).parent.as_posix() for picture in pictures}
    if how is None:
        grouped = "." not in folders.values() and len(set(folders.values())) < len(folders)
        how = "folders" if grouped else "pairs"
    if how == "pairs":
        return "pairs", MappingProxyType({})
    if how == "folders":
        return "folders", MappingProxyType({p: folder for p, folder in folders.items() if folder != "."})
    if how == "names":
        return "names", MappingProxyType({picture: _without_number(picture) for picture in pictures})
    path = Path(how)
    if path.suffix.lower() not in (".csv", ".json"):
        raise InputError(f"Labels are {', '.join(HOW)}, or a .csv or .json file, found {path.name!r}.")
    table = {picture: who for picture, who in _read(path).items() if picture in folders}
    if not table:
        raise InputError(
            f"{path.name} names none of the {len(pictures)} pictures. Name them by their path below the folder, with "
            "forward slashes."
        )
    return "list", MappingProxyType(table)


def _without_number(picture: str) -> str:
    path = PurePosixPath(picture)
    return (path.parent / (_NUMBER.sub("", path.stem) or path.stem)).as_posix()


def _read(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            table = json.loads(text)
            if not isinstance(table, dict):
                raise ValueError
            return {str(picture): str(who) for picture, who in table.items()}
        return {row[0].strip(): row[1].strip() for row in csv.reader(text.splitlines()) if len(row) > 1}
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path.name} cannot be read as labels ({type(error).__name__}): a .csv has lines 'picture,identity', a .json "
            'is {"picture": "identity"}.'
        ) from error
