"""Draws heads with OpenGL, without a window (EGL; Mesa's software driver is enough)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import moderngl
import numpy as np

from . import accessories, materials
from .buffers import HeadBuffers, ObjectBuffers, StrandBuffers, Targets
from .camera import ffhq_camera, light_camera, project
from .compose import SUPERSAMPLING, compose
from .geometry import Part, rotation, smoothstep, unit
from .groom import BEARD_POINTS, Groom, Strands
from .growth import HAIR_POINTS
from .labels import LABELS
from .model import FaceModel
from .occlusion import ambient_occlusion
from .parameters import Identity, State
from .programs import compile_programs, matrix_bytes, set_uniforms
from .roots import BEARD_ROOTS, HAIR_ROOTS

__all__ = ["Picture", "Renderer"]

GUMS, TEETH = (0.42, 0.10, 0.09), (0.74, 0.69, 0.60)
LENS_CLEAR, LENS_SUN = (0.5, 0.52, 0.55, 0.07), (0.02, 0.02, 0.02, 0.94)


def label(name: str) -> int:
    return LABELS.index(name)


@dataclass(frozen=True, eq=False)
class Picture:
    """A rendered head of S pixels a side."""

    image: np.ndarray  # [S, S, 3] uint8 RGB
    labels: np.ndarray  # [S, S] uint8, `labels.LABELS`
    landmarks68: np.ndarray  # [68, 2] float32 (x, y) pixels from the picture's corner
    landmarks5: (
        np.ndarray
    )  # [5, 2] image-left eye, image-right eye, nose tip, image-left and image-right mouth corner


@dataclass(frozen=True, eq=False)
class _Head:
    """One head's geometry."""

    identity: Identity
    state: State
    neutral: np.ndarray  # [V, 3] without expression and pose
    posed: np.ndarray  # [V, 3]
    normals: np.ndarray  # [V, 3], posed
    smooth_normals: np.ndarray  # [V, 3], posed
    turn: np.ndarray  # [3, 3] of the head
    hair: Strands | None
    beard: Strands | None


class Renderer:
    """Renders pictures of `size` pixels a side, which is `margin` times the side of FFHQ's crop.

    cache: folder for what is baked once per model (ambient occlusion); None bakes it anew. Raises moderngl's
    error where no EGL driver is installed.
    """

    def __init__(
        self, model: FaceModel, *, size: int = 128, margin: float = 1.0, cache: Path | None = None
    ) -> None:
        self.model = model
        self._size, self._margin = size, margin
        self._groom = Groom(model, detail=1.0 if size > 256 else 0.75 if size > 128 else 0.5)
        self._context = context = moderngl.create_standalone_context(backend="egl")
        self._programs = compile_programs(context)
        self._mesh = HeadBuffers(context, self._programs, model)
        self._hair = StrandBuffers(context, self._programs, HAIR_ROOTS, HAIR_POINTS)
        self._beard = StrandBuffers(context, self._programs, BEARD_ROOTS, BEARD_POINTS)
        self._objects = ObjectBuffers(context, self._programs)
        self._targets = Targets(context, size * SUPERSAMPLING)
        context.enable(moderngl.DEPTH_TEST)
        self._mesh.position.write(model.neutral.astype("f4").tobytes())
        file = None if cache is None else cache / f"ambient-occlusion-{model.fingerprint}.npy"
        occlusion = ambient_occlusion(context, model, self._draw_skin_depth, file)
        self._mesh.occlusion.write(occlusion.astype("f4").tobytes())

    def render(self, identity: Identity, state: State) -> Picture:
        head = self._build(identity, state)
        landmarks = head.posed[self.model.landmarks]
        camera, eye = ffhq_camera(landmarks, state.distance, self._margin)
        light = light_camera(state.light_dirs[0])
        self._upload(head)
        self._draw_shadows(head, light)
        self._start(head, camera, light, eye)
        self._draw_hair(head)
        self._draw_cloth(head)
        self._draw_eyes(head)
        self._draw_skin(head)
        self._draw_accessories(head)
        image, labels = compose(state, *self._targets.read(), self._size)
        device = project(camera, landmarks)
        points = np.stack([(device[:, 0] + 1) * 0.5, (1 - device[:, 1]) * 0.5], 1) * self._size
        eyes = points[36:42].mean(0), points[42:48].mean(0)
        five = np.stack([*eyes, points[30], points[48], points[54]])
        return Picture(image, labels, points.astype(np.float32), five.astype(np.float32))

    def _build(self, identity: Identity, state: State) -> _Head:
        model = self.model
        neutral, moved = model.deform(identity, state)
        region = model.hair_region(identity.hairline)
        normals = model.normals(moved)
        turn = rotation(*state.head_angles).astype(np.float32)
        turned = normals @ turn.T
        return _Head(
            identity=identity,
            state=state,
            neutral=neutral,
            posed=model.pose(state, moved),
            normals=turned,
            smooth_normals=unit(model.smooth @ turned),
            turn=turn,
            hair=self._groom.hair(state, neutral, normals, region),
            beard=self._groom.beard(state, moved, normals),
        )

    def _upload(self, head: _Head) -> None:
        model, regions = self.model, self.model.regions
        aux = np.empty((len(model.neutral), 8), np.float32)
        aux[:, 0] = model.hair_region(head.identity.hairline)
        aux[:, 1], aux[:, 2], aux[:, 3] = regions.lip, regions.nose, regions.ear
        aux[:, 4:7], aux[:, 7] = regions.beard, regions.neck
        lashes = slice(model.groups["lashes_l"].start, model.groups["lashes_r"].stop)
        aux[lashes, :2] = model.lash_uv[lashes]
        self._mesh.position.write(head.posed.astype("f4").tobytes())
        self._mesh.normals.write(np.hstack([head.normals, head.smooth_normals]).astype("f4").tobytes())
        self._mesh.aux.write(aux.tobytes())
        for buffers, strands in ((self._hair, head.hair), (self._beard, head.beard)):
            points = None
            if strands is not None:
                points = model.pose(head.state, strands.points.reshape(-1, 3)).reshape(strands.points.shape)
            buffers.write(strands, points, head.turn)

    def _draw_skin_depth(self, matrix: np.ndarray) -> None:
        self._programs["depth"]["u_mvp"].write(matrix_bytes(matrix))
        self._mesh.arrays["skin_depth"].render()

    def _draw_shadows(self, head: _Head, light: np.ndarray) -> None:
        self._targets.shadow.use()
        self._targets.shadow.clear(depth=1.0)
        self._draw_skin_depth(light)
        if head.state.hat:
            thickness = 0.75 * smoothstep(5.0, 6.5, self.model.neutral[:, 1:2])
            self._mesh.shell.write((head.posed + head.normals * thickness).astype("f4").tobytes())
            self._mesh.arrays["hat_depth"].render()
        program = self._programs["hair_depth"]
        set_uniforms(program, u_eye=head.state.light_dirs[0], u_widen=2.2)
        program["u_mvp"].write(matrix_bytes(light))
        self._hair.draw_depth()

    def _start(self, head: _Head, camera: np.ndarray, light: np.ndarray, eye: np.ndarray) -> None:
        """Clear the picture and set what all shaders share."""
        self._targets.labelled.use()
        self._targets.labelled.clear(0, 0, 0, 0, depth=1.0)
        self._targets.shadow_map.use(0)
        for program in self._programs.values():
            for name, matrix in (("u_mvp", camera), ("u_shadow_matrix", light)):
                if name in program:
                    program[name].write(matrix_bytes(matrix))
            set_uniforms(
                program,
                **materials.light_uniforms(head.state),
                u_eye=eye,
                u_shadow_map=0,
                u_seed=head.identity.texture_seed,
            )

    def _draw_hair(self, head: _Head) -> None:
        program, uniforms = self._programs["hair"], materials.hair_uniforms(head.identity, head.state)
        set_uniforms(program, **uniforms, u_widen=1.0, u_label=label("hair"))
        self._hair.draw()
        darker = {name: uniforms[name] * 0.9 for name in ("u_root_col", "u_tip_col")}
        set_uniforms(program, **darker, u_label=label("skin"), u_shine=materials.BEARD_SHINE)
        self._beard.draw()

    def _draw_cloth(self, head: _Head) -> None:
        state, program = head.state, self._programs["shell"]
        if state.hat:  # its shell was written for the shadows
            band = 0.8 if state.hair_variation[0] > 0 else 0.0
            self._set_cloth(program, state.hat_colours, 1, "hat", (8.4, 3.4, band, 0.0))
            self._mesh.arrays["hat"].render()
        thickness = 0.25 + 0.5 * smoothstep(-8, -13, self.model.neutral[:, 1:2])
        self._mesh.shell.write((head.posed + head.smooth_normals * thickness).astype("f4").tobytes())
        self._set_cloth(program, state.cloth_colours, 0, "cloth", state.collar)
        self._mesh.arrays["clothes"].render()

    @staticmethod
    def _set_cloth(
        program: moderngl.Program, colours: np.ndarray, hat: int, name: str, cut: tuple[float, ...]
    ) -> None:
        first, second = colours
        set_uniforms(program, u_hat=hat, u_label=label(name), u_colour=first, u_colour2=second, u_cut=cut)

    def _draw_eyes(self, head: _Head) -> None:
        program = self._programs["eye"]
        set_uniforms(program, **materials.eye_uniforms(head.identity))
        for side, sign in (("l", 1), ("r", -1)):
            centre = self.model.eye_centres[side] + np.array([sign * 0.06, 0, 0])
            set_uniforms(program, u_centre=centre, u_label=label(f"{side}_eye"))
            self._mesh.arrays[f"eye_{side}"].render()

    def _draw_skin(self, head: _Head) -> None:
        context, programs = self._context, self._programs
        set_uniforms(programs["skin"], **materials.skin_uniforms(head.identity, head.state))
        context.enable(moderngl.CULL_FACE)
        self._mesh.arrays["skin"].render()
        set_uniforms(programs["mouth"], u_kind=0.0, u_gum=GUMS, u_teeth=TEETH)
        self._mesh.arrays["mouth"].render()
        set_uniforms(programs["mouth"], u_kind=1.0)
        self._mesh.arrays["teeth"].render()
        context.disable(moderngl.CULL_FACE)
        # Lashes are see-through: they darken the picture and leave the labels alone.
        set_uniforms(programs["lash"], **materials.lash_uniforms(head.identity, head.state))
        context.enable(moderngl.BLEND)
        self._targets.colour_only.use()
        self._mesh.arrays["lash"].render()
        self._targets.labelled.use()
        context.disable(moderngl.BLEND)

    def _draw_accessories(self, head: _Head) -> None:
        model, state = self.model, head.state
        knot = None if head.hair is None else head.hair.knot
        if knot is not None and not state.hat and state.hair_variation[3] > -0.2:
            colour = (*materials.bun_colour(head.identity), 1.0)
            self._draw_object(head, [accessories.bun(state, knot)], colour, "hair", 0.12)
        if state.earrings:
            metal = (*accessories.metal_colour(state), 1.0)
            self._draw_object(head, accessories.earrings(model, state, head.neutral), metal, "ear_r", 1.0)
        if state.glasses != "none":
            frame, lenses = accessories.glasses(model, state, head.neutral)
            self._draw_object(head, frame, (*accessories.frame_colour(state), 1.0), "eye_g", 0.8)
            self._context.enable(moderngl.BLEND)
            glass = LENS_SUN if state.glasses == "sun" else LENS_CLEAR
            self._draw_object(head, lenses, glass, "eye_g", 0.6)
            self._context.disable(moderngl.BLEND)

    def _draw_object(
        self, head: _Head, parts: list[Part], colour: tuple[float, ...], name: str, specular: float
    ) -> None:
        starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
        vertices = np.concatenate([part.vertices for part in parts]).astype(np.float32)
        normals = np.concatenate([part.normals for part in parts]) @ rotation(*head.state.head_angles).T
        triangles = np.concatenate([part.triangles + s for part, s in zip(parts, starts, strict=True)])
        set_uniforms(self._programs["object"], u_colour=colour, u_specular=specular, u_label=label(name))
        self._objects.draw(self.model.pose(head.state, vertices), normals, triangles)
