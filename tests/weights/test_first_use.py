"""The first use of a published family in ComfyUI: Load Models fetches every part from a server, and the networks run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from styleid.networks import KINDS, write_network
from styleid.networks.heads import LandmarkConfig
from styleid.networks.irse import IRSEConfig
from styleid.networks.mobilefacenet import MobileFaceNetConfig
from styleid.networks.psp import EncoderConfig

BODY = {"units": (1, 1, 1, 1), "widths": (16, 16, 16, 16), "input_size": 32}
PARTS = {
    "encoder": ("psp", EncoderConfig(**BODY, layers=8, pool=2, hidden=16)),
    "recogniser": ("ir-se", IRSEConfig(**BODY)),
    "judge": ("mobilefacenet", MobileFaceNetConfig(width=0.25, blocks=(1, 1, 1), input_size=32)),
    "landmarks": ("landmarks", LandmarkConfig(**BODY, hidden=8)),
}


@pytest.fixture
def family(store, server, published, tmp_path: Path) -> str:
    """A family whose parts all lie on the server: the generator in a public container, the others as safetensors."""
    torch.manual_seed(3)
    for role, (kind, config) in PARTS.items():
        path = tmp_path / f"{role}.safetensors"
        write_network(KINDS[kind].build(config), path, kind)
        server.put("owner/parts", path.name, path.read_bytes())
        source = {"repo": "owner/parts", "file": path.name}
        store.publish(f"pub-{role}", [source], path.read_bytes(), kind=kind, file=path.name)
    recognisers = {role: {"weights": f"pub-{role}", "threshold": 1.2} for role in ("recogniser", "judge")}
    store.family("pub", generator=published, encoder="pub-encoder", landmarks="pub-landmarks", **recognisers)
    return "pub"


def test_load_models_fetches_a_family_and_runs_it(store, server, family, load_pack) -> None:
    node = load_pack().NODE_CLASS_MAPPINGS["StyleIDLoadModels"]
    label = "pub (non-commercial)"
    assert label in node.INPUT_TYPES()["required"]["family"][0]
    with pytest.raises(Exception, match="switch on 'download'"):
        node().execute(family=label, device="cpu")
    assert server.requests == []
    models, notes = node().execute(family=label, device="cpu", download=True)
    assert notes == ""
    assert {path.stem for path in store.folder.glob("*.safetensors")} == {
        "pub-generator",
        *(f"pub-{role}" for role in PARTS),
    }
    crops = torch.rand(2, 32, 32, 3, generator=torch.Generator().manual_seed(1))
    assert models.decode(models.encode(crops)).shape == (2, 32, 32, 3)
    assert models.judge.embed(crops).shape == (2, 512)
    before = len(server.requests)
    node().execute(family=label, device="cpu")  # from now on without a download
    assert len(server.requests) == before
    (store.folder / "pub-judge.safetensors").write_bytes(b"damage")
    with pytest.raises(Exception, match="damaged"):
        node().execute(family=label, device="cpu")
    node().execute(family=label, device="cpu", download=True)
