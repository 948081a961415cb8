"""The shipped workflows in which one node does everything, as recipes."""

from __future__ import annotations

from workflow_builder import Recipe
from workflow_parts import BLUE, GREEN, OWN_PHOTO, RED


def group_photo(recipe: Recipe) -> None:
    recipe.note(
        0,
        OWN_PHOTO
        + "**One node**: *Anonymize* finds every face, gives each an identity of its own, pastes back, verifies, "
        "and blurs what it could not hide. Choose a level: low, medium or high.",
        title="What this does",
    )
    models = recipe.add("StyleIDLoadModels", 0)
    photo = recipe.add("StyleIDExamplePhoto", 0, photograph="group")
    done = recipe.add("StyleIDAnonymize", 0, images=photo["image"], models=models["models"])
    recipe.group("Everyone in the picture", 0, 0, BLUE)
    recipe.add("PreviewAny", 1, title="Report", width=560, lines=22, source=done["report"])
    recipe.add("StyleIDSaveAnonymizedImage", 2, width=560, images=done["images"], filename_prefix=recipe.name)
    recipe.group("Result", 1, 2, RED)


def release_set(recipe: Recipe) -> None:
    recipe.note(
        0,
        "**High, for a set**: nobody stands out by what can be seen. Visible attributes of the new faces occur at least *k* "
        "times; what cannot be hidden in a crowd is withheld.\n\n"
        "Here the set is the faces of one photograph, cut out. **Your own set**: connect a batch of images of one size, for "
        "example of *Load Image Dataset from Folder* and then *Rebatch Images*. Aim for several times *k* images.",
        title="What this does",
    )
    models = recipe.add("StyleIDLoadModels", 0)
    photo = recipe.add("StyleIDExamplePhoto", 0, photograph="group")
    faces = recipe.add(
        "StyleIDDetectAndAlignFaces", 0, models=models["models"], images=photo["image"], crop_size=384
    )
    recipe.group("A set of images", 0, 0, BLUE)
    done = recipe.add(
        "StyleIDReleaseSet",
        1,
        width=420,
        models=models["models"],
        images=faces["crops"],
        released="Male",
        k=2,
    )
    recipe.add("PreviewAny", 1, title="What the set meets", width=420, lines=10, source=done["report"])
    recipe.group("Choose, measure, withhold", 1, 1, GREEN)
    recipe.add("PreviewImage", 2, title="Classes: no face is in the chart", width=480, images=done["chart"])
    recipe.group("What was achieved", 2, 2, BLUE)
    recipe.add("StyleIDSaveAnonymizedImage", 3, width=480, images=done["images"], filename_prefix=recipe.name)
    recipe.group("Released", 3, 3, RED)
