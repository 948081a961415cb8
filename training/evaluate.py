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

__all__ = ["evaluate_autoencoder", "evaluate_swap", "likeness_of_random_faces"]


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
def likeness_of_random_faces(generator: Generator, judge: torch.nn.Module, count: int = 60) -> float:
    """The judge's mean cosine between two of `count` random faces; 0 between unrelated persons."""
    z = torch.randn(
        count, generator.config.latent_dim, generator=torch.Generator("cpu").manual_seed(7), device="cpu"
    )
    faces = [generator(some.to(generator.w_mean)).clamp(-1, 1) for some in z.split(10)]
    embedded = F.normalize(torch.cat([judge(identity_crop(some, judge.input_size)) for some in faces]), dim=1)
    return float((embedded.sum(0).square().sum() - count) / (count * (count - 1)))


def _psnr(found: Tensor, truth: Tensor) -> Tensor:
    return -10 * ((found - truth) / 2).square().mean((1, 2, 3)).log10()


def _alike(judge: torch.nn.Module, one: Tensor, other: Tensor) -> Tensor:
    return F.cosine_similarity(*(judge(identity_crop(x, judge.input_size)) for x in (one, other)))


def _mean(parts: list[Tensor]) -> float:
    return float(torch.cat(parts).mean())
