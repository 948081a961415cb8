"""``python -m styleid calibrate``: the decision threshold of a recogniser for which nobody published one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._terminal import Bar, say
from .errors import ImageError, InputError

if TYPE_CHECKING:
    from torch import Tensor

    from .family import Family


__all__ = ["add_calibrate"]

FAR = 1e-2  # the false-accept rate of the families' decision thresholds
SIZE = 256


def add_calibrate(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("calibrate", help="measure a recogniser's decision threshold, once")
    parser.add_argument("name", metavar="WEIGHTS", help="a recogniser, as 'weights list' names it")
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="FOLDER",
        help="photographs of different people, one each: the better population (default: random identities)",
    )
    parser.add_argument(
        "--models", default="embedded", metavar="FAMILY", help="whose random identities (%(default)s)"
    )
    parser.add_argument("--people", type=int, default=64, help="how many random identities (%(default)s)")
    parser.set_defaults(run=_calibrate)


def _calibrate(args: argparse.Namespace) -> int:
    from .family import Recogniser, load_family
    from .networks import load_network
    from .privacy.goal import calibrate
    from .weights import weights_entry, write_calibration

    recogniser = Recogniser(args.name, load_network(args.name, weights_entry(args.name).kind), threshold=1.0)
    family = load_family(args.models)
    if args.photos is None:
        people, population = args.people, f"random identities of the family {args.models}"
        with Bar() as bar:
            threshold = calibrate(recogniser, family, FAR, people=people, progress=bar.show)
    else:
        faces = _faces(args.photos, family)
        people, population = len(faces), "photographs"
        threshold = calibrate(recogniser, faces, FAR)
    write_calibration(args.name, threshold, far=FAR, people=people, population=population)
    print(
        f"{args.name}: L2 distance {threshold:.4f} at a false-accept rate of {FAR:g} ({people} people, {population})"
    )
    return 0


def _faces(folder: Path, family: Family) -> Tensor:
    """Aligned crops ``[N,S,S,3]``: the largest face of every photograph."""
    import torch

    from .datasets import read_photo
    from .datasets.files import walk
    from .faces import align_faces, detect_faces

    if not folder.is_dir():
        raise InputError(f"Expected a folder of photographs, found none: {folder}.")
    crops = []
    paths = [found.path for found in walk(folder) if found.skipped is None]
    with Bar() as bar:
        for done, path in enumerate(paths, 1):
            bar.show(done, len(paths))
            try:
                pixels = read_photo(path).pixels
            except ImageError as error:
                say(f"{path.name}: left out: {error}")
                continue
            faces = detect_faces(pixels, landmark_net=family.landmarks, detector=family.detector)
            if faces:
                crops.append(
                    align_faces(pixels[None], [[max(faces, key=lambda face: face.size)]], SIZE).crops
                )
            else:
                say(f"{path.name}: left out: no face was found")
    if not crops:
        raise InputError(f"Found no face in {folder}. Give photographs of different people, one each.")
    return torch.cat(crops)
