"""``python -m styleid evaluate CLEAN ANON``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ._terminal import Bar, printable

__all__ = ["add_evaluate"]

_EPILOG = """A picture belongs to the output at the same path, its faces to those in the same place. Faces that were not
found are counted, and conservative rates take them for recognised. Embeddings, seeds and crops are never written, so an
interrupted run starts again.
"""


def add_evaluate(commands: Any, add_models: Any) -> None:
    """Register the command; `add_models` adds the options --models and --device."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a folder of outputs against its originals",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clean", metavar="CLEAN", type=Path, help="the folder of originals")
    parser.add_argument(
        "anonymised", metavar="ANON", type=Path, help="the folder of outputs, with the same paths"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("styleid-evaluation"),
        metavar="DIR",
        help="folder for report.json, tables (.csv) and charts (.png) (%(default)s)",
    )
    parser.add_argument(
        "--labels",
        metavar="HOW",
        help="who is in a picture: folders (its folder's name), names (the file name without its number), pairs "
        "(everybody once), or a .csv or .json list; by default folders where there are any",
    )
    parser.add_argument(
        "--recogniser",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="further recognisers to judge with, by the names that 'weights list' shows",
    )
    parser.add_argument(
        "--sample",
        type=int,
        default=100,
        metavar="N",
        help="faces that the baselines are measured on (%(default)s)",
    )
    add_models(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(args: argparse.Namespace) -> int:
    from .cli import _device
    from .errors import InputError
    from .evaluate import evaluate_folders
    from .evaluate.tables import short_lines, write_report
    from .family import load_family

    if args.sample < 0:
        raise InputError(f"--sample is a number of faces, found {args.sample}.")
    out = args.out.resolve()
    for folder in (args.clean.resolve(), args.anonymised.resolve()):
        if folder == out or folder in out.parents:
            raise InputError(
                "--out lies in a folder that is compared, where its charts would count as pictures. Name another."
            )
    failed: list[str] = []

    def tell(picture: str, reason: str) -> None:
        failed.append(picture)
        bar.write(printable(f"{picture}: {reason}"))

    with Bar() as bar:
        report = evaluate_folders(
            args.clean,
            args.anonymised,
            load_family(args.models, device=_device(args.device)),
            labels=args.labels,
            recognisers=args.recogniser,
            sample=args.sample,
            progress=bar.show,
            on_trouble=tell,
        )
    files = write_report(report, args.out)
    for line in (*short_lines(report.data), "", *map(str, files)):
        print(printable(line))
    return 1 if failed else 0
