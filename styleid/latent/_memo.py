"""What a long run needs: results by name, kept in a file so that it can go on after an interruption; and a count."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import InputError, WeightsError

__all__ = ["Memo", "Progress", "Steps"]

Progress = Callable[[int, int], None]

_FORMAT = "styleid-ranking-progress-1"
_SECONDS = 5.0  # between two writes; an interrupted run writes once more


class Memo:
    """``memo.get(name, compute)`` computes a tensor once. With a ``path`` it survives the process.

    Args:
        path: file of the results so far, or None to keep them in memory.
        settings: what the results depend on; a file of a run with other settings is refused.

    Raises:
        InputError: the file belongs to another run.
        WeightsError: the file is damaged.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, str]) -> None:
        self._path = path
        self._head = {"format": _FORMAT, "settings": json.dumps(dict(settings), sort_keys=True)}
        self._results: dict[str, Tensor] = {}
        self._written = time.monotonic()
        if path is not None and path.exists():
            self._results = self._read(path)

    def get(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        if name not in self._results:
            self._results[name] = compute()
            if time.monotonic() - self._written > _SECONDS:
                self._write()
        return self._results[name]

    def __enter__(self) -> Memo:
        return self

    def __exit__(self, *error: object) -> None:
        self._write()

    def forget(self) -> None:
        """Remove the file: the run is finished."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        if self._path is None or not self._results:
            return
        part = self._path.with_name(self._path.name + ".part")
        tensors = {name: tensor.contiguous() for name, tensor in self._results.items()}
        save_file(tensors, str(part), metadata=self._head)
        os.replace(part, self._path)
        self._written = time.monotonic()

    def _read(self, path: Path) -> dict[str, Tensor]:
        try:
            with safe_open(str(path), framework="pt") as file:
                head = file.metadata() or {}
                results = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise WeightsError(
                f"The unfinished ranking {path.name} cannot be read ({type(error).__name__}). Delete it and rank again."
            ) from error
        if head != self._head:
            raise InputError(
                f"The unfinished ranking {path.name} was begun with other settings or other networks. "
                "Use the same ones to go on, or delete it."
            )
        return results


class Steps:
    """Counts steps and tells ``progress`` (steps done, steps in all)."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def __call__(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
