"""Compiles the shaders in `shaders/` and sets their uniforms."""

from __future__ import annotations

from pathlib import Path

import moderngl
import numpy as np

from .labels import LABELS

__all__ = ["compile_programs", "matrix_bytes", "set_uniforms"]

SHADERS = Path(__file__).parent / "shaders"
INCLUDE = "#include "

# Name: vertex shader, fragment shader, preprocessor symbols.
PROGRAMS = {
    "skin": ("mesh_vertex", "skin", ()),
    "mouth": ("mesh_vertex", "mouth", ()),
    "eye": ("mesh_vertex", "eye", ()),
    "lash": ("mesh_vertex", "lash", ()),
    "shell": ("mesh_vertex", "shell", ()),
    "hair": ("hair_vertex", "hair", ()),
    "object": ("object_vertex", "object", ()),
    "depth": ("depth_vertex", "depth", ()),
    "hair_depth": ("hair_vertex", "depth", ("TOWARDS_LIGHT",)),
}


def compile_programs(context: moderngl.Context) -> dict[str, moderngl.Program]:
    return {
        name: context.program(
            vertex_shader=_source(vertex, symbols), fragment_shader=_source(fragment, symbols)
        )
        for name, (vertex, fragment, symbols) in PROGRAMS.items()
    }


def _source(name: str, symbols: tuple[str, ...]) -> str:
    classes = [f"#define LABEL_{label.upper()} {i}u" for i, label in enumerate(LABELS)]
    symbols = [f"#define {symbol}" for symbol in symbols]
    return "\n".join(["#version 330", *classes, *symbols, _included(f"{name}.glsl")])


def _included(file: str) -> str:
    """A shader file with its `#include "file"` lines replaced by the files."""
    lines = (SHADERS / file).read_text(encoding="utf-8").splitlines()
    return "\n".join(
        _included(line.removeprefix(INCLUDE).strip('"')) if line.startswith(INCLUDE) else line
        for line in lines
    )


def matrix_bytes(matrix: np.ndarray) -> bytes:
    """A [4, 4] matrix in OpenGL's column order."""
    return np.ascontiguousarray(matrix.T.astype("f4")).tobytes()


def set_uniforms(program: moderngl.Program, **values) -> None:
    """Set numbers, vectors and arrays of vectors; names that the program does not use are skipped."""
    for name, value in values.items():
        if name not in program:
            continue
        plain = np.asarray(value).tolist()
        if isinstance(plain, list):
            plain = [tuple(row) for row in plain] if isinstance(plain[0], list) else tuple(plain)
        program[name].value = plain
