"""What the shipped workflows have in common: how they begin and end, and their notes."""

from __future__ import annotations

from typing import Any

from workflow_builder import Node, Recipe

BLUE, GREEN, RED = "#3f789e", "#8A8", "#A88"
OWN_PHOTO = "**Your own photograph**: replace *Example Photograph* by *Load Image*.\n\n"
SAVING = (
    "*Save Anonymized Image* writes pixels only. ComfyUI's own *Save Image* and *Preview Image* would write this whole "
    "workflow into their files.\n\n"
    "*Paste Faces Back* looks for faces once more and compares each with every original face. "
    "A face that did not move far enough comes out blurred."
)


def start(recipe: Recipe, photograph: str, note: str) -> tuple[Node, Node, Node]:
    """Column 0: what every workflow begins with."""
    recipe.note(0, OWN_PHOTO + note, title="What this does")
    models = recipe.add("StyleIDLoadModels", 0)
    photo = recipe.add("StyleIDExamplePhoto", 0, photograph=photograph)
    faces = recipe.add("StyleIDDetectAndAlignFaces", 0, models=models["models"], images=photo["image"])
    recipe.group("Photograph and faces", 0, 0, BLUE)
    return models, photo, faces


def finish(
    recipe: Recipe, column: int, models: Node, photo: Node, faces: Node, crops: Any, area: Any
) -> None:
    """Last columns: measure, paste back, save."""
    distance = recipe.add(
        "StyleIDIdentityDistance", column, models=models["models"], source=faces["crops"], output=crops
    )
    recipe.add("PreviewAny", column, title="Distance of the new faces", source=distance["report"])
    paste = recipe.add(
        "StyleIDPasteFacesBack",
        column,
        models=models["models"],
        images=photo["image"],
        faces=faces["faces"],
        crops=crops,
        areas=area,
    )
    recipe.add("PreviewAny", column, title="Report of the finished picture", source=paste["report"])
    recipe.note(column + 1, SAVING, title="Saving", width=420)
    recipe.add(
        "StyleIDSaveAnonymizedImage",
        column + 1,
        width=420,
        images=paste["images"],
        filename_prefix=recipe.name,
    )
    recipe.group("Measure, paste back, save", column, column + 1, RED)


def area_of(recipe: Recipe, column: int, models: Node, faces: Node, area: str) -> tuple[Node, Node]:
    """Parse Face and Region Mask of the source crops."""
    labels = recipe.add("StyleIDParseFace", column, models=models["models"], crops=faces["crops"])
    region = recipe.add("StyleIDRegionMask", column, labels=labels["labels"], area=area)
    return labels, region


def source_of(graph: dict[str, Any]) -> list[Any]:
    """Where, in API format, the pictures come from that a workflow gives back changed."""
    for node in graph.values():
        if node["class_type"] == "StyleIDReleaseSet":
            return node["inputs"]["images"]
    kind = "ImageStitch" if "mirrored" in graph else "StyleIDExamplePhoto"
    return [next(key for key, node in graph.items() if node["class_type"] == kind), 0]
