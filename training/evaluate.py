"""Held-out figures of generator and encoder: what the manifest and the model cards state."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from styleid.family import resized
from styleid.latent import swap_layers
from styleid.networks.psp import Encoder
from styleid.networks.restyle import encode
from styleid.networks.stylegan2 import Generator

from .data import Heads
from .generator import AutoencoderTrainer, identity_crop
from .recogniser import embed_all

__all__ = ["evaluate_autoencoder", "evaluate_random_faces", "evaluate_swap", "frechet_distance"]


@torch.no_grad()
def evaluate_autoencoder(
    generator: Generator, encoder: Encoder, judge: torch.nn.Module, heads: Heads, count: int = 200
) -> dict[str, float]:
    """PSNR (dB), sharpness (share of the truth's local contrast) and the judge's cosine of reconstructions."""
    psnr, sharp, cosine = [], [], []
    for start in range(0, count, 25):
        images = heads.images(heads.held_out[start : start + 25], generator.size)
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
    count: int = 200,
) -> dict[str, float]:  # fmt: skip
    """PSNR (dB) and the judge's cosine of raw swaps of identity `layers` to the rendered truth, and its cosine to the
    original, which for the truth itself is `judge_cosine_of_truth_to_original`."""
    torch.manual_seed(7)  # which picture of the donor
    psnr, right, left, floor = [], [], [], []
    for start in range(0, count, 25):
        index = heads.held_out[start : start + 25]
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
    count: int = 600,
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
