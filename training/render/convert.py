"""`python -m training.render.convert CHECKOUT OUT.npz`: pack a checkout of ICT-FaceKit into one file.

ICT-FaceKit: https://github.com/ICT-VGL/ICT-FaceKit, USC Institute for Creative Technologies, MIT licence. Its
`FaceXModel` folder holds the template and every mode as an OBJ file of the same topology; only the
differences to the template are kept, as float16 (the largest error over 100 random faces is 0.02 mm).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

__all__ = ["convert", "read_obj"]

MODES = 100
PUPILS = ("PupilDilate_L", "PupilDilate_R")
TEMPLATE = "generic_neutral_mesh"
LAST_DIGIT = 1e-5  # expressions move few vertices; elsewhere the text files differ by their rounding

# From ICT-FaceKit's README: vertices and polygons of each part, as [start, end).
VERTEX_GROUPS = {
    "face": (0, 9409), "head_neck": (9409, 11248), "mouth_socket": (11248, 13294),
    "eye_socket_l": (13294, 13678), "eye_socket_r": (13678, 14062), "gums_tongue": (14062, 17039),
    "teeth": (17039, 21451), "eyeball_l": (21451, 23021), "eyeball_r": (23021, 24591),
    "lacrimal_l": (24591, 24795), "lacrimal_r": (24795, 24999), "eyeblend_l": (24999, 25023),
    "eyeblend_r": (25023, 25047), "eyeocc_l": (25047, 25199), "eyeocc_r": (25199, 25351),
    "lashes_l": (25351, 26035), "lashes_r": (26035, 26719), "narrow_face": (0, 6706),
    "sclera_l": (21451, 22221), "iris_l": (22221, 23021), "sclera_r": (23021, 23791),
    "iris_r": (23791, 24591), "teeth_upper": (17039, 19247), "teeth_lower": (19247, 21451),
}  # fmt: skip
POLYGON_GROUPS = {
    "face": (0, 9230), "head_neck": (9230, 11144), "mouth_socket": (11144, 13226),
    "eye_socket_l": (13226, 13630), "eye_socket_r": (13630, 14034), "gums_tongue": (14034, 17006),
    "teeth": (17006, 21496), "sclera_l": (21496, 22296), "iris_l": (22296, 23094), "sclera_r": (23094, 23894),
    "iris_r": (23894, 24692), "lacrimal_l": (24692, 24855), "lacrimal_r": (24855, 25018),
    "eyeblend_l": (25018, 25033), "eyeblend_r": (25033, 25048), "eyeocc_l": (25048, 25176),
    "eyeocc_r": (25176, 25304), "lashes_l": (25304, 25844), "lashes_r": (25844, 26384),
}  # fmt: skip
LANDMARKS68 = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268,
    493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360,
    1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200,
    6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip
JAW_R = (1280, 1278, 1275, 1272, 1248, 12, 820, 1834, 1902, 243, 844, 781, 1673, 2199, 801, 1447, 800)
JAW_L = (3041, 3661, 3042, 4390, 3880, 3022, 3085, 2484, 4102, 4036, 3061, 2253, 3466, 3490, 3493, 3496, 3498)


def read_obj(path: Path) -> dict[str, np.ndarray]:
    """neutral [V, 3] and uv [U, 2] float32; faces and face_uv [F, 4] int32, zero-based, -1 pads triangles;
    face_mat [F] uint8 and materials [M]."""
    vertices, uv, faces, face_uv, face_material, materials = [], [], [], [], [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()[:3]])
        elif kind == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif kind == "usemtl":
            materials.append(rest.strip())
        elif kind == "f":
            corners = [corner.split("/") for corner in rest.split()]
            padding = [-1] * (4 - len(corners))
            faces.append([int(corner[0]) - 1 for corner in corners] + padding)
            face_uv.append([int(corner[1]) - 1 for corner in corners] + padding)
            face_material.append(len(materials) - 1)
    return {
        "neutral": np.array(vertices, np.float32),
        "uv": np.array(uv, np.float32),
        "faces": np.array(faces, np.int32),
        "face_uv": np.array(face_uv, np.int32),
        "face_mat": np.array(face_material, np.uint8),
        "materials": np.array(materials),
    }


def _vertices(path: Path) -> np.ndarray:
    """[V, 3] float64 of an OBJ file, skipping everything else."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return np.array([line.split()[1:4] for line in lines if line.startswith("v ")], np.float64)


def _deltas(folder: Path, names: list[str], *, noise: float = 0.0) -> np.ndarray:
    """[K, V, 3] float16 differences to the template; those below `noise` (cm) become zero."""
    neutral = _vertices(folder / f"{TEMPLATE}.obj")
    deltas = np.empty((len(names), *neutral.shape), np.float16)
    for delta, name in zip(deltas, names, strict=True):
        vertices = _vertices(folder / f"{name}.obj")
        if vertices.shape != neutral.shape:
            raise ValueError(f"{name}.obj has {len(vertices)} vertices, the template has {len(neutral)}")
        difference = vertices - neutral
        delta[:] = np.where(np.abs(difference) < noise, 0, difference)
    return deltas


def _ranges(prefix: str, groups: dict[str, tuple[int, int]]) -> dict[str, np.ndarray]:
    return {
        f"{prefix}_names": np.array(list(groups)),
        f"{prefix}_ranges": np.array(list(groups.values()), np.int32),
    }


def convert(checkout: Path, out: Path) -> None:
    """Read `checkout/FaceXModel` and write the model file that `FaceModel` loads.

    Raises FileNotFoundError where the folder is not a checkout of ICT-FaceKit, ValueError where a mode has
    another topology than the template.
    """
    folder = checkout / "FaceXModel"
    if not (folder / f"{TEMPLATE}.obj").is_file():
        raise FileNotFoundError(
            f"{folder} has no {TEMPLATE}.obj; give a clone of https://github.com/ICT-VGL/ICT-FaceKit"
        )
    template = read_obj(folder / f"{TEMPLATE}.obj")
    expressions = json.loads((folder / "vertex_indices.json").read_text(encoding="utf-8"))["expressions"]
    identities = [f"identity{i:03d}" for i in range(MODES)]
    np.savez_compressed(
        out,
        **template,
        id_delta=_deltas(folder, identities),
        id_names=np.array(identities),
        exp_delta=_deltas(folder, expressions, noise=LAST_DIGIT),
        exp_names=np.array(expressions),
        pupil_delta=_deltas(folder, list(PUPILS)),
        **_ranges("group", VERTEX_GROUPS),
        **_ranges("pgroup", POLYGON_GROUPS),
        landmarks68=np.array(LANDMARKS68, np.int32),
        jaw_r=np.array(JAW_R, np.int32),
        jaw_l=np.array(JAW_L, np.int32),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.render.convert", description=__doc__)
    parser.add_argument("checkout", type=Path, help="folder of an ICT-FaceKit checkout")
    parser.add_argument("out", type=Path, help="file to write, for example ict_face.npz")
    options = parser.parse_args()
    convert(options.checkout, options.out)


if __name__ == "__main__":
    main()
