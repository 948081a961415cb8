"""What the command line shows: tables, a progress bar, and lines that any terminal takes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

__all__ = ["Bar", "complain", "printable", "say", "table"]


class Bar:
    """A progress bar on the error output; none where that is no terminal."""

    def __enter__(self) -> Bar:
        from tqdm import tqdm

        layout = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
        self._bar = tqdm(
            total=1.0, disable=not sys.stderr.isatty(), file=sys.stderr, bar_format=layout, leave=False
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, done: float, total: float) -> None:
        if not self._bar.disable:
            self._bar.set_postfix_str(f"{int(done)}/{int(total)}", refresh=False)
            self._bar.update(done / max(total, 1) - self._bar.n)

    def write(self, line: str) -> None:
        self._bar.clear()
        say(line)


def table(rows: Iterable[Sequence[str]]) -> str:
    rows = [[printable(str(cell)) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def printable(text: str) -> str:
    """A file's name may hold anything; what is printed stays one line, in characters that any terminal takes."""
    encoding = sys.stderr.encoding or "ascii"
    text = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
    return text.encode(encoding, "backslashreplace").decode(encoding)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def complain(message: str, code: int) -> int:
    say(printable(f"error: {message}"))
    return code
