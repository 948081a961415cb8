"""``python -m styleid weights ...``: which weights there are, where they come from, and under which terms."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._terminal import Bar, complain, say, table

if TYPE_CHECKING:
    from .weights import WeightsEntry

__all__ = ["add_weights"]

_ACCEPT = "accept the non-commercial licences of these weights, once and for all"


def add_weights(commands: Any) -> None:
    """Add the command and its actions."""
    parser = commands.add_parser(
        "weights", help="the weight files: list, fetch, verify, convert; their licences"
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every weight file, and whether it is here")
    listing.set_defaults(run=_list)
    fetch = actions.add_parser("fetch", help="download, check and convert published weights")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="a weight file or a family")
    fetch.add_argument("--accept-licence", action="store_true", help=_ACCEPT)
    fetch.set_defaults(run=_fetch)
    verify = actions.add_parser("verify", help="read the files that are here and compare their hashes")
    verify.add_argument("names", nargs="*", metavar="NAME", help="these only; then a missing one counts")
    verify.set_defaults(run=_verify)
    convert = actions.add_parser("convert", help="take a published file that you have")
    convert.add_argument("file", type=Path, metavar="FILE", help="it stays as it is")
    convert.add_argument("--kind", required=True, help="what it holds, as 'list' names it")
    convert.add_argument("--name", help="of the manifest (default: that of the entry with the same content)")
    convert.add_argument("--accept-licence", action="store_true", help=_ACCEPT)
    convert.set_defaults(run=_convert)
    terms = actions.add_parser("licences", help="the terms of every weight file, and what you have accepted")
    terms.set_defaults(run=_licences)


def _list(args: argparse.Namespace) -> int:
    from .weights import is_present, list_weights, store_folder

    entries = list_weights()
    if not entries:
        return _no_weights()
    rows = [("name", "kind", "family", "MB", "licence", "here")]
    for entry in entries:
        if is_present(entry.name):
            here = "yes"
        elif entry.shipped:
            here = "MISSING"
        else:
            here = "fetch" if entry.fetchable else "convert your own copy"
        rows.append((entry.name, entry.kind, entry.family, _megabytes(entry), _licence(entry), here))
    print(table(rows))
    print(f"store: {store_folder()}")
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from .weights import fetch, missing

    accept = args.accept_licence or _asked(missing(args.names))
    with Bar() as bar:
        results = fetch(
            args.names, accept=accept, progress=lambda done, total: bar.show(done / 1e6, total / 1e6)
        )
    for result in results:
        if result.path is not None:
            print(f"{result.name}: {result.path}")
        else:
            say(f"{result.name}: not fetched: {result.advice}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from .weights import list_weights, verify

    entries = {entry.name: entry for entry in list_weights()}
    if not entries:
        return _no_weights()
    checks = verify(args.names or None)
    bad = [
        check
        for check in checks
        if check.state == "damaged"
        or (check.state == "missing" and (args.names or entries[check.name].shipped))
    ]
    print(table([("name", "state"), *((check.name, check.state) for check in checks)]))
    return 1 if bad else 0


def _convert(args: argparse.Namespace) -> int:
    from .weights import convert, weights_entry

    named = [] if args.name is None else [weights_entry(args.name)]
    accept = args.accept_licence or _asked(named)
    print(convert(args.file, args.kind, args.name, accept=accept))
    return 0


def _licences(args: argparse.Namespace) -> int:
    from .weights import accepted_licences, licences

    accepted = accepted_licences()
    rows = [("name", "licence", "use", "accepted", "terms", "citation")]
    for item in licences():
        use = "non-commercial" if item.non_commercial else "any"
        mark = ("yes" if item.licence in accepted else "no") if item.non_commercial else "-"
        rows.append((item.name, item.licence, use, mark, item.terms or "-", item.citation or "-"))
    print(table(rows))
    return 0


def _asked(entries: Any) -> bool:
    """Whether the user, asked at a terminal, accepts the licences that these weights need and that were not accepted."""
    from .weights import unaccepted

    open_terms = unaccepted(entries)
    if not open_terms or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    say("These weights are for non-commercial use only:")
    for licence, terms in open_terms.items():
        say(f"  {licence}  {terms}")
    say("Type yes to accept: ")
    return sys.stdin.readline().strip().lower() == "yes"


def _licence(entry: WeightsEntry) -> str:
    return f"{entry.licence} (non-commercial)" if entry.non_commercial else entry.licence


def _megabytes(entry: WeightsEntry) -> str:
    return "unknown" if entry.bytes is None else f"{entry.bytes / 1e6:.1f}"


def _no_weights() -> int:
    return complain("The manifest lists no weights. Install or clone again.", 1)
