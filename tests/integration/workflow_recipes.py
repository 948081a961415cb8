"""The shipped workflows, as recipes."""

from __future__ import annotations

from collections.abc import Callable
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


def low_channel_swap(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "astronaut",
        "**Low**: face recognisers fail, a person still sees a similar face. Only the best-ranked identity channels of the "
        "code are swapped. More *share* hides more.",
    )
    codes = recipe.add("StyleIDEncodeToWPlus", 1, models=models["models"], crops=faces["crops"])
    identity = recipe.add("StyleIDRandomIdentity", 1, models=models["models"], one_per_face=codes["codes"])
    channels = recipe.add("StyleIDChannelMask", 1, models=models["models"], share=0.4)
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
        "StyleIDMaskedIdentityBlend", 2, source=faces["crops"], target=decoded["crops"], area=region["area"]
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
        "StyleIDReachPrivacyTarget", 1, width=380, models=models["models"], crops=faces["crops"]
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
    target = recipe.add("StyleIDRandomTargetFromMask", 1, models=models["models"], labels=labels["labels"])
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend",
        1,
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
        layers="ranked+2",
    )
    _, region = area_of(recipe, 1, models, faces, "face")
    decoded = recipe.add("StyleIDDecodeWPlus", 2, models=models["models"], codes=swapped["codes"])
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend", 2, source=faces["crops"], target=decoded["crops"], area=region["area"]
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
        "StyleIDMaskedIdentityBlend", 2, source=faces["crops"], target=decoded["crops"], area=region["area"]
    )
    recipe.group("Choose an identity and swap it in", 1, 2, GREEN)
    finish(recipe, 3, models, photo, faces, blend["crops"], region["area"])


def train_swappernet(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "astronaut",
        "**Train your own SwapperNet**, on random faces that are nobody's, and use it at once. This short run only shows "
        "how it goes: 600 steps and 240 examples make a useful one, in some ten minutes on a CPU.",
    )
    trained = recipe.add(
        "StyleIDTrainSwapperNet", 1, models=models["models"], steps=24, examples=16, name="swapper_example"
    )
    recipe.add("PreviewAny", 1, title="Held-out faces", source=trained["report"])
    recipe.add("PreviewImage", 1, title="Charts: no face is in them", images=trained["charts"])
    recipe.group("Train", 1, 1, GREEN)
    codes = recipe.add("StyleIDEncodeToWPlus", 2, models=models["models"], crops=faces["crops"])
    identity = recipe.add("StyleIDRandomIdentity", 2, models=models["models"], one_per_face=codes["codes"])
    swapped = recipe.add(
        "StyleIDSwapperNetSwap",
        2,
        models=models["models"],
        source=codes["codes"],
        target=identity["codes"],
        swapper=trained["swapper"],
        strength=1.25,
    )
    _, region = area_of(recipe, 2, models, faces, "face")
    decoded = recipe.add("StyleIDDecodeWPlus", 2, models=models["models"], codes=swapped["codes"])
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend", 2, source=faces["crops"], target=decoded["crops"], area=region["area"]
    )
    recipe.group("Use it", 2, 2, GREEN)
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
    target = recipe.add("StyleIDRandomTargetFromMask", 1, models=models["models"], labels=labels["labels"])
    grown = recipe.add("GrowMask", 2, mask=region["area"], expand=12, tapered_corners=True)
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend",
        2,
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
    target = recipe.add("StyleIDRandomTargetFromMask", 1, models=models["models"], labels=labels["labels"])
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend", 2, source=faces["crops"], target=target["crops"], area=region["area"]
    )
    recipe.group("Replace the whole face", 1, 2, GREEN)
    finish(recipe, 3, models, photo, faces, blend["crops"], region["area"])


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


def rank_layers_and_channels(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "astronaut",
        "**Which part of the code is identity?** Random identities are swapped into each other, part by part, and measured: "
        "a good part moves identity and keeps attributes. The measured channels then anonymise the photograph.\n\n"
        "Few *pairs* keep this short. For a ranking to rely on take 32 or more and compare two *samples*.",
    )
    layers = recipe.add("StyleIDRankLayers", 1, width=420, models=models["models"], pairs=3, widest=5)
    recipe.add("PreviewImage", 1, title="Windows of layers", width=420, images=layers["chart"])
    recipe.add("PreviewAny", 1, title="Best windows", width=420, source=layers["scores"])
    channels = recipe.add(
        "StyleIDRankChannels", 2, width=420, models=models["models"], pairs=6, ranking=layers["ranking"]
    )
    recipe.add("PreviewImage", 2, title="Channels", width=420, images=channels["chart"])
    recipe.note(
        2,
        "Left: blue channels move identity more than attributes, red ones the other way round. Right: how much of each "
        "layer is among the best 27 % of all channels.\n\n*exact* with blocks of 256 checks the estimate.",
        title="How to read it",
        width=420,
    )
    recipe.group("Rank", 1, 2, BLUE)
    codes = recipe.add("StyleIDEncodeToWPlus", 3, models=models["models"], crops=faces["crops"])
    identity = recipe.add("StyleIDRandomIdentity", 3, models=models["models"], one_per_face=codes["codes"])
    mask = recipe.add(
        "StyleIDChannelMask", 3, models=models["models"], ranking=channels["ranking"], share=0.4, ramp=0.1
    )
    swapped = recipe.add(
        "StyleIDSwapChannels",
        3,
        source=codes["codes"],
        target=identity["codes"],
        channels=mask["channels"],
    )
    decoded = recipe.add("StyleIDDecodeWPlus", 3, models=models["models"], codes=swapped["codes"])
    _, region = area_of(recipe, 4, models, faces, "face")
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend", 4, source=faces["crops"], target=decoded["crops"], area=region["area"]
    )
    recipe.group("Swap the best channels", 3, 4, GREEN)
    finish(recipe, 5, models, photo, faces, blend["crops"], region["area"])


def privacy_report(recipe: Recipe) -> None:
    models, photo, faces = start(
        recipe,
        "group",
        "**Is anybody still recognisable, and what was kept?** *Privacy Report* looks at the finished photographs, as an "
        "attacker would. The nodes on the right measure aligned crops while a graph is being built.\n\n"
        "For folders: `python -m styleid evaluate CLEAN ANON`.",
    )
    codes = recipe.add("StyleIDEncodeToWPlus", 1, models=models["models"], crops=faces["crops"])
    identity = recipe.add("StyleIDRandomIdentity", 1, models=models["models"], one_per_face=codes["codes"])
    swapped = recipe.add(
        "StyleIDSwapIdentityLayers",
        1,
        models=models["models"],
        source=codes["codes"],
        target=identity["codes"],
        layers="ranked+2",
    )
    decoded = recipe.add("StyleIDDecodeWPlus", 1, models=models["models"], codes=swapped["codes"])
    _, region = area_of(recipe, 1, models, faces, "face")
    recipe.group("Swap identity layers", 1, 1, GREEN)
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend", 2, source=faces["crops"], target=decoded["crops"], area=region["area"]
    )
    paste = recipe.add(
        "StyleIDPasteFacesBack",
        2,
        models=models["models"],
        images=photo["image"],
        faces=faces["faces"],
        crops=blend["crops"],
        areas=region["area"],
    )
    recipe.add("PreviewAny", 2, title="Report of the finished picture", source=paste["report"])
    recipe.add("StyleIDSaveAnonymizedImage", 2, images=paste["images"], filename_prefix=recipe.name)
    recipe.group("Paste back, save", 2, 2, RED)
    recipe.note(
        3,
        "The **judge** had no part in choosing the change, so its figures count; the *tuner* flatters. *Mere "
        "reconstruction* is what the encoder loses by itself: no protection.\n\nThe embedded recognisers have only seen "
        "rendered heads. "
        "Their figures are an indication, no promise about a real person.",
        title="How to read it",
        width=560,
    )
    report = recipe.add(
        "StyleIDPrivacyReport",
        3,
        width=560,
        models=models["models"],
        images=photo["image"],
        anonymised=paste["images"],
    )
    recipe.add("PreviewAny", 3, title="Privacy report", width=560, lines=34, source=report["report"])
    recipe.add("PreviewImage", 4, title="Charts", width=560, images=report["charts"])
    recipe.group("The finished photographs", 3, 4, BLUE)
    crops = {"models": models["models"], "source": faces["crops"], "output": blend["crops"]}
    for kind, title in (
        ("StyleIDAttributeDistance", "Attributes"),
        ("StyleIDDisentanglementScore", "Disentanglement"),
        ("StyleIDReidentificationReport", "Naive attacker"),
        ("StyleIDIdentityDiversity", "Diversity"),
    ):
        measured = recipe.add(kind, 5, **crops)
        recipe.add("PreviewAny", 5, title=title, lines=8, source=measured["report"])
    recipe.group("Aligned crops, while building", 5, 5, GREEN)


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
