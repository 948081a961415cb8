"""The command line: ``python -m styleid --help``. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import argparse
import hashlib
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._cli_calibrate import add_calibrate
from ._cli_evaluate import add_evaluate
from ._cli_goal import add_goal, charts_of, goal_settings, release_of
from ._cli_rank import add_rank
from ._cli_swapper import add_train_swapper
from ._cli_weights import add_weights
from ._terminal import Bar, complain, printable, say, table
from .errors import InputError, StyleIDError

if TYPE_CHECKING:
    from .datasets import FileReport, Summary
    from .family import Family

__all__ = ["main"]

_OWN_PARTS = ("ranking", "swapper")  # of a family, that people can make for themselves
_EXIT_CODES = """exit codes:
  0    everything was done
  1    a picture failed or was blocked, or nothing was written; or something required is missing or damaged
  2    the command cannot be meant like this; nothing was written
  130  interrupted by Ctrl-C; what is written is complete
Pictures without a face that are skipped, and faces that were blurred or let through as chosen, do not count as failures.
"""
_SEED_WARNING = (
    "warning: a seed is a key. Whoever knows it can link the outputs with the originals. Keep it secret, "
    "or leave --seed out."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except InputError as error:
        return complain(str(error), 2)
    except (StyleIDError, OSError) as error:
        return complain(str(error), 1)
    except ImportError as error:
        return complain(f"{error}. Install the requirements: pip install -r requirements.txt", 1)
    except KeyboardInterrupt:
        return complain("interrupted. What is written is complete.", 130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m styleid",
        description="Anonymises the faces of photographs and measures what was hidden and what was kept.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_anonymize(commands)
    demo = commands.add_parser("demo", help="anonymise the photographs that installed packages bring along")
    demo.add_argument(
        "--out", type=Path, default=Path("styleid-demo"), help="folder of the results (%(default)s)"
    )
    _add_models(demo)
    _add_engine(demo)
    demo.set_defaults(run=_demo)
    doctor = commands.add_parser(
        "doctor", help="what is installed, which weights are present, which device is used"
    )
    doctor.set_defaults(run=_doctor)
    add_weights(commands)
    add_calibrate(commands)
    add_rank(commands, _add_models, _add_engine)
    add_train_swapper(commands, _add_models, _device)
    add_evaluate(commands, _add_models)
    return parser


def _add_anonymize(commands: Any) -> None:
    parser = commands.add_parser(
        "anonymize",
        help="anonymise a photograph or a folder tree",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="IN", type=Path, help="a picture, or a folder of them")
    parser.add_argument(
        "target", metavar="OUT", type=Path, help="the new picture, or a folder; inputs are never changed"
    )
    parser.add_argument(
        "--level", default="medium", help="how much changes: low, medium or high (%(default)s)"
    )
    parser.add_argument("--method", help="layers, channels, mask or swapper, instead of the level's own")
    parser.add_argument(
        "--area", help="what may change: eyes, eyes+nose, eyes+nose+mouth, face, face+hair, everything"
    )
    for part, command in zip(_OWN_PARTS, ("rank", "train-swapper"), strict=True):
        parser.add_argument(
            f"--{part}",
            type=Path,
            metavar="FILE.safetensors",
            help=f"what '{command}' wrote, in the place of the family's own",
        )
    parser.add_argument(
        "--refine",
        type=int,
        metavar="STEPS",
        help="refine each face's code first: more of pose, expression, hair and light is kept; 0 is fast, 30 nearest to "
        "the face; by default as many as the family of weights says",
    )
    parser.add_argument(
        "--on-failure",
        default="block",
        help="a face that is not hidden: block writes no file, blur blurs it, pass lets it through (%(default)s)",
    )
    parser.add_argument(
        "--no-face",
        default="skip",
        choices=("skip", "copy"),
        help="a picture without a face: skip it, or copy it without its metadata (%(default)s)",
    )
    parser.add_argument(
        "--seed", type=_seed, metavar="N", help="repeatable, and so reversible: a seed is a key"
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.json",
        help="outcome, distances and areas of every face (for a folder by default OUT/report.json)",
    )
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE.json",
        help='your own faces: {"path below IN": [[x0, y0, x1, y1], ...]} in pixels of the upright picture',
    )
    parser.add_argument(
        "--identities",
        type=Path,
        metavar="FILE.safetensors",
        help="keep the faces seen and given out, so that no later run gives one out again. The file is as secret as the "
        "originals",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    parser.add_argument(
        "--resume", action="store_true", help="go on with an earlier run: keep what it finished"
    )
    parser.add_argument("--max-pixels", type=int, metavar="N", help="refuse larger pictures (120000000)")
    add_goal(parser)
    _add_models(parser)
    _add_engine(parser)
    parser.set_defaults(run=_anonymize, book=None)


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models", default="embedded", metavar="FAMILY", help="family of weights (%(default)s)"
    )
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda, or auto: cuda where there is one (%(default)s)"
    )


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # argparse's own message would print what may be most of a secret
        raise argparse.ArgumentTypeError("a seed is a whole number; what was given is not") from None


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        default="torch",
        help="what decodes: torch, or on a processor openvino or openvino-bf16 (%(default)s)",
    )


def _anonymize(args: argparse.Namespace) -> int:
    from .datasets import MAX_PIXELS, RunOptions, read_boxes, release_folder, run_files

    if args.seed is not None:
        say(_SEED_WARNING)
    if not args.source.exists():
        raise InputError(f"The input {str(args.source)!r} does not exist.")
    if args.swapper is not None and args.method != "swapper":
        raise InputError("--swapper is what --method swapper swaps with; add that, or leave --swapper out.")
    options = RunOptions(
        no_face=args.no_face,
        overwrite=args.overwrite,
        resume=args.resume,
        max_pixels=MAX_PIXELS if args.max_pixels is None else args.max_pixels,
        boxes={} if args.boxes is None else read_boxes(args.boxes, args.source),
        leave_out=[path for path in (args.boxes, args.identities, args.ranking, args.swapper) if path],
        settings={
            **{
                name: getattr(args, name)
                for name in ("level", "method", "area", "refine", "models", "engine", "on_failure", "no_face")
            },
            **goal_settings(args),
            **{part: _fingerprint(getattr(args, part)) for part in _OWN_PARTS},
            "own_boxes": args.boxes is not None,
            "identities": "secret" if args.seed is None else "from a seed",
        },
    )
    keep = _kept_identities(args)
    anonymizer = make_anonymizer(args)
    if hasattr(signal, "SIGTERM"):  # ended from outside, leave nothing half done either
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    release, charts = release_of(args), charts_of(args)
    with keep, Bar() as bar:

        def on_file(entry: FileReport) -> None:
            _tell(entry, bar.write)
            if charts is not None:
                charts.see(entry)

        run: dict[str, Any] = {
            "report": args.report,
            "options": options,
            "progress": bar.show,
            "on_file": on_file,
        }
        if release is None:
            summary, met = run_files(args.source, args.target, anonymizer, **run), None
        else:
            summary, met = release_folder(args.source, args.target, anonymizer, release, **run)
    print(_summary_line(summary))
    if met is not None:
        from .evaluate.release_chart import release_lines

        print(*release_lines(met), sep="\n")
    for path in () if charts is None else charts.write(met):
        print(path)
    return 0 if summary.fine else 1


def make_anonymizer(args: argparse.Namespace) -> Callable[..., Any]:
    """The Anonymizer that the arguments describe."""
    from .anonymizer import Anonymizer

    return Anonymizer(
        _loaded(args) if any(getattr(args, part) for part in _OWN_PARTS) else args.models,
        args.level,
        args.seed,
        method=args.method,
        area=args.area,
        distance=args.distance,
        far=args.far,
        recognisers=tuple(args.recogniser),
        refine=args.refine,
        on_failure=args.on_failure,
        device=_device(args.device),
        engine=args.engine,
        book=args.book,
    )


def _kept_identities(args: argparse.Namespace) -> AbstractContextManager[None]:
    """Reads the book of earlier runs; within the result, those of this run are kept, however it ends."""
    if args.identities is None:
        return nullcontext()
    from .datasets.identities import kept_identities
    from .privacy import make_goal

    if args.target.resolve() in args.identities.resolve().parents:
        raise InputError(
            "The identities are as secret as the originals: keep them elsewhere than among the outputs."
        )
    goal = make_goal(_loaded(args), distance=args.distance, far=args.far, recognisers=tuple(args.recogniser))
    args.book, keep = kept_identities(args.identities, goal.judge)
    return keep


def _loaded(args: argparse.Namespace) -> Family:
    """The family that the arguments name, with the parts of one's own; loaded once."""
    from .family import load_family

    if isinstance(args.models, str):
        own = {part: getattr(args, part) for part in _OWN_PARTS}
        args.models = load_family(args.models, _device(args.device), engine=args.engine, **own)
    return args.models


def _fingerprint(path: Path | None) -> str | None:
    """Which file it was, for the report: its name, and the beginning of its sha256."""
    if path is None:
        return None
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r}.")
    with path.open("rb") as file:
        return f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"


def _demo(args: argparse.Namespace) -> int:
    from .anonymizer import Anonymizer
    from .demo import TABLE_HEAD, run_demo

    # Blurred rather than blocked: so there is always a picture to look at, and the table says which face it was.
    anonymizer = Anonymizer(
        args.models, "medium", on_failure="blur", device=_device(args.device), engine=args.engine
    )
    with Bar() as bar:
        result = run_demo(args.out, anonymizer, progress=bar.show)
    print(table([TABLE_HEAD, *result.rows]))
    for path in result.files:
        print(path)
    return 0 if result.fine else 1


def _doctor(args: argparse.Namespace) -> int:
    from .doctor import examine

    checks = examine()
    print(table([(check.state, check.name, check.found) for check in checks]))
    missing = [check for check in checks if check.state == "MISSING"]
    for check in missing:
        print(f"{check.name}: {check.advice}")
    return 1 if missing else 0


def _device(name: str) -> str:
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _tell(entry: FileReport, write: Callable[[str], None]) -> None:
    """One line for every picture of which the user should know something."""
    name = printable(entry.source)
    if entry.bad:
        write(f"{name}: {entry.outcome}: {entry.reason}")
    elif entry.output is None:
        write(f"{name}: no face was found, nothing written (--no-face copy writes it without metadata)")
    elif entry.outcome == "no_face":
        write(f"{name}: no face was found, copied without metadata")
    elif entry.outcome == "passed":
        write(f"{name}: written WITH faces that can be recognised (--on-failure pass)")
    if entry.output is not None and not entry.resumed:
        for note in entry.notes:
            write(f"{name}: {note}")


def _summary_line(summary: Summary) -> str:
    counts = (
        ", ".join(f"{count} {outcome}" for outcome, count in summary.counts.items()) or "no picture found"
    )
    return f"{summary.written} written ({counts})"
