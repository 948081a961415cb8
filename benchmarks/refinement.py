"""What refining the code buys: reconstructions of the encoder alone beside refined ones.

    python benchmarks/refinement.py [--heads CACHE] [--faces 12] [--steps 12 30]

On the faces of photographs that installed packages ship, and on rendered heads that no network was trained on. Columns: PSNR
of the crop and of the face in it, in dB; the judge's cosine to the original; the median angle between the head poses, by
the family's landmarks, which refinement uses, and by MTCNN's, which take no part; share of attributes on the same side.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from _photographs import people
from levels import rendered
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from styleid.faces import align_faces, aligned_landmarks, detect_faces
from styleid.faces._mtcnn import Mtcnn, load_mtcnn
from styleid.family import Family, load_family, resized, seen
from styleid.latent import refine_codes
from styleid.metrics import attributes_preserved, cosine_similarity, identity_distance, pose_drift

FACE = torch.tensor(
    [1, 2, 3, 4, 5, 6, 7, 10, 11, 12]
)  # classes: skin, nose, glasses, eyes, brows, mouth and lips
LOOSE = (
    slice(62, 256),
    slice(32, 224),
)  # rows and columns of a crop of 256 pixels that MTCNN's last stage sees


def photographed(family: Family) -> Tensor:
    """Aligned crops [N, 256, 256, 3] of the faces of photographs whose places are known."""
    crops = []
    for scene in people():
        image = torch.from_numpy(scene.image).float() / 255
        found = detect_faces(image, landmark_net=family.landmarks, detector=family.detector)
        faces = [face for face in found if any(near(face.landmarks, known) for known in scene.faces)]
        if faces:
            crops.append(align_faces(image[None], [faces], 256).crops)
    return torch.cat(crops)


def near(landmarks: np.ndarray, known: tuple[float, float, float]) -> bool:
    return float(np.linalg.norm(landmarks.mean(0) - known[:2])) < known[2]


def psnr(error: Tensor, where: Tensor) -> float:
    """Of squared errors [N, S, S], over the places [N, S, S] that are true."""
    return float((-10 * ((error * where).sum((1, 2)) / where.sum((1, 2)).clamp_min(1)).log10()).mean())


def own_points(family: Family, crops: Tensor) -> np.ndarray:
    return np.stack([aligned_landmarks(one[None], family.landmarks) for one in crops])


def mtcnn_points(mtcnn: Mtcnn, crops: Tensor) -> np.ndarray:
    return mtcnn.judge(resized(seen(crops)[:, :, *LOOSE] * 2 - 1, 48))[1].numpy()


def row(family: Family, crops: Tensor, codes: Tensor) -> str:
    made = family.decode(codes)
    error = (made - crops).square().mean(-1)
    face = torch.isin(family.parse(crops), FACE)
    alike = cosine_similarity(identity_distance(family.judge.embed(crops), family.judge.embed(made)))
    turns = [pose_drift(own_points(family, crops), own_points(family, made))]
    if mtcnn := load_mtcnn():
        turns.append(pose_drift(mtcnn_points(mtcnn, crops), mtcnn_points(mtcnn, made)))
    kept = attributes_preserved(*(family.attribute_confidences(x) for x in (crops, made))).float()
    return (
        f"{psnr(error, torch.ones_like(face)):8.2f}{psnr(error, face):8.2f}{float(alike.mean()):8.3f}"
        + "".join(f"{np.median(turn):8.2f}" for turn in turns)
        + f"{float(kept.mean()):8.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--heads", type=Path, help="cache of training.render's heads")
    parser.add_argument("--faces", type=int, default=12, help="rendered heads (%(default)s)")
    parser.add_argument("--steps", type=int, nargs="+", default=[12, 30])
    options = parser.parse_args()
    family = load_family()
    sets = {"photographs": photographed(family)}
    if options.heads:
        sets["heads"] = rendered(options.heads, options.faces)
    print(f"{'':12}{'':9}{'PSNR':>8}{'face':>8}{'cosine':>8}{'turn':>8}{'MTCNN':>8}{'kept':>8}{'s/face':>8}")
    for name, crops in sets.items():
        codes = family.encode(crops)
        print(f"{name:12}encoder  {row(family, crops, codes)}", flush=True)
        for steps in options.steps:
            started = time.perf_counter()
            refined = refine_codes(family, crops, codes, steps=steps)
            seconds = (time.perf_counter() - started) / len(crops)
            print(f"{name:12}{steps:2} steps {row(family, crops, refined)}{seconds:8.1f}", flush=True)


if __name__ == "__main__":
    main()
