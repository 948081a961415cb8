"""`python -m training --cache CACHE --checkpoints DIR`: train every network of the embedded family and export it.

Runs on a CPU or a GPU. Every part resumes from its checkpoint; a part whose checkpoint is complete is only evaluated. The
shards are made by `python -m training.render`, the same pictures with other persons' faces with `--exchanged`, the face
detector's heads with `--wide`; training/render/README.md has the commands. With `--further` the networks in `models/` are
trained on, at a quarter of the rates, generator and encoder at the full one; what comes out replaces them all at once at
the end.
"""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path

import torch

from styleid.errors import InputError
from styleid.latent import load_ranking
from styleid.networks import read_weights
from styleid.networks.irse import IRSE
from styleid.networks.mobilefacenet import MobileFaceNet

from .data import Heads, pack
from .detail import extended, grown, train_detail
from .detector import evaluate_detector, train_detector
from .encoder import Critics, train_together
from .evaluate import evaluate_autoencoder, evaluate_random_faces, evaluate_swap
from .export import Entry, edit_manifest, export, list_parts, rounded, set_recogniser, sharing
from .further import deliver, further_folder
from .generator import AutoencoderTrainer, Stage
from .mapping import fit_mapping
from .parser import evaluate_parser, train_parser
from .ranking import rank_embedded
from .recogniser import JUDGE, RECOGNISER, train_recogniser, verification
from .regressors import balanced, evaluate_landmarks, reliable, summary, train_attributes, train_landmarks
from .scenes import TurnedHeads
from .segmentation import evaluate_segmentation, train_segmentation
from .swapper import swapper_embedded

STAGES = (Stage(size=64, steps=2290, batch=12, gates=False), Stage(size=128, steps=3650, batch=8, gates=True))
CROP = "FFHQ-aligned RGB crop"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--shards", type=Path, help="folder of rendered shards; packed into the cache first")
    parser.add_argument(
        "--exchanged", type=Path, help="folder of the same shards, rendered with --exchanged; packed too"
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder of the packed arrays")
    parser.add_argument(
        "--wide", type=Path, help="folder of the shards rendered with --wide; trains the detector"
    )
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path(__file__).parents[1] / "models")
    parser.add_argument("--further", action="store_true", help="train the networks in --models further")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    options = parser.parse_args()
    try:
        prepare(options)
    except InputError as error:
        parser.error(str(error))
    return options


def prepare(options: argparse.Namespace) -> None:
    """Pack what is to be packed. InputError, before hours of training, where heads are missing, too few, or do not fit."""
    swapped = options.cache / "exchanged"
    if options.shards:
        pack(options.shards, options.cache)
    if options.exchanged:
        pack(options.exchanged, swapped)
    heads = Heads.open(options.cache)
    if not swapped.is_dir():
        raise InputError(
            f"There is no {swapped}. Name the shards that were rendered with --exchanged: --exchanged SHARDS."
        )
    heads.exchanged(swapped)
    if options.wide:
        TurnedHeads.open(options.wide)


def shipped(models: Path, name: str, kind: str) -> torch.nn.Module:
    """A network of `models/`, to be trained further."""
    return read_weights(models / f"embedded-{name}.safetensors", kind).float().to(torch.get_default_device())


def train_helpers(heads: Heads, folder: Path, models: Path, begin: Path | None):
    """The networks that do not need the generator; returns those that the generator learns from, and the judge.

    `begin` is the folder of networks that are trained further.
    """

    def start(name: str, kind: str) -> torch.nn.Module | None:
        return None if begin is None else shipped(begin, name, kind)

    parser = rounded(train_parser(heads, folder, start=start("parser", "unet-parser")))
    export(
        Entry(
            name="embedded-parser", kind="unet-parser", network=parser, input=f"{CROP} in [0, 1], 192 px",
            figures=evaluate_parser(parser, heads),
        ),
        models,
    )  # fmt: skip
    judges: dict[str, IRSE | MobileFaceNet] = {}
    for recipe in (RECOGNISER, JUDGE):
        net = rounded(train_recogniser(recipe, heads, folder, start=start(recipe.name, recipe.architecture)))
        figures = verification(net, heads)
        entry = Entry(
            name=f"embedded-{recipe.name}", kind=recipe.architecture, network=net, figures=figures,
            input=f"inner face (rows 35:223, columns 32:220 of a 256-pixel FFHQ crop) in [-1, 1], {net.input_size} px",
        )  # fmt: skip
        export(entry, models)
        place = {"weights": entry.name, "threshold": round(figures["threshold_at_far_0.01"], 4)}
        edit_manifest(models, partial(set_recogniser, role=recipe.name, place=place))
        judges[recipe.name] = net
    landmarks = rounded(train_landmarks(heads, folder, start=start("landmarks", "landmarks")))
    export(
        Entry(
            name="embedded-landmarks", kind="landmarks", network=landmarks,
            input="square crop around a face box in [-1, 1], 96 px", figures=evaluate_landmarks(landmarks, heads),
        ),
        models,
    )  # fmt: skip
    attributes = train_attributes(heads, folder, start=start("attributes", "attributes"))
    attributes = rounded(balanced(attributes, heads))
    attributes, figures = reliable(attributes, heads)
    export(
        Entry(
            name="embedded-attributes", kind="attributes", network=attributes, input=f"{CROP} in [-1, 1], 112 px",
            figures=summary(figures) | figures,
        ),
        models,
    )  # fmt: skip
    return Critics(parser, judges["recogniser"], landmarks, attributes), judges["judge"]


def train_face_detector(heads: TurnedHeads, folder: Path, models: Path) -> None:
    net = rounded(train_detector(heads, folder))
    export(
        Entry(
            name="embedded-detector", kind="detector", network=net,
            input="RGB picture in [-1, 1], sides multiples of 16", figures=evaluate_detector(net, heads),
        ),
        models,
    )  # fmt: skip


def train_generator(
    heads: Heads,
    exchanged: Heads,
    folder: Path,
    models: Path,
    critics: Critics,
    judge: MobileFaceNet,
    begin: Path | None,
) -> None:
    parser = critics.parser
    if begin is not None:
        generator, encoder = shipped(begin, "generator", "stylegan2"), shipped(begin, "encoder", "psp")
        layers = load_ranking(begin / "embedded-ranking.safetensors").layers
        segmentation = shipped(begin, "segmentation-encoder", "psp-seg")
    else:
        trainer = AutoencoderTrainer(heads, parser, critics.recogniser, folder)
        trainer.train(STAGES)
        generator, encoder, segmentation = trainer.mean_generator.eval(), trainer.mean_encoder.eval(), None
        layers = trainer.identity_layers()
    generator, encoder = train_together(heads, exchanged, generator, encoder, critics, layers, folder)
    if generator.size < heads.side:
        generator = grown(generator)
        encoder = extended(encoder, generator.num_layers)
        segmentation = segmentation and extended(segmentation, generator.num_layers)
    generator = train_detail(heads, exchanged, generator, encoder, parser, layers, folder)
    segmentation = train_segmentation(heads, generator, encoder, parser, folder, start=segmentation)
    for network in (generator, encoder, segmentation):
        rounded(network)
    fit_mapping(heads, generator, encoder, [segmentation])
    rounded(generator)
    figures = evaluate_autoencoder(generator, encoder, judge, heads)
    figures |= evaluate_swap(generator, encoder, judge, heads, exchanged, layers)
    random_faces = evaluate_random_faces(generator, judge, heads)
    for name, kind, net, text, measured in (
        ("generator", "stylegan2", generator, "W+ codes [N, L, 512]", figures | random_faces),
        ("encoder", "psp", encoder, f"{CROP} in [-1, 1]", figures),
        ("segmentation-encoder", "psp-seg", segmentation, "one-hot label map of 19 classes",
         evaluate_segmentation(segmentation, generator, parser, heads)),
    ):  # fmt: skip
        export(Entry(name=f"embedded-{name}", kind=kind, network=net, input=text, figures=measured), models)
    edit_manifest(models, forget_codes)


def forget_codes(manifest: dict) -> None:
    """What was learned on the codes of an earlier generator is of no use to another: it is to be made again."""
    for one in sharing(manifest, "generator", "embedded-generator"):
        for part in ("ranking", "swapper"):
            one.pop(part, None)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.set_default_device(options.device)
    torch.set_flush_denormal(True)
    models, checkpoints, begin = options.models, options.checkpoints, None
    if options.further:
        begin, checkpoints = models, further_folder(models, checkpoints)
        models = checkpoints / "models"
    models.mkdir(parents=True, exist_ok=True)
    heads = Heads.open(options.cache)
    exchanged = heads.exchanged(options.cache / "exchanged")
    critics, judge = train_helpers(heads, checkpoints, models, begin)
    train_generator(heads, exchanged, checkpoints, models, critics, judge, begin)
    torch.set_default_device("cpu")
    if options.wide:
        train_face_detector(TurnedHeads.open(options.wide), checkpoints, models)
    edit_manifest(models, list_parts)
    rank_embedded(models)
    swapper_embedded(checkpoints, models)
    if begin is not None:
        deliver(models, begin, detector=options.wide is not None)


if __name__ == "__main__":
    main()
