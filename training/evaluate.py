"""Held-out figures of a family: `python -m training.evaluate --cache CACHE [--models MODELS] [--wide SHARDS]`.

Prints, for every network in MODELS (the shipped ones by default), what training measures of it, and on how many held-out
persons and heads. Swaps are measured where CACHE/exchanged holds the same heads with exchanged faces, the detector where
--wide names its shards.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from styleid.errors import StyleIDError, WeightsError
from styleid.family import Family, resized
from styleid.latent import swap_layers
from styleid.networks.psp import Encoder
from styleid.networks.restyle import encode
from styleid.networks.stylegan2 import Generator
from styleid.pipeline.face import identity_layers

from .data import Heads, batches
from .exported import load_exported
from .generator import AutoencoderTrainer, identity_crop
from .parser import evaluate_parser
from .recogniser import embed_all, verification
from .regressors import evaluate_attributes, evaluate_landmarks, halves, summary
from .segmentation import evaluate_segmentation

__all__ = ["evaluate_autoencoder", "evaluate_random_faces", "evaluate_swap", "frechet_distance"]

RANDOM_FACES = 600

# What is measured, its figures, and whom each of the pictures shows that they rest on [N].
Figures = tuple[str, dict[str, float], np.ndarray]


@torch.no_grad()
def evaluate_autoencoder(
    generator: Generator, encoder: Encoder, judge: torch.nn.Module, heads: Heads, count: int | None = None
) -> dict[str, float]:
    """PSNR (dB), sharpness (share of the truth's local contrast) and the judge's cosine of reconstructions, of the first
    `count` held-out heads."""
    psnr, sharp, cosine = [], [], []
    for index in batches(heads.held_out[:count], 25):
        images = heads.images(index, generator.size)
        codes = encode(encoder, generator, resized(images, encoder.input_size))
        found = generator.synthesis(codes).clamp(-1, 1)
        psnr.append(_psnr(found, images))
        sharp.append(AutoencoderTrainer.detail(found) / AutoencoderTrainer.detail(images))
        cosine.append(_alike(judge, images, found))
    return {
        "psnr_db": _mean(psnr),
        "sharpness": float(torch.stack(sharp).mean()),
        "judge_cosine_to_original": _mean(cosine),
    }


@torch.no_grad()
def evaluate_swap(
    generator: Generator, encoder: Encoder, judge: torch.nn.Module, heads: Heads, exchanged: Heads, layers: Sequence[int],
    count: int | None = None,
) -> dict[str, float]:  # fmt: skip
    """PSNR (dB) and the judge's cosine of raw swaps of identity `layers` to the rendered truth, and its cosine to the
    original, which for the truth itself is `judge_cosine_of_truth_to_original`."""
    torch.manual_seed(7)  # which picture of the donor
    psnr, right, left, floor = [], [], [], []
    for index in batches(heads.held_out[:count], 25):
        images, truth = heads.images(index, generator.size), exchanged.images(index, generator.size)
        donors = heads.images(heads.pictures_of(exchanged.donor[index]), generator.size)
        codes, others = (encode(encoder, generator, resized(x, encoder.input_size)) for x in (images, donors))
        flat = others.mean(1, keepdim=True).expand_as(others)
        found = generator.synthesis(swap_layers(codes, flat, layers)).clamp(-1, 1)
        psnr.append(_psnr(found, truth))
        for values, pair in ((right, (found, truth)), (left, (found, images)), (floor, (truth, images))):
            values.append(_alike(judge, *pair))
    return {
        "swap_psnr_db": _mean(psnr),
        "swap_judge_cosine_to_truth": _mean(right),
        "swap_judge_cosine_to_original": _mean(left),
        "judge_cosine_of_truth_to_original": _mean(floor),
    }


@torch.no_grad()
def evaluate_random_faces(
    generator: Generator,
    judge: torch.nn.Module,
    heads: Heads,
    count: int = RANDOM_FACES,
    pairs: int = 12,
    steps: int = 16,
) -> dict[str, float]:
    """Random faces by the judge's embeddings.

    - Its mean cosine between two of them; 0 between unrelated persons.
    - The Fréchet distance (Heusel et al. 2017) of `count` of them to as many held-out heads, and that of as many training
      heads, below which nothing can come.
    - The largest of the steps of straight lines in W from one to another, in mean steps; 1 where all are alike.
    """
    z = torch.randn(
        count, generator.config.latent_dim, generator=torch.Generator("cpu").manual_seed(7), device="cpu"
    ).to(generator.w_mean)

    def embedded(pictures: Tensor) -> Tensor:
        return judge(identity_crop(pictures.clamp(-1, 1), judge.input_size))

    faces = torch.cat([embedded(generator(some)) for some in z.split(10)])
    held_out, known = (
        embed_all(judge, heads, rows, heads.side)
        for rows in (heads.held_out[:count], heads.train[:: max(1, len(heads.train) // count)][:count])
    )
    w = generator.mapping(z[: 2 * pairs])
    uneven = []
    for one, other in w.split(2):
        line = torch.lerp(one, other, torch.linspace(0, 1, steps + 1).to(w)[:, None])
        between = line[:, None].expand(-1, generator.num_layers, -1)
        lengths = embedded(generator.synthesis(between)).diff(dim=0).norm(dim=1)
        uneven.append(lengths.max() / lengths.mean())
    return {
        "judge_cosine_between_random_faces": float(
            (faces.sum(0).square().sum() - count) / (count * (count - 1))
        ),
        "frechet_distance_of_random_faces": frechet_distance(faces, held_out),
        "frechet_distance_of_training_heads": frechet_distance(known, held_out),
        "largest_step_between_random_faces": float(torch.stack(uneven).mean()),
    }


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Between the normal distributions of two sets of features `[N,D]` and `[M,D]`."""
    one, other = one.double(), other.double()
    values, vectors = torch.linalg.eigh(one.T.cov())
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    covariance = other.T.cov()
    both = torch.linalg.eigvalsh(root @ covariance @ root).clamp_min(0).sqrt().sum()
    apart = (one.mean(0) - other.mean(0)).square().sum()
    return float(apart + values.sum() + covariance.trace() - 2 * both)


def _psnr(found: Tensor, truth: Tensor) -> Tensor:
    return -10 * ((found - truth) / 2).square().mean((1, 2, 3)).log10()


def _alike(judge: torch.nn.Module, one: Tensor, other: Tensor) -> Tensor:
    return F.cosine_similarity(*(judge(identity_crop(x, judge.input_size)) for x in (one, other)))


def _mean(parts: list[Tensor]) -> float:
    return float(torch.cat(parts).mean())


def figures_of_heads(family: Family, heads: Heads, exchanged: Heads | None) -> Iterator[Figures]:
    """Of all networks but the detector; `exchanged` are the heads with other persons' faces, row by row."""
    generator, encoder, parser, judge = family.generator, family.encoder, family.parser, family.judge.network
    everybody = heads.ident[heads.held_out]
    yield "generator, encoder", evaluate_autoencoder(generator, encoder, judge, heads), everybody
    if exchanged is not None:
        layers = identity_layers(family)
        yield "swap", evaluate_swap(generator, encoder, judge, heads, exchanged, layers), everybody
    yield "random faces", evaluate_random_faces(generator, judge, heads), everybody[:RANDOM_FACES]
    kept = evaluate_segmentation(family.seg_encoder, generator, parser, heads)
    yield "segmentation encoder", kept, everybody
    yield "parser", evaluate_parser(parser, heads), everybody
    yield "recogniser", verification(family.recogniser.network, heads), everybody
    yield "judge", verification(judge, heads), everybody
    yield "landmarks", evaluate_landmarks(family.landmarks, heads), everybody
    _, measured = halves(heads)  # the others decided which attributes there are
    found = evaluate_attributes(family.attributes, heads, measured)
    yield "attributes", summary(found) | found, heads.ident[measured]


def figures_of_detector(family: Family, shards: Path) -> Figures:
    from .detector import evaluate_detector  # needs OpenCV
    from .scenes import TurnedHeads

    if family.detector is None:
        raise WeightsError(
            "These models hold no detector. Leave --wide out, or train one: python -m training --wide."
        )
    turned = TurnedHeads.open(shards)
    shown = [one for one in turned.held_out if turned.shows_face(one)]
    return "detector", evaluate_detector(family.detector, turned), turned.ident[shown]


def evaluate(cache: Path, models: Path, wide: Path | None) -> Iterator[Figures]:
    family, heads = load_exported(models), Heads.open(cache)
    swapped = cache / "exchanged"
    exchanged = heads.exchanged(swapped) if swapped.exists() else None
    yield from figures_of_heads(family, heads, exchanged)
    if wide is not None:
        yield figures_of_detector(family, wide)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder of the packed arrays")
    parser.add_argument("--models", type=Path, default=Path(__file__).parents[1] / "models")
    parser.add_argument("--wide", type=Path, help="folder of the shards rendered with --wide")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    print(f"{'':22}{'figure':46}{'value':>9}{'persons':>9}{'heads':>7}")
    try:
        for part, figures, shown in evaluate(options.cache, options.models, options.wide):
            count = f"{len(np.unique(shown)):9}{len(shown):7}"
            for name, value in figures.items():
                print(f"{part:22}{name:46}{value:9.4f}{count}", flush=True)
    except StyleIDError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
