"""Whose place on the disk is whose: an output never goes over an input, nor over another picture's output."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import ImageError

__all__ = ["Places"]

Key = tuple[int, int]  # of a file, under whatever name: also through links, or where case does not count


class Places:
    """The inputs of a run, and the outputs that it wrote or kept.

    Args:
        source: the input, a file or a folder.
        target: the folder of all outputs.
        inputs: every file to read.
    """

    def __init__(self, source: Path, target: Path, inputs: Iterable[Path]) -> None:
        self._source, self._target = source.resolve(), target.resolve()
        self._inputs = {_key(path) for path in inputs} - {None}
        self._outputs: dict[Key, str] = {}  # whose it is

    def check(self, path: Path, owner: str) -> None:
        """Raises ImageError if this picture's output must not go there."""
        folder, key = path.parent.resolve(), _key(path)
        strayed = self._source in (folder, *folder.parents) and self._target not in (folder, *folder.parents)
        if key in self._inputs or strayed:
            raise ImageError(
                "The output would overwrite an input or lie among them. Choose another folder or name."
            )
        if key is not None and self._outputs.get(key, owner) != owner:
            raise ImageError("Another picture of this run has the same output. Rename one of the two.")

    def take(self, path: Path, owner: str) -> None:
        """This picture's output is there now."""
        key = _key(path)
        if key is not None:
            self._outputs.setdefault(key, owner)

    def free(self, path: Path) -> None:
        """The output is to be deleted."""
        self._outputs.pop(_key(path), None)


def _key(path: Path) -> Key | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
