"""Packing an ICT-FaceKit checkout, on an invented one of four vertices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training.render import convert as converter

TEMPLATE = """# a square and a triangle
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0.5
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl M_Face
f 1/1 2/2 3/3 4/4
usemtl M_Teeth
f 1/1/1 2/2/2 3/3/3
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two identities and one expression."""
    monkeypatch.setattr(converter, "MODES", 2)
    folder = tmp_path / "ICT-FaceKit" / "FaceXModel"
    folder.mkdir(parents=True)
    (folder / "generic_neutral_mesh.obj").write_text(TEMPLATE)
    (folder / "vertex_indices.json").write_text(json.dumps({"expressions": ["jawOpen"]}))
    for name in ("identity000", "identity001", "PupilDilate_L", "PupilDilate_R"):
        (folder / f"{name}.obj").write_text(TEMPLATE.replace("v 1 1 0", "v 1 1.25 0"))
    (folder / "jawOpen.obj").write_text(
        TEMPLATE.replace("v 0 0 0", "v 0 -1 0").replace("v 1 0 0", "v 1.000003 0 0")
    )
    return folder.parent


def test_topology_and_differences(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.npz"
    converter.convert(checkout, out)
    with np.load(out) as model:
        np.testing.assert_array_equal(model["faces"], [[0, 1, 2, 3], [0, 1, 2, -1]])
        np.testing.assert_array_equal(model["face_uv"], [[0, 1, 2, 3], [0, 1, 2, -1]])
        np.testing.assert_array_equal(model["face_mat"], [0, 1])
        assert model["materials"].tolist() == ["M_Face", "M_Teeth"]
        assert model["id_delta"].dtype == np.float16
        assert model["id_delta"].shape == (2, 4, 3)
        np.testing.assert_array_equal(model["id_delta"][0][2], [0, 0.25, 0])
        assert model["id_names"].tolist() == ["identity000", "identity001"]
        assert model["landmarks68"].shape == (68,)


def test_the_rounding_of_expressions_is_dropped(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.npz"
    converter.convert(checkout, out)
    with np.load(out) as model:
        np.testing.assert_array_equal(model["exp_delta"][0], [[0, -1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]])


def test_another_folder_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="ICT-FaceKit"):
        converter.convert(tmp_path, tmp_path / "model.npz")


def test_another_topology_is_refused(checkout: Path, tmp_path: Path) -> None:
    (checkout / "FaceXModel" / "identity001.obj").write_text("v 0 0 0\n")
    with pytest.raises(ValueError, match="identity001"):
        converter.convert(checkout, tmp_path / "model.npz")


def test_groups_follow_one_another() -> None:
    """The parts of the README's table cover the mesh without a gap."""
    whole = ("face", "head_neck", "mouth_socket", "eye_socket_l", "eye_socket_r", "gums_tongue", "teeth")
    for groups in (converter.VERTEX_GROUPS, converter.POLYGON_GROUPS):
        ends = [groups[name] for name in whole]
        assert all(a[1] == b[0] for a, b in zip(ends, ends[1:], strict=False))
    assert max(end for _, end in converter.VERTEX_GROUPS.values()) == 26719
    assert max(end for _, end in converter.POLYGON_GROUPS.values()) == 26384
