"""How the nodes behave inside a real ComfyUI: information, core nodes between ours, errors, Cancel, files."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import numpy as np
import pytest
from comfy_server import PACK_NAME, ROOT, ComfyServer, error_of, succeeded
from PIL import Image
from test_workflows import SAVE, picture, run, save

pytestmark = [pytest.mark.comfy, pytest.mark.slow]
IDS = sorted(path.stem for path in (ROOT / "web" / "docs").glob("*.md"))
MODELS = {"class_type": "StyleIDLoadModels", "inputs": {"family": "embedded", "device": "cpu"}}


def photo(name: str) -> dict[str, Any]:
    return {"class_type": "StyleIDExamplePhoto", "inputs": {"photograph": name}}


def detect(images: list[Any], **inputs: Any) -> dict[str, Any]:
    base = {"models": ["models", 0], "images": images, "crop_size": 256, "no_face": "stop"}
    return {"class_type": "StyleIDDetectAndAlignFaces", "inputs": base | inputs}


def core(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def test_object_info_shows_every_node_with_tooltips(server: ComfyServer):
    info = server.get("/object_info")
    for kind in IDS:
        node = info[kind]
        inputs = {**node["input"].get("required", {}), **node["input"].get("optional", {})}
        assert all(spec[1].get("tooltip") for spec in inputs.values()), kind
        assert len(node.get("output_tooltips", [])) == len(node["output"]), kind
        assert node["description"]


def test_help_pages_templates_and_thumbnails_are_served(server: ComfyServer):
    for kind in IDS:
        assert server.get_bytes(f"/extensions/{PACK_NAME}/docs/{kind}.md").startswith(b"# ")
    names = server.get("/workflow_templates")[PACK_NAME]
    assert {path.stem for path in (ROOT / "workflows").glob("*.json")} == set(names)
    for name in names:
        assert server.get_bytes(f"/api/workflow_templates/{PACK_NAME}/{name}.jpg")[:2] == b"\xff\xd8"


def test_no_script_reaches_the_page(server: ComfyServer):
    assert not [path for path in server.get("/extensions") if f"/{PACK_NAME}/" in path]


def test_core_nodes_fit_between_ours(server: ComfyServer):
    """Crop and rescale the photograph, invert and resize crops and masks, composite: all with ComfyUI's own nodes."""
    graph = {
        "models": MODELS,
        "photo": photo("astronaut"),
        "scaled": core(
            "ImageScale", image=["photo", 0], upscale_method="lanczos", width=768, height=768, crop="disabled"
        ),
        "cut": core("ImageCrop", image=["scaled", 0], width=480, height=448, x=128, y=0),
        "faces": detect(["cut", 0]),
        "labels": core("StyleIDParseFace", models=["models", 0], crops=["faces", 0]),
        "area": core("StyleIDRegionMask", labels=["labels", 0], area="face", feather=0.0),
        "outside": core("InvertMask", mask=["area", 0]),
        "inside": core("InvertMask", mask=["outside", 0]),
        "codes": core("StyleIDEncodeToWPlus", models=["models", 0], crops=["faces", 0]),
        "identity": core(
            "StyleIDRandomIdentity",
            models=["models", 0],
            count=1,
            truncation=1.0,
            new_each_run=True,
            one_per_face=["codes", 0],
        ),
        "channels": core("StyleIDChannelMask", models=["models", 0], share=0.5),
        "swapped": core(
            "StyleIDSwapChannels",
            source=["codes", 0],
            target=["identity", 0],
            channels=["channels", 0],
            strength=1.0,
        ),
        "decoded": core("StyleIDDecodeWPlus", models=["models", 0], codes=["swapped", 0]),
        "large": core(
            "ImageScale",
            image=["decoded", 0],
            upscale_method="bicubic",
            width=256,
            height=256,
            crop="disabled",
        ),
        "negative": core("ImageInvert", image=["large", 0]),
        "positive": core("ImageInvert", image=["negative", 0]),
        "composite": core(
            "ImageCompositeMasked",
            destination=["faces", 0],
            source=["positive", 0],
            x=0,
            y=0,
            resize_source=False,
            mask=["inside", 0],
        ),
        "paste": core(
            "StyleIDPasteFacesBack",
            models=["models", 0],
            images=["cut", 0],
            faces=["faces", 1],
            crops=["composite", 0],
            on_failure="pass",
            areas=["inside", 0],
        ),
        "changed": core("MaskToImage", mask=["paste", 1]),
        "before": save(["cut", 0], "core/before"),
        "after": save(["paste", 0], "core/after"),
        "mask": save(["changed", 0], "core/mask"),
    }
    outputs = run(server, graph)
    before, after, mask = (
        np.asarray(picture(server, outputs[key]["images"][0])).astype(int)
        for key in ("before", "after", "mask")
    )
    assert before.shape == after.shape == (448, 480, 3)
    changed = (before != after).any(axis=-1)
    assert 0.02 < changed.mean() < 0.6
    assert not changed[mask[..., 0] == 0].any()


def test_batches_with_several_faces_each(server: ComfyServer):
    graph = {
        "models": MODELS,
        "photo": photo("group"),
        "twice": core("ImageBatch", image1=["photo", 0], image2=["photo", 0]),
        "done": core(
            "StyleIDAnonymize",
            images=["twice", 0],
            models=["models", 0],
            level="medium",
            method="by level",
            area="by level",
            on_failure="blur",
            no_face="stop",
            new_each_run=True,
        ),
        "saved": save(["done", 0], "batch/group"),
        "report": core("PreviewAny", source=["done", 3]),
    }
    outputs = run(server, graph)
    assert len(outputs["saved"]["images"]) == 2
    assert outputs["report"]["text"][0].count("face 6:") == 2


def test_no_face_stops_and_says_so(server: ComfyServer):
    empty = core("EmptyImage", width=256, height=256, batch_size=1, color=4210752)
    graph = {
        "models": MODELS,
        "empty": empty,
        "faces": detect(["empty", 0]),
        "out": save(["faces", 0], "none"),
    }
    entry = server.run(graph)
    assert not succeeded(entry)
    assert "No face was found" in error_of(entry)["exception_message"]


def test_errors_tell_nothing_private(server: ComfyServer):
    """ComfyUI puts the inputs of a failed node into its error message as text."""
    graph = {
        "models": MODELS,
        "photo": photo("astronaut"),
        "faces": detect(["photo", 0]),
        "codes": core("StyleIDEncodeToWPlus", models=["models", 0], crops=["faces", 0]),
        "swapped": core(
            "StyleIDSwapIdentityLayers",
            models=["models", 0],
            source=["codes", 0],
            target=["codes", 0],
            layers="400",
            strength=1.0,
        ),
        "decoded": core("StyleIDDecodeWPlus", models=["models", 0], codes=["swapped", 0]),
        "out": save(["decoded", 0], "never"),
    }
    message = error_of(server.run(graph))
    assert message["node_type"] == "StyleIDSwapIdentityLayers"
    assert "tensor(" not in json.dumps(message)


def test_cancel_stops_a_running_node(server: ComfyServer):
    graph = {
        "models": MODELS,
        "photo": photo("group"),
        "many": core("RepeatImageBatch", image=["photo", 0], amount=24),
        "done": core(
            "StyleIDAnonymize",
            images=["many", 0],
            models=["models", 0],
            level="medium",
            method="by level",
            area="by level",
            on_failure="blur",
            no_face="stop",
            new_each_run=True,
        ),
        "saved": save(["done", 0], "cancelled/never"),
    }
    prompt_id = server.queue(graph)
    server.wait_until_running(prompt_id)
    time.sleep(8)  # into the faces, past loading
    request = urllib.request.Request(server.url + "/interrupt", data=b"", method="POST")
    urllib.request.urlopen(request, timeout=30).close()
    entry = server.wait(prompt_id, timeout=90)
    assert "execution_interrupted" in [name for name, _ in entry["status"]["messages"]]
    assert not list(server.output.glob("cancelled/*"))


@pytest.mark.parametrize(("kind", "suffix"), [("png", ".png"), ("jpeg", ".jpg"), ("webp", ".webp")])
def test_saved_files_hold_pixels_only_and_replace_nothing(server: ComfyServer, kind: str, suffix: str):
    secret = "a-private-title"
    names = []
    for quality in (90, 91):  # a changed input makes the node run again
        node = save(["photo", 0], f"formats/{kind}")
        node["inputs"] |= {"format": kind, "quality": quality}
        outputs = run(server, {"photo": photo("astronaut") | {"_meta": {"title": secret}}, "out": node})
        names.append(outputs["out"]["images"][0]["filename"])
    assert len(set(names)) == 2
    for name in names:
        path = server.output / "formats" / name
        assert path.suffix == suffix
        content = path.read_bytes()
        for private in (b"class_type", b"prompt", b"workflow", b"Exif", b"astronaut", secret.encode()):
            assert private not in content
        with Image.open(path) as image:
            assert not image.getexif()
            assert set(image.info) <= {
                "jfif",
                "jfif_version",
                "jfif_unit",
                "jfif_density",
                "loop",
                "background",
            }


def test_saving_outside_the_output_folder_is_refused(server: ComfyServer):
    entry = server.run({"photo": photo("astronaut"), "out": save(["photo", 0], "../outside")})
    assert not succeeded(entry)
    assert error_of(entry)["node_type"] == SAVE


@pytest.mark.parametrize("family", ["ffhq-1024 (non-commercial)", "ffhq-1024"])
def test_published_families_are_chosen_by_label_or_name(server: ComfyServer, family: str):
    """Without their weights they stop with the command that fetches them; ComfyUI knows the folder they belong to."""
    label, _ = server.get("/object_info/StyleIDLoadModels")["StyleIDLoadModels"]["input"]["required"][
        "family"
    ]
    assert "ffhq-1024 (non-commercial)" in label
    assert server.get("/models/styleid") == []
    graph = {"models": {"class_type": "StyleIDLoadModels", "inputs": {"family": family, "device": "cpu"}}}
    graph["codes"] = core(
        "StyleIDRandomIdentity", models=["models", 0], count=1, truncation=0.7, new_each_run=True
    )
    graph["picture"] = core("StyleIDDecodeWPlus", models=["models", 0], codes=["codes", 0])
    graph["show"] = core("PreviewImage", images=["picture", 0])
    assert "python -m styleid weights fetch" in error_of(server.run(graph))["exception_message"]
