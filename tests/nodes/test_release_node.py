"""Release Set."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def released(pack, node, tiny_family, monkeypatch):
    """released(images, **inputs): the outputs by name. Few identities, and one face in the middle of each image."""
    from importlib import import_module

    library = f"{pack.__name__}.styleid"
    monkeypatch.setattr(import_module(f"{library}.datasets.release"), "TRIES", 2)
    monkeypatch.setattr(import_module(f"{library}.pipeline.face"), "_SMALLEST_CROP", 96)
    cls = pack.NODE_CLASS_MAPPINGS["StyleIDReleaseSet"]

    def run(images, **inputs):
        marked = torch.zeros(images.shape[:3])
        marked[:, 40:100, 30:90] = 1
        inputs = {"models": tiny_family, "marked": marked, "released": "Male", "seed": 1, **inputs}
        return dict(zip(cls.RETURN_NAMES, node("StyleIDReleaseSet")(images=images, **inputs), strict=True))

    return run


@pytest.fixture
def images(photograph):
    return torch.stack([photograph(130, 130, seed=i) for i in range(3)])


def test_what_is_released_meets_what_is_said(released, images):
    out = released(images, k=2)
    gone = out["withheld"].flatten(1).all(1)
    assert len(out["images"]) == int((~gone).sum()) and bool(
        (out["withheld"].flatten(1).any(1) == gone).all()
    )
    assert out["k"] >= 2 and (out["l"], out["t"]) == (0, 0.0)
    assert "published:" in out["report"] and out["report"].count(": blocked (") >= int(gone.sum())
    assert out["chart"].dim() == 4 and out["chart"].std() > 0.01
    sources = images[~gone]
    assert torch.equal(out["images"][:, -5:], sources[:, -5:])
    assert not torch.equal(out["images"], sources)


def test_nothing_to_release_and_wrong_wishes_stop_the_graph(released, images, errors):
    with pytest.raises(errors.InputError, match="cannot be 9-anonymous"):
        released(images, k=9)
    with pytest.raises(errors.InputError, match="does not know Tall"):
        released(images, released="Tall")
    with pytest.raises(errors.InputError, match="name one"):
        released(images, l=2)
    some = torch.zeros(images.shape[:3])
    some[1, 40:100, 30:90] = 1
    with pytest.raises(errors.InputError, match="No face was found"):
        released(images, marked=some, k=1)
