"""An independent judge on photographs: dlib's recogniser, trained on real people and unknown to this project.

    pip install dlib-bin face-recognition-models
    python benchmarks/independent.py [--levels low medium high] [--family embedded]

Every photograph of people that the installed packages ship is anonymised. Each face that dlib finds in the original is
compared with the same place in the output and with the nearest of all faces that dlib finds there: "place/nearest".
Below 0.6 dlib says "the same person" (its authors' threshold: 99.4 % on LFW); different people of one photograph come
as close as 0.63, and a nearest face is the smallest of many distances.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path

import dlib
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from _photographs import Scene, people

from styleid import Anonymizer

SAME_PERSON = 0.6


class Judge:
    """dlib's frontal detector, five landmarks and ResNet embedding."""

    def __init__(self) -> None:
        package = importlib.util.find_spec("face_recognition_models")
        if package is None or package.origin is None:
            raise SystemExit("Install dlib-bin and face-recognition-models first.")
        models = Path(package.origin).parent / "models"
        self.detector = dlib.get_frontal_face_detector()
        self.landmarks = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        network = str(models / "dlib_face_recognition_resnet_model_v1.dat")
        self.recogniser = dlib.face_recognition_model_v1(network)

    def find(self, image: np.ndarray) -> list[dlib.rectangle]:
        return list(self.detector(image, 1))

    def embed(self, image: np.ndarray, box: dlib.rectangle) -> np.ndarray:
        return np.array(self.recogniser.compute_face_descriptor(image, self.landmarks(image, box)))


def compare(judge: Judge, scene: Scene, output: np.ndarray) -> tuple[list[tuple[float, float]], int]:
    """Per face of the photograph its distance to the same place and to the nearest face of the output, and how
    many faces dlib finds there. Places where dlib sees a face and nobody is (a badge, a helmet) are left out.
    """
    boxes = [box for box in judge.find(scene.image) if any(holds(box, face) for face in scene.faces)]
    seen = judge.find(output)
    others = [judge.embed(output, box) for box in seen]
    distances = []
    for box in boxes:
        own = judge.embed(scene.image, box)
        place = float(np.linalg.norm(own - judge.embed(output, box)))
        nearest = min([place, *(float(np.linalg.norm(own - other)) for other in others)])
        distances.append((place, nearest))
    return distances, len(seen)


def holds(box: dlib.rectangle, face: tuple[float, float, float]) -> bool:
    return box.left() < face[0] < box.right() and box.top() < face[1] < box.bottom()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--levels", nargs="+", default=["low", "medium", "high"])
    parser.add_argument("--family", default="embedded", help="weights to anonymise with (%(default)s)")
    options = parser.parse_args()
    judge = Judge()
    print(
        f"{'level':8}{'photograph':14}{'outcome':12}{'seconds':>8}{'faces':>7}{'seen after':>12}  distances"
    )
    for level in options.levels:
        anonymizer = Anonymizer(options.family, level)
        for scene in people():
            start = time.perf_counter()
            result = anonymizer(scene.image)[0]
            seconds = time.perf_counter() - start
            row = f"{level:8}{scene.name:14}{result.outcome:12}{seconds:8.1f}"
            if result.output is None:
                print(row, result.reason)
                continue
            distances, seen = compare(judge, scene, result.output)
            text = " ".join(f"{p:.2f}/{n:.2f}{'' if p > SAME_PERSON else '!'}" for p, n in distances)
            print(f"{row}{len(distances):7}{seen:12}  {text}", flush=True)


if __name__ == "__main__":
    main()
