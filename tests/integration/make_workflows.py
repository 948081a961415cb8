"""Writes workflows/*.json and their API-format twins from the recipes, and runs them for their thumbnails.

Run `python tests/integration/make_workflows.py [--thumbnails]`.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from comfy_server import ROOT, ComfyServer, error_of, succeeded
from PIL import Image, ImageChops
from workflow_parts import source_of
from workflow_recipes import RECIPES, build

WORKFLOWS = ROOT / "workflows"
API = Path(__file__).parent / "api"
SIDE = 400  # each half of a thumbnail, in pixels


def as_text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def thumbnail(before: Image.Image, after: Image.Image) -> Image.Image:
    """Before | after, each cut to the square around what changed."""
    left, top, right, bottom = ImageChops.difference(before, after).getbbox() or (0, 0, *before.size)
    side = min(int(1.7 * max(right - left, bottom - top)), *before.size)
    x = min(max((left + right - side) // 2, 0), before.width - side)
    y = min(max((top + bottom - side) // 2, 0), before.height - side)
    sheet = Image.new("RGB", (2 * SIDE + 4, SIDE), "white")
    for place, picture in ((0, before), (SIDE + 4, after)):
        part = picture.crop((x, y, x + side, y + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        sheet.paste(part, (place, 0))
    return sheet


def run_for_thumbnail(server: ComfyServer, name: str, graph: dict[str, Any]) -> Image.Image:
    """Executes a workflow, with the untouched photograph saved beside its result."""
    graph = with_public_photograph(graph)
    saver = next(key for key, node in graph.items() if node["class_type"] == "StyleIDSaveAnonymizedImage")
    original = {
        "images": source_of(graph),
        "filename_prefix": f"{name}_original",
        "format": "png",
        "quality": 95,
    }
    entry = server.run(
        {**graph, "original": {"class_type": "StyleIDSaveAnonymizedImage", "inputs": original}}, timeout=1200
    )
    if not succeeded(entry):
        raise SystemExit(f"{name}: {error_of(entry)['exception_message']}")
    for key, output in entry["outputs"].items():
        if "text" in output:
            print(f"--- {name} {key}", *output["text"], sep="\n")
    pictures = [fetch(server, entry["outputs"][key]["images"][0]) for key in ("original", saver)]
    previews = [key for key, node in graph.items() if node["class_type"] == "PreviewImage"]
    charts = [fetch(server, image) for key in previews for image in entry["outputs"][key]["images"]]
    return with_charts(thumbnail(*pictures), charts)


def with_charts(sheet: Image.Image, charts: list[Image.Image]) -> Image.Image:
    """The charts of a workflow, two in a row below its pictures."""
    if not charts:
        return sheet
    height = round(SIDE * charts[0].height / charts[0].width)
    whole = Image.new("RGB", (sheet.width, sheet.height + (len(charts) + 1) // 2 * (height + 4)), "white")
    whole.paste(sheet)
    for number, chart in enumerate(charts):
        small = chart.resize((SIDE, height), Image.Resampling.LANCZOS)
        whole.paste(small, (number % 2 * (SIDE + 4), sheet.height + 4 + number // 2 * (height + 4)))
    return whole


def with_public_photograph(graph: dict[str, Any]) -> dict[str, Any]:
    """The graph with the group photograph, which may not be shown here, replaced by the astronaut and her mirror
    image: a picture in the public domain with two faces.
    """
    chosen = {key: node for key, node in graph.items() if node["inputs"].get("photograph") == "group"}
    for key, node in chosen.items():
        whole = {**node, "inputs": {"photograph": "astronaut"}}
        crop = {"image": ["whole", 0], "width": 192, "height": 384, "x": 127, "y": 0}
        flip = {"image": ["single", 0], "flip_method": "y-axis: horizontally"}
        stitch = {
            "image1": ["single", 0], "image2": ["mirrored", 0], "direction": "right", "match_image_size": True,
            "spacing_width": 0, "spacing_color": "white",
        }  # fmt: skip
        graph = {
            "whole": whole,
            "single": {"class_type": "ImageCrop", "inputs": crop},
            "mirrored": {"class_type": "ImageFlip", "inputs": flip},
            **graph,
            key: {"class_type": "ImageStitch", "inputs": stitch},
        }
    return graph


def fetch(server: ComfyServer, image: dict[str, str]) -> Image.Image:
    path = f"/view?filename={image['filename']}&subfolder={image['subfolder']}&type={image['type']}"
    return Image.open(io.BytesIO(server.get_bytes(path))).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--thumbnails", action="store_true", help="also run every workflow and write its .jpg"
    )
    parser.add_argument("--only", nargs="*", default=list(RECIPES), help="names of workflows")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = ComfyServer(Path(folder))
        try:
            server.start()
            info = server.get("/object_info")
            for name in options.only:
                recipe = build(name, info)
                (WORKFLOWS / f"{name}.json").write_text(as_text(recipe.ui()))
                (API / f"{name}.json").write_text(as_text(recipe.api()))
                if options.thumbnails:
                    run_for_thumbnail(server, name, recipe.api()).save(WORKFLOWS / f"{name}.jpg", quality=85)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
