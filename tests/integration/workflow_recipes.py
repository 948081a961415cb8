"""The shipped workflows, as recipes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from measuring_recipes import privacy_report, rank_layers_and_channels, train_swappernet
from one_node_recipes import group_photo, release_set
from workflow_builder import Recipe
from workflow_parts import BLUE, GREEN, area_of, finish, start


def low_channel_swap(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "astronaut",
        "**Low**: face recognisers fail, a person still sees a similar face. Only the best-ranked identity channels of the "
        "code are swapped. More *share* hides more.",
    )
    codes = recipe.add("StyleIDEncodeToWPlus", 1, models=models["models"], crops=faces["crops"])
    identity = recipe.add("StyleIDRandomIdentity", 1, models=models["models"], one_per_face=codes["codes"])
    channels = recipe.add("StyleIDChannelMask", 1, models=models["models"], share=0.8)
    _, region = area_of(recipe, 1, models, faces, "face")
    swapped = recipe.add(
        "StyleIDSwapChannels",
        2,
        source=codes["codes"],
        target=identity["codes"],
        channels=channels["channels"],
    )
    decoded = recipe.add("StyleIDDecodeWPlus", 2, models=models["models"], codes=swapped["codes"])
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend",
        2,
        models=models["models"],
        source=faces["crops"],
        target=decoded["crops"],
        area=region["area"],
    )
    recipe.group("Swap identity channels", 1, 2, GREEN)
    finish(recipe, 3, models, photo, faces, blend["crops"], region["area"])


def low_reach_target(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "astronaut",
        "**Low, by measure**: the least change of each face that reaches a target. Choose *distance* or *false-accept "
        "rate* in *Reach Privacy Target*, and name the recognisers that must be fooled.",
    )
    found = recipe.add(
        "StyleIDReachPrivacyTarget",
        1,
        width=380,
        models=models["models"],
        crops=faces["crops"],
        target="distance",
        value=1.1,
    )
    recipe.add(
        "PreviewAny",
        1,
        title="What was chosen, and the frontier",
        width=380,
        lines=12,
        source=found["report"],
    )
    recipe.group("Search", 1, 1, GREEN)
    recipe.note(
        2,
        "**The frontier**: everything that was tried. To the right more privacy, upwards more attributes kept; the star is "
        "what was chosen.\n\nThe recogniser that searches fools itself most easily: *judged* is the one that had no part "
        "in the search.",
        title="Reading the chart",
        width=420,
    )
    finish(recipe, 3, models, photo, faces, found["crops"], found["areas"])
    recipe.add(
        "StyleIDSaveAnonymizedImage",
        2,
        title="Save the chart",
        width=420,
        images=found["frontier"],
        filename_prefix=f"{recipe.name}_chart",
    )
    recipe.group("Privacy against attributes", 2, 2, BLUE)


def combine_with_inpaint(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "astronaut",
        "**With other nodes**: faces are plain IMAGE crops and areas plain MASKs, so ComfyUI's own nodes fit between. Here "
        "they find the seam around the new face and repaint it.",
    )
    labels, region = area_of(recipe, 1, models, faces, "face")
    target = recipe.add(
        "StyleIDRandomTargetFromMask",
        1,
        models=models["models"],
        labels=labels["labels"],
        source=faces["crops"],
    )
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend",
        1,
        models=models["models"],
        source=faces["crops"],
        target=target["crops"],
        area=region["area"],
        composite="poisson",
    )
    recipe.group("A new face", 1, 1, GREEN)
    outer = recipe.add("GrowMask", 2, title="Seam: outer edge", mask=region["area"], expand=4)
    inner = recipe.add("GrowMask", 2, title="Seam: inner edge", mask=region["area"], expand=-8)
    band = recipe.add(
        "MaskComposite",
        2,
        title="Seam",
        destination=outer["MASK"],
        source=inner["MASK"],
        x=0,
        y=0,
        operation="subtract",
    )
    picture = recipe.add("MaskToImage", 2, mask=band["MASK"])
    soft = recipe.add("ImageBlur", 2, title="Soft edges", image=picture["IMAGE"], blur_radius=4, sigma=2.0)
    seam = recipe.add("ImageToMask", 2, image=soft["IMAGE"], channel="red")
    recipe.group("The seam as a mask", 2, 2, BLUE)
    recipe.note(
        3,
        "*Blur* stands in for an inpainting model, so that this runs without any checkpoint.\n\nTo use a model: put *Load "
        "Checkpoint*, *VAE Encode (for Inpainting)* with the seam as mask, *KSampler* (denoise about 0.5) and *VAE Decode* "
        "in its place. Scale the crops to the model's size with *Upscale Image* before.\n\nRepaint the seam only: a model "
        "that repaints the face from the original would bring the person back. *Paste Faces Back* checks it.",
        title="Plug in an inpainting model",
        width=380,
    )
    repainted = recipe.add(
        "ImageBlur", 3, title="Repaint (stand-in)", width=380, image=blend["crops"], blur_radius=3, sigma=1.5
    )
    joined = recipe.add(
        "ImageCompositeMasked",
        3,
        width=380,
        destination=blend["crops"],
        source=repainted["IMAGE"],
        x=0,
        y=0,
        resize_source=False,
        mask=seam["MASK"],
    )
    recipe.group("Repaint the seam", 3, 3, GREEN)
    finish(recipe, 4, models, photo, faces, joined["IMAGE"], outer["MASK"])


def medium_layer_swap(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "astronaut",
        "**Medium**: a person sees someone else. The layers of the code that carry identity are replaced by those of a "
        "random, secret identity.\n\nThe reconstruction's distance tells what the encoder alone loses: "
        "that part is not protection.",
    )
    codes = recipe.add("StyleIDEncodeToWPlus", 1, models=models["models"], crops=faces["crops"])
    identity = recipe.add("StyleIDRandomIdentity", 1, models=models["models"], one_per_face=codes["codes"])
    swapped = recipe.add(
        "StyleIDSwapIdentityLayers",
        1,
        models=models["models"],
        source=codes["codes"],
        target=identity["codes"],
        layers="ranked",
        strength=1.2,
    )
    _, region = area_of(recipe, 1, models, faces, "face")
    decoded = recipe.add("StyleIDDecodeWPlus", 2, models=models["models"], codes=swapped["codes"])
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend",
        2,
        models=models["models"],
        source=faces["crops"],
        target=decoded["crops"],
        area=region["area"],
    )
    rebuilt = recipe.add(
        "StyleIDDecodeWPlus",
        2,
        title="Reconstruction (nothing swapped)",
        models=models["models"],
        codes=codes["codes"],
    )
    control = recipe.add(
        "StyleIDIdentityDistance", 2, models=models["models"], source=faces["crops"], output=rebuilt["crops"]
    )
    recipe.add("PreviewAny", 2, title="Distance of the reconstruction", source=control["report"])
    recipe.group("Swap identity layers", 1, 2, GREEN)
    finish(recipe, 3, models, photo, faces, blend["crops"], region["area"])


def medium_swappernet(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "astronaut",
        "**Medium, by a network**: *Choose Target* draws several secret identities and takes one that keeps the named "
        "attributes. *SwapperNet* looks at both codes and takes from it what carries identity.\n\n"
        "*Edit Attribute* changes the new identity before the swap: here it smiles a little less or more.",
    )
    codes = recipe.add("StyleIDEncodeToWPlus", 1, models=models["models"], crops=faces["crops"])
    target = recipe.add("StyleIDChooseTarget", 1, models=models["models"], source=codes["codes"])
    edited = recipe.add(
        "StyleIDEditAttribute",
        1,
        models=models["models"],
        codes=target["codes"],
        attribute="Smiling",
        strength=0.5,
    )
    recipe.add("PreviewAny", 1, title="What was chosen", source=target["report"])
    swapped = recipe.add(
        "StyleIDSwapperNetSwap", 2, models=models["models"], source=codes["codes"], target=edited["codes"]
    )
    _, region = area_of(recipe, 2, models, faces, "face")
    decoded = recipe.add("StyleIDDecodeWPlus", 2, models=models["models"], codes=swapped["codes"])
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend",
        2,
        models=models["models"],
        source=faces["crops"],
        target=decoded["crops"],
        area=region["area"],
    )
    recipe.group("Choose an identity and swap it in", 1, 2, GREEN)
    finish(recipe, 3, models, photo, faces, blend["crops"], region["area"])


def medium_masked_identity(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "astronaut",
        "**Medium, in pixels**: a random face with the same face parts is drawn, its colours are matched, and it is "
        "composited over eyes, nose and mouth. Everything else stays the photograph's own. "
        "ComfyUI's own *Grow Mask* widens the area: any mask node fits between.",
    )
    labels, region = area_of(recipe, 1, models, faces, "eyes+nose+mouth")
    face = recipe.add(
        "StyleIDRegionMask",
        1,
        title="Region Mask: where colours are compared",
        labels=labels["labels"],
        area="face",
    )
    target = recipe.add(
        "StyleIDRandomTargetFromMask",
        1,
        models=models["models"],
        labels=labels["labels"],
        source=faces["crops"],
    )
    grown = recipe.add("GrowMask", 2, mask=region["area"], expand=24, tapered_corners=True)
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend",
        2,
        models=models["models"],
        source=faces["crops"],
        target=target["crops"],
        area=grown["MASK"],
        face=face["area"],
    )
    recipe.group("Random face from the mask", 1, 2, GREEN)
    finish(recipe, 3, models, photo, faces, blend["crops"], grown["MASK"])


def high_full_face(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "astronaut",
        "**High**: the whole face is replaced by a random face with the same outline. Choose *face+hair* in "
        "*Region Mask* to replace the hair too.",
    )
    labels, region = area_of(recipe, 1, models, faces, "face")
    target = recipe.add(
        "StyleIDRandomTargetFromMask",
        1,
        models=models["models"],
        labels=labels["labels"],
        source=faces["crops"],
    )
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend",
        2,
        models=models["models"],
        source=faces["crops"],
        target=target["crops"],
        area=region["area"],
    )
    recipe.group("Replace the whole face", 1, 2, GREEN)
    finish(recipe, 3, models, photo, faces, blend["crops"], region["area"])


RECIPES: dict[str, Callable[[Recipe], None]] = {
    recipe.__name__: recipe
    for recipe in (
        low_channel_swap,
        low_reach_target,
        medium_layer_swap,
        medium_masked_identity,
        medium_swappernet,
        train_swappernet,
        high_full_face,
        release_set,
        group_photo,
        rank_layers_and_channels,
        combine_with_inpaint,
        privacy_report,
    )
}


def build(name: str, object_info: dict[str, Any]) -> Recipe:
    """The recipe `name`, ready to be written in either format."""
    recipe = Recipe(name, object_info)
    RECIPES[name](recipe)
    return recipe
