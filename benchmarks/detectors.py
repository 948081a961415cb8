"""Recall and false alarms of each detector and of all together, as a table.

    python benchmarks/detectors.py [--quick] [--faint] [--landmarks embedded-landmarks] [--detector embedded-detector]

Photographs: those that scikit-image, matplotlib, scikit-learn and insightface ship, and variants of them; with --faint
those in which faces are nearly dark, hazy or larger than the frame.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _faint import close_ups, faint
from _photographs import Scene, faceless, people, turned_faceless, variants

from styleid.faces import detect_faces
from styleid.faces._candidates import Candidate, from_landmarks, make_view, same_face
from styleid.faces._cascade import detect_haar, detect_lbp
from styleid.faces._detector import detect_styleid
from styleid.faces._mtcnn import load_mtcnn
from styleid.faces._scrfd import detect_scrfd, load_scrfd
from styleid.faces.detect import SURE
from styleid.networks import load_network

Detector = Callable[[torch.Tensor], list[Candidate]]


def detectors(landmarks: str | None, detector: str | None) -> dict[str, Detector]:
    """Each detector at its own usual working point, upright only; and what sees every rotation: this project's own,
    and the library's verdict without it and with it."""
    net = load_network(landmarks, "landmarks") if landmarks else None
    own = load_network(detector, "detector") if detector else None

    def cascade(find: Callable[..., list[Candidate]], votes: int) -> Detector:
        def run(photo: torch.Tensor) -> list[Candidate]:
            view = make_view(photo, 0, 800)
            return [view.place(c) for c in find(view, min_side=20) if c.votes >= votes]

        return run

    def mtcnn(photo: torch.Tensor) -> list[Candidate]:
        _, scores, points = load_mtcnn().detect(photo, min_size=20, threshold=0.9)
        return [from_landmarks(p, float(s), "mtcnn") for s, p in zip(scores, points, strict=True)]

    def styleid(photo: torch.Tensor) -> list[Candidate]:
        view = make_view(photo, 0, 2400)
        return [one for one in detect_styleid(own, view, 16.0) if one.score >= SURE["styleid"]]

    def together(photo: torch.Tensor, own: nn.Module | None) -> list[Candidate]:
        faces = detect_faces(photo.movedim(0, -1), landmark_net=net, detector=own)
        return [from_landmarks(face.landmarks, face.score, face.detector) for face in faces]

    table: dict[str, Detector] = {
        "LBP, 4 windows": cascade(lambda view, min_side: detect_lbp(view, min_side=min_side, step=1.0), 4)
    }
    if detect_haar(make_view(torch.rand(3, 64, 64), 0, 64), min_side=20) is not None and _has_haar():
        table["Haar, 4 windows"] = cascade(detect_haar, 4)
    if load_mtcnn() is not None:
        table["MTCNN, 0.9"] = mtcnn
    if (session := load_scrfd()) is not None:
        table["SCRFD, 0.5"] = lambda photo: [
            c for c in detect_scrfd(session, make_view(photo, 0, 10**6)) if c.score > 0.5
        ]
    table["all others, turned"] = partial(together, own=None)
    if own is not None:
        table["styleid, sure"] = styleid
        table["all, turned"] = partial(together, own=own)
    return table


def _has_haar() -> bool:
    from styleid.faces._cascade import _HAAR_FILES, _haar

    return _haar(_HAAR_FILES[0][0]) is not None


def scenes(quick: bool) -> list[Scene]:
    """All pictures; quick leaves out variants of the group photograph and the turned textures."""
    some = people()
    varied = [v for scene in some if not (quick and scene.name == "t1") for v in variants(scene)]
    return [*some, *varied, *faceless(), *([] if quick else turned_faceless())]


def faint_scenes(quick: bool) -> list[Scene]:
    """All photographs of people as they are hard to see; quick leaves out the group photograph."""
    some = [scene for scene in people() if not (quick and scene.name == "t1")]
    return [v for scene in some for v in (*faint(scene), *close_ups(scene))]


def count(found: Sequence[Candidate], scene: Scene) -> tuple[int, int]:
    """(faces found, false alarms)."""
    truth = [Candidate(np.array(face[:2]), face[2], 0, 1, 1, "") for face in scene.faces]
    hits = sum(any(same_face(face, one) for one in found) for face in truth)
    return hits, sum(not any(same_face(face, one) for face in truth) for one in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="without variants of the group photograph and turned textures"
    )
    parser.add_argument("--faint", action="store_true", help="faces that are hard to see")
    parser.add_argument(
        "--landmarks", help="weights of the landmark net; without it the networks' own points count"
    )
    parser.add_argument("--detector", help="weights of this project's detector")
    options = parser.parse_args()
    table = detectors(options.landmarks, options.detector)
    pictures = faint_scenes(options.quick) if options.faint else scenes(options.quick)
    totals = {name: defaultdict(lambda: [0, 0, 0]) for name in table}
    seconds = dict.fromkeys(table, 0.0)
    for scene in pictures:
        photo = torch.from_numpy(scene.image).movedim(-1, 0).float() / 255
        for name, run in table.items():
            start = time.process_time()
            hits, alarms = count(run(photo), scene)
            seconds[name] += time.process_time() - start
            for kind in (scene.kind, "all"):
                row = totals[name][kind]
                row[0] += hits
                row[1] += len(scene.faces)
                row[2] += alarms
            if name.startswith("all") and (hits < len(scene.faces) or alarms):
                print(
                    f"  {name}: {scene.name}, {scene.kind}: {hits} of {len(scene.faces)} faces, {alarms} false alarms",
                    flush=True,
                )
    _print(totals, seconds, len(pictures))


def _print(totals: dict[str, dict[str, list[int]]], seconds: dict[str, float], pictures: int) -> None:
    print(f"\nfound/faces (false alarms); {pictures} pictures")
    kinds = list(next(iter(totals.values())))
    print(f"{'':24}" + "".join(f"{name:>24}" for name in totals))
    for kind in [k for k in kinds if k != "all"] + ["all"]:
        cells = (totals[name][kind] for name in totals)
        print(f"{kind:24}" + "".join(f"{f'{h}/{n} ({a})':>24}" for h, n, a in cells))
    print(f"{'CPU seconds/picture':24}" + "".join(f"{seconds[name] / pictures:>24.2f}" for name in totals))


if __name__ == "__main__":
    main()
