"""GPU buffers of the head's mesh, of the strands, and of the pictures drawn into."""

from __future__ import annotations

import moderngl
import numpy as np

from .geometry import unit
from .groom import Strands
from .model import FaceModel

__all__ = ["HeadBuffers", "ObjectBuffers", "StrandBuffers", "Targets"]

FORMAT_SIZE = {"3f": 12, "4f": 16, "f": 4}
STRAND_FLOATS = 13  # position 3, tangent 3, strand 4, volume normal 3
MAX_OBJECT_VERTICES, MAX_OBJECT_INDICES = 20000, 120000


class HeadBuffers:
    """The mesh's vertices and one vertex array per part drawn."""

    def __init__(self, context: moderngl.Context, programs: dict, model: FaceModel) -> None:
        count = len(model.neutral)
        self._context, self._programs = context, programs
        self.position = context.buffer(reserve=count * 12, dynamic=True)
        self.shell = context.buffer(reserve=count * 12, dynamic=True)  # offset positions of clothes and hat
        self.normals = context.buffer(reserve=count * 24, dynamic=True)
        self.aux = context.buffer(reserve=count * 32, dynamic=True)
        self.rest = context.buffer(model.neutral.tobytes())
        self.occlusion = context.buffer(np.ones(count, "f4").tobytes())
        parts, skin = model.triangles, model.triangles["skin"]
        torso, cap = _torso(model, skin), _cap(model, skin)
        self.arrays = {
            "skin": self._array("skin", skin),
            "mouth": self._array("mouth", parts["mouth"]),
            "teeth": self._array("mouth", parts["teeth"]),
            "eye_l": self._array("eye", parts["eye_l"]),
            "eye_r": self._array("eye", parts["eye_r"]),
            "lash": self._array("lash", parts["lash"]),
            "clothes": self._array("shell", torso, self.shell),
            "hat": self._array("shell", cap, self.shell),
            "skin_depth": self._array("depth", skin),
            "hat_depth": self._array("depth", cap, self.shell),
        }

    def _array(
        self, program: str, triangles: np.ndarray, position: moderngl.Buffer | None = None
    ) -> moderngl.VertexArray:
        """Binds only the attributes that the program uses; the others are skipped over as padding."""
        layout = [
            (position or self.position, [("3f", "a_position")]),
            (self.normals, [("3f", "a_normal"), ("3f", "a_smooth_normal")]),
            (self.rest, [("3f", "a_rest")]),
            (self.aux, [("4f", "a_aux"), ("4f", "a_aux2")]),
            (self.occlusion, [("f", "a_occlusion")]),
        ]
        content = []
        for buffer, fields in layout:
            used = [name for _, name in fields if name in self._programs[program]]
            if used:
                format_ = [f if name in used else f"{FORMAT_SIZE[f]}x" for f, name in fields]
                content.append((buffer, " ".join(format_), *used))
        index = self._context.buffer(np.ascontiguousarray(triangles, dtype="i4").tobytes())
        return self._context.vertex_array(self._programs[program], content, index_buffer=index)


def _torso(model: FaceModel, skin: np.ndarray) -> np.ndarray:
    return skin[model.neutral[skin, 1].min(1) < -7.0]


def _cap(model: FaceModel, skin: np.ndarray) -> np.ndarray:
    """The upper head without ears and face: what a hat covers."""
    y, z = model.neutral[skin, 1], model.neutral[skin, 2]
    off_face = (z.mean(1) < 9) | (y.mean(1) > 8)
    on_head = model.regions.scalp[skin].all(1) & (model.regions.ear[skin].max(1) < 0.9)
    return skin[(y.max(1) > 4.0) & on_head & off_face]


class StrandBuffers:
    """Ribbons of two vertices per strand point."""

    def __init__(self, context: moderngl.Context, programs: dict, strands: int, points: int) -> None:
        self._points = points
        self._count = 0
        self._vertices = context.buffer(reserve=strands * points * 2 * STRAND_FLOATS * 4, dynamic=True)
        index = context.buffer(_ribbon_indices(strands, points).tobytes())
        self._colour = context.vertex_array(
            programs["hair"],
            [(self._vertices, "3f 3f 4f 3f", "a_position", "a_tangent", "a_strand", "a_volume_normal")],
            index_buffer=index,
        )
        self._depth = context.vertex_array(
            programs["hair_depth"],
            [(self._vertices, "3f 3f 4f 12x", "a_position", "a_tangent", "a_strand")],
            index_buffer=index,
        )

    def write(self, strands: Strands | None, points: np.ndarray | None, turn: np.ndarray) -> None:
        """points: [N, S, 3] the strands' points, posed; turn: [3, 3] rotation of the head."""
        self._count = 0
        if strands is None or points is None:
            return
        count, along = strands.width.shape
        out = np.empty((count, along, 2, STRAND_FLOATS), np.float32)
        out[..., 0:3] = points[:, :, None]
        out[..., 3:6] = unit(np.gradient(points, axis=1))[:, :, None]
        out[:, :, 0, 6] = strands.width * 0.5
        out[:, :, 1, 6] = -strands.width * 0.5
        out[..., 7] = strands.along[None, :, None]
        out[..., 8] = strands.shade[:, :, None]
        out[..., 9] = strands.openness[:, :, None]
        out[..., 10:13] = (strands.normals @ turn.T)[:, :, None]
        self._vertices.write(out.tobytes())
        self._count = count * (along - 1) * 6

    def draw(self) -> None:
        if self._count:
            self._colour.render(vertices=self._count)

    def draw_depth(self) -> None:
        """A third of the strands, in random order as they are, is enough for shadows; widen them."""
        strand = (self._points - 1) * 6
        if self._count:
            self._depth.render(vertices=self._count // 3 // strand * strand)


def _ribbon_indices(strands: int, points: int) -> np.ndarray:
    i = np.arange(strands)[:, None] * (points * 2) + np.arange(points - 1)[None] * 2
    return np.stack([i, i + 1, i + 2, i + 1, i + 3, i + 2], -1).reshape(-1).astype("i4")


class ObjectBuffers:
    """One buffer for small meshes such as glasses, filled anew for each."""

    def __init__(self, context: moderngl.Context, programs: dict) -> None:
        self._vertices = context.buffer(reserve=MAX_OBJECT_VERTICES * 24, dynamic=True)
        self._indices = context.buffer(reserve=MAX_OBJECT_INDICES * 4, dynamic=True)
        self._array = context.vertex_array(
            programs["object"],
            [(self._vertices, "3f 3f", "a_position", "a_normal")],
            index_buffer=self._indices,
        )

    def draw(self, vertices: np.ndarray, normals: np.ndarray, triangles: np.ndarray) -> None:
        self._vertices.write(np.hstack([vertices, normals]).astype("f4").tobytes())
        self._indices.write(triangles.astype("i4").tobytes())
        self._array.render(vertices=triangles.size)


class Targets:
    """Frame buffers: colours with labels, colours alone, and the key light's shadow map."""

    def __init__(self, context: moderngl.Context, size: int, shadow_size: int = 512) -> None:
        self._size = size
        self._colour = context.texture((size, size), 4)
        self._labels = context.texture((size, size), 1, dtype="u1")
        depth = context.depth_renderbuffer((size, size))
        self.labelled = context.framebuffer([self._colour, self._labels], depth)
        self.colour_only = context.framebuffer([self._colour], depth)
        self.shadow_map = context.depth_texture((shadow_size, shadow_size))
        self.shadow_map.compare_func = "<="
        self.shadow_map.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self.shadow_map.repeat_x = self.shadow_map.repeat_y = False
        self.shadow = context.framebuffer(depth_attachment=self.shadow_map)

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """[S, S, 4] and [S, S] uint8, top row first."""
        colour = np.frombuffer(self._colour.read(), np.uint8).reshape(self._size, self._size, 4)
        labels = np.frombuffer(self._labels.read(), np.uint8).reshape(self._size, self._size)
        return np.ascontiguousarray(colour[::-1]), np.ascontiguousarray(labels[::-1])
