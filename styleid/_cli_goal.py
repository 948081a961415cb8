"""Arguments of `anonymize` for what must be reached: by every face, and by the set of all pictures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from .datasets import ReleaseReport
    from .privacy import Achieved, Release

__all__ = ["add_goal", "goal_settings", "release_lines", "release_of"]


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


def release_lines(report: ReleaseReport) -> Iterator[str]:
    """What the set met, for people."""
    yield f"source faces: {_words(report.before)}"
    yield f"new faces: {_words(report.anonymised)}"
    yield f"published: {_words(report.after)}; {report.withheld} picture(s) withheld because they stand out"


def _words(met: Achieved) -> str:
    more = "" if met.l is None else f", l = {met.l}, t = {met.t:.3f}"
    return f"{met.faces} faces in {met.classes} classes, k = {met.k}{more}"
