"""Arguments of `anonymize` for what must be reached: by every face, and by the set of all pictures."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from .datasets import FileReport, ReleaseReport
    from .privacy import Release

__all__ = ["Charts", "add_goal", "charts_of", "goal_settings", "release_of"]

_CHARTED = 50  # faces whose searches are drawn: more could not be told apart


def add_goal(parser: argparse.ArgumentParser) -> None:
    """The arguments; all are optional."""
    goal = parser.add_argument_group("what each face must reach")
    goal.add_argument(
        "--distance", type=float, metavar="D", help="between source and output, for those who search; 0 to 2"
    )
    goal.add_argument(
        "--far",
        type=float,
        metavar="RATE",
        help="instead: the distance at this false-accept rate, such as 0.001",
    )
    goal.add_argument(
        "--recogniser",
        action="append",
        default=[],
        metavar="NAME",
        help="who searches, instead of the family's own; repeat it for several, of which each must pass. "
        "Whoever searches does not judge",
    )
    group = parser.add_argument_group("what the set must reach (IN is a folder)")
    group.add_argument(
        "--k",
        type=int,
        metavar="K",
        help="every combination of --released occurs at least K times, or is withheld",
    )
    group.add_argument(
        "--released", metavar="A,B,...", help="attributes that anybody can see (Male,Young,Smiling)"
    )
    group.add_argument(
        "--sensitive", metavar="A", help="attribute that must not follow from the released ones"
    )
    group.add_argument(
        "--l", type=int, default=1, metavar="L", help="values of it in every class: 1 or 2 (%(default)s)"
    )
    group.add_argument(
        "--t",
        type=float,
        default=1.0,
        metavar="T",
        help="most that its share may differ from the set's (%(default)s)",
    )

    parser.add_argument(
        "--charts",
        type=Path,
        metavar="FOLDER",
        help="also write charts (pixels only): frontier.png, privacy against attributes for everything that a search "
        "for the least change tried, and release.png, the classes of a set",
    )


def goal_settings(args: argparse.Namespace) -> dict[str, Any]:
    """What the report says about these arguments, where they were given."""
    given = {name: getattr(args, name) for name in ("distance", "far", "recogniser", "k")}
    if args.k is not None:
        given |= {name: getattr(args, name) for name in ("released", "sensitive", "l", "t")}
    return {name: value for name, value in given.items() if value not in (None, [])}


def release_of(args: argparse.Namespace) -> Release | None:
    """What the set must meet; None where nothing was asked. Raises InputError for what cannot be meant."""
    if args.k is None:
        if args.released or args.sensitive or args.l != 1 or args.t != 1.0:
            raise InputError("--released, --sensitive, --l and --t need --k.")
        return None
    from .privacy import Release

    if not args.source.is_dir():
        raise InputError("--k is about a set of pictures: name a folder.")
    names = {} if args.released is None else {"attributes": tuple(args.released.split(","))}
    return Release(k=args.k, l=args.l, t=args.t, sensitive=args.sensitive, **names)


class Charts:
    """What a run tells that charts are drawn of, and the files of `--charts`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tried: dict[str, list[Sequence[Mapping[str, Any]]]] = {}  # by picture

    def see(self, entry: FileReport) -> None:
        """Remember what was tried for the faces of a picture, the first of the run."""
        if len(self._tried) < _CHARTED or entry.source in self._tried:
            self._tried[entry.source] = [face["tried"] for face in entry.faces if face.get("tried")]

    def write(self, release: ReleaseReport | None) -> list[Path]:
        """Write the charts there is something for, whole files or none."""
        from .datasets.files import write_atomically
        from .evaluate.charts import as_png
        from .evaluate.frontier import frontier_chart
        from .evaluate.release_chart import release_chart

        charts = {}
        faces = [rows for tried in self._tried.values() for rows in tried][:_CHARTED]
        if faces:
            charts["frontier.png"] = frontier_chart(faces, f"least change of {len(faces)} face(s)")
        if release is not None:
            charts["release.png"] = release_chart(release)
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, chart in charts.items():
            write_atomically(self._folder / name, as_png(chart))
        return [self._folder / name for name in charts]


def charts_of(args: argparse.Namespace) -> Charts | None:
    """Where charts go; None where nobody asked. Raises InputError for a folder of pictures."""
    if args.charts is None:
        return None
    folder = args.charts.resolve()
    for pictures in (args.source.resolve(), args.target.resolve()):
        if folder == pictures or pictures in folder.parents:
            raise InputError(
                "--charts lies in a folder of pictures, where charts would count as such. Name another."
            )
    return Charts(args.charts)
