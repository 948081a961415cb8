"""The morphable model: the template head, its modes, and everything derived once from them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from .axes import measure_axes
from .geometry import rotation, smoothstep, unit
from .parameters import Identity, State
from .regions import HEAD_VERTICES, hair_region, template_regions

__all__ = ["FaceModel"]

IDENTITIES, EXPRESSIONS = 100, 53
# Parts of the mesh that are drawn with one shader each, as polygon groups of the model.
PARTS = {
    "skin": ("face", "head_neck", "eye_socket_l", "eye_socket_r"),
    "mouth": ("mouth_socket", "gums_tongue"),
    "teeth": ("teeth",),
    "eye_l": ("sclera_l",),
    "eye_r": ("sclera_r",),
    "lash": ("lashes_l", "lashes_r"),
}
NECK_PIVOT = np.array([0, -5, -1], np.float32)


class FaceModel:
    """ICT-FaceKit as arrays; V vertices, T triangles.

    path: the file written by `python -m training.render.convert`.
    """

    radial_centre = np.array([0, 4.0, 0.6], np.float32)  # inside the skull
    radial_shape = (48, 96)  # polar x around: the grid of the head's radius seen from there

    def __init__(self, path: Path) -> None:
        with np.load(path) as data:
            self.neutral = data["neutral"].astype(np.float32)  # [V, 3]
            self._identities = data["id_delta"].astype(np.float32).reshape(IDENTITIES, -1)  # [100, V*3]
            self._expressions = data["exp_delta"].astype(np.float32).reshape(EXPRESSIONS, -1)
            self.expression_names = tuple(str(name) for name in data["exp_names"])
            self.landmarks = data["landmarks68"]  # [68] vertex indices
            self.groups = _ranges(data["group_names"], data["group_ranges"])  # vertices
            polygons = _ranges(data["pgroup_names"], data["pgroup_ranges"])
            faces = data["faces"]  # [F, 4], -1 pads triangles
            self.lash_uv = _lash_uv(data, faces, polygons, len(self.neutral))
        self.triangles = {
            part: np.concatenate([_triangulate(faces[polygons[name]]) for name in names]).astype(np.int32)
            for part, names in PARTS.items()
        }
        self._all_triangles = np.concatenate(list(self.triangles.values()))
        # Names what is baked from this template.
        self.fingerprint = hashlib.sha256(self.neutral.tobytes() + self._all_triangles.tobytes()).hexdigest()[
            :12
        ]
        self._incidence = _incidence(self._all_triangles, len(self.neutral))
        self.laplacian = _neighbour_average(self._all_triangles, len(self.neutral))
        # Three steps to the neighbours: normals averaged over about half a centimetre.
        self.smooth = (self.laplacian @ self.laplacian @ self.laplacian).tocsr().astype(np.float32)
        self.eye_centres = {
            side: np.array([sign * 3.14, 3.61, 7.99], np.float32) for side, sign in (("l", 1), ("r", -1))
        }
        self.regions = template_regions(self.neutral, self.landmarks)
        self.axes = measure_axes(self.neutral, self._identities.reshape(IDENTITIES, -1, 3), self.landmarks)
        self._radial = self._radial_map()

    def deform(self, identity: Identity, state: State) -> tuple[np.ndarray, np.ndarray]:
        """[V, 3] the identity's neutral head, and the same with expression and turned eyes; head space."""
        plain = (self.neutral.reshape(-1) + identity.shape @ self._identities).reshape(-1, 3)
        active = np.nonzero(state.expression)[0]
        posed = plain.copy()
        if len(active):
            posed += (state.expression[active] @ self._expressions[active]).reshape(-1, 3)
        yaw, pitch = state.gaze
        turn = rotation(yaw, -pitch).T.astype(np.float32)
        for side, centre in self.eye_centres.items():
            ball = self.groups["eyeball_" + side]
            centre = centre + (plain[ball].mean(0) - self.neutral[ball].mean(0))
            posed[ball] = (plain[ball] - centre) @ turn + centre
        return plain, posed

    def pose(self, state: State, points: np.ndarray) -> np.ndarray:
        """Turn points [N, 3] with the head; below the chin the neck follows only in part."""
        yaw, pitch, _ = state.head_angles
        head = rotation(*state.head_angles).astype(np.float32)
        torso = rotation(yaw * 0.4, pitch * 0.1).astype(np.float32)
        weight = smoothstep(-15, -7, points[:, 1:2]).astype(np.float32)
        offset = np.asarray(points, np.float32) - NECK_PIVOT
        turned = offset @ head.T
        low = np.nonzero(points[:, 1] < -7)[0]
        if len(low):
            w = weight[low]
            turned[low] = w * turned[low] + (1 - w) * (offset[low] @ torso.T)
        turned += NECK_PIVOT
        return turned

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """[V, 3] area-weighted vertex normals."""
        t = self._all_triangles
        a = vertices[t[:, 1]] - vertices[t[:, 0]]
        b = vertices[t[:, 2]] - vertices[t[:, 0]]
        cross = np.stack(  # written out: several times as fast as np.cross
            [
                a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
                a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
                a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
            ],
            1,
        )
        return unit(self._incidence @ cross).astype(np.float32)

    def hair_region(self, hairline: tuple[float, float, float]) -> np.ndarray:
        """[V] signed height above the hairline; see `regions.hair_region`."""
        return hair_region(self.neutral, self.regions, hairline)

    def head_radius(self, vertices: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """`radial_shape` distances from `centre` to the head's surface, per direction."""
        return (self._radial @ np.linalg.norm(vertices - centre, axis=1)).reshape(self.radial_shape)

    def _radial_map(self) -> sp.csr_matrix:
        """Averages the four vertices nearest to each direction; ears and the open mouth are left out."""
        v = self.neutral
        mouth = (v[:, 2] > 9) & (np.abs(v[:, 0]) < 2.6) & (v[:, 1] < -2.2) & (v[:, 1] > -4.9)
        usable = (np.arange(len(v)) < HEAD_VERTICES) & (self.regions.ear < 0.1) & (v[:, 1] > -9) & ~mouth
        usable = np.nonzero(usable)[0]
        rows, columns = self.radial_shape
        polar, around = np.meshgrid(
            (np.arange(rows) + 0.5) / rows * np.pi,
            (np.arange(columns) + 0.5) / columns * 2 * np.pi - np.pi,
            indexing="ij",
        )
        direction = [np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)]
        direction = np.stack(direction, -1).reshape(-1, 3)
        distance, nearest = cKDTree(unit(v[usable] - self.radial_centre)).query(direction, k=4)
        weight = 1 / (distance + 0.01) ** 2
        weight /= weight.sum(1, keepdims=True)
        where = (np.repeat(np.arange(len(direction)), 4), usable[nearest].ravel())
        return sp.csr_matrix((weight.ravel().astype(np.float32), where), shape=(len(direction), len(v)))


def _ranges(names: np.ndarray, ranges: np.ndarray) -> dict[str, slice]:
    return {str(name): slice(int(start), int(end)) for name, (start, end) in zip(names, ranges, strict=True)}


def _triangulate(faces: np.ndarray) -> np.ndarray:
    """[F, 4] quads and padded triangles -> [T, 3]: first halves, then the second halves of the quads."""
    quads = faces[faces[:, 3] >= 0]
    return np.concatenate([faces[:, :3], quads[:, [0, 2, 3]]])


def _lash_uv(data, faces: np.ndarray, polygons: dict[str, slice], count: int) -> np.ndarray:
    """[V, 2] texture coordinates of the lashes, 0 elsewhere."""
    uv = np.zeros((count, 2), np.float32)
    coordinates, corners = data["uv"], data["face_uv"]
    for name in PARTS["lash"]:
        face, corner = faces[polygons[name]], corners[polygons[name]]
        real = face >= 0
        uv[face[real]] = coordinates[corner[real]]
    return uv


def _incidence(triangles: np.ndarray, count: int) -> sp.csr_matrix:
    """[V, T]: adds up the triangles around each vertex."""
    where = (triangles.reshape(-1), np.repeat(np.arange(len(triangles)), 3))
    return sp.csr_matrix((np.ones(triangles.size, np.float32), where), shape=(count, len(triangles)))


def _neighbour_average(triangles: np.ndarray, count: int) -> sp.csr_matrix:
    """[V, V]: the mean over each vertex's neighbours."""
    next_corner, last_corner = triangles[:, [1, 2, 0]].ravel(), triangles[:, [0, 1, 2]].ravel()
    where = (np.concatenate([last_corner, next_corner]), np.concatenate([next_corner, last_corner]))
    adjacency = sp.csr_matrix((np.ones(2 * triangles.size, np.float32), where), shape=(count, count))
    adjacency.data[:] = 1
    degree = np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1)
    return (sp.diags(1 / degree).astype(np.float32) @ adjacency).tocsr()
