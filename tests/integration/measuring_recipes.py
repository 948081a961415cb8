"""The shipped workflows that measure or train, as recipes."""

from __future__ import annotations

from workflow_builder import Recipe
from workflow_parts import BLUE, GREEN, RED, area_of, finish, start


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
        "StyleIDMaskedIdentityBlend",
        2,
        models=models["models"],
        source=faces["crops"],
        target=decoded["crops"],
        area=region["area"],
    )
    recipe.group("Use it", 2, 2, GREEN)
    finish(recipe, 3, models, photo, faces, blend["crops"], region["area"])


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
        "StyleIDChannelMask", 3, models=models["models"], ranking=channels["ranking"], share=0.8, ramp=0.1
    )
    swapped = recipe.add(
        "StyleIDSwapChannels",
        3,
        source=codes["codes"],
        target=identity["codes"],
        channels=mask["channels"],
        strength=1.25,
    )
    decoded = recipe.add("StyleIDDecodeWPlus", 3, models=models["models"], codes=swapped["codes"])
    _, region = area_of(recipe, 4, models, faces, "face")
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend",
        4,
        models=models["models"],
        source=faces["crops"],
        target=decoded["crops"],
        area=region["area"],
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
    identity = recipe.add("StyleIDChooseTarget", 1, models=models["models"], source=codes["codes"])
    swapped = recipe.add(
        "StyleIDSwapIdentityLayers",
        1,
        models=models["models"],
        source=codes["codes"],
        target=identity["codes"],
        layers="ranked+2",
        strength=1.25,
    )
    decoded = recipe.add("StyleIDDecodeWPlus", 1, models=models["models"], codes=swapped["codes"])
    _, region = area_of(recipe, 1, models, faces, "face")
    recipe.group("Swap identity layers", 1, 1, GREEN)
    blend = recipe.add(
        "StyleIDMaskedIdentityBlend",
        2,
        models=models["models"],
        source=faces["crops"],
        target=decoded["crops"],
        area=region["area"],
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
