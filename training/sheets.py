"""The pictures of the model cards: `python -m training.sheets --cache CACHE [--models MODELS] [--out MODELS/pictures]`.

Random faces, mixed ones, what lies between two of them, held-out heads from the best to the worst reconstruction, each with
what the parser sees, and swaps beside what the renderer makes of the same exchange.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from styleid.errors import StyleIDError
from styleid.family import Family
from styleid.latent import project, random_targets, swap_layers
from styleid.pipeline.face import identity_layers
from styleid.randomness import derive_generator

from .data import Heads
from .exported import load_exported

__all__ = ["between", "mixed", "reconstructed", "samples", "swapped"]

SEED = 17
WIDEST = 1024  # pixels: the folder of the weights is to stay small
# A colour for each of the 19 classes of CelebAMask-HQ.
COLOURS = torch.rand(19, 3, generator=torch.Generator().manual_seed(3))


def grid(rows: list[list[Tensor]]) -> Tensor:
    """Rows of pictures `[S,S,3]` as one picture."""
    return torch.cat([torch.cat(row, dim=1) for row in rows])


def drawn(family: Family, count: int, truncation: float, first: int = 0) -> Tensor:
    """W+ codes `[N,L,512]` of random identities."""
    rngs = [derive_generator(SEED, first + i) for i in range(count)]
    return random_targets(family, rngs, truncation=truncation)


def samples(family: Family, truncation: float, side: int = 8) -> Tensor:
    """`side` times `side` random faces."""
    faces = list(family.decode(drawn(family, side * side, truncation)))
    return grid([faces[row * side : (row + 1) * side] for row in range(side)])


def mixed(family: Family, count: int = 6) -> Tensor:
    """First row and column: random faces. Elsewhere: the column's face with the row's identity layers."""
    codes = drawn(family, 2 * count, 0.7, first=1000)
    sources, targets = codes[:count], codes[count:]
    layers = identity_layers(family)
    above, beside = family.decode(sources), family.decode(targets)
    rows = [[torch.ones_like(above[0]), *above]]
    for target, face in zip(targets, beside, strict=True):
        rows.append([face, *family.decode(swap_layers(sources, target.expand_as(sources), layers))])
    return grid(rows)


def between(family: Family, pairs: int = 3) -> Tensor:
    """From one random face to another, on two rows each: on a straight line in W, and at every crossover, the finest layers
    first."""
    codes = drawn(family, 2 * pairs, 0.7, first=2000)
    count = family.generator.num_layers
    rows = []
    for one, other in codes.split(2):
        straight = torch.lerp(one, other, torch.linspace(0, 1, count + 1)[:, None, None])
        crossed = torch.stack([torch.cat([one[:layer], other[layer:]]) for layer in range(count, -1, -1)])
        rows += [list(family.decode(straight)), list(family.decode(crossed))]
    return grid(rows)


def reconstructed(family: Family, heads: Heads, count: int = 120, shown: int = 10) -> Tensor:
    """Held-out heads from the best reconstructed to the worst. Down: head, encoded, refined, label map."""
    images = (heads.images(heads.held_out[::6][:count], family.generator.size).movedim(1, -1) + 1) / 2
    plain = family.decode(project(family, images, 0))
    error = (plain - images).square().mean((1, 2, 3))
    chosen = error.argsort()[torch.linspace(0, len(images) - 1, shown).round().long()]
    heads_, refined = images[chosen], family.decode(project(family, images[chosen]))
    maps = COLOURS[family.parse(heads_)]
    return grid([list(row) for row in (heads_, plain[chosen], refined, maps)])


def swapped(family: Family, heads: Heads, exchanged: Heads, shown: int = 10) -> Tensor:
    """Held-out heads. Down: head, donor of the identity, swap, the donor's face in that picture as rendered."""
    index = heads.held_out[:: len(heads.held_out) // shown][:shown]
    torch.manual_seed(SEED)
    donors = heads.pictures_of(exchanged.donor[index])
    shows = [
        some.images(rows, family.generator.size)
        for some, rows in ((heads, index), (heads, donors), (exchanged, index))
    ]
    images, given, truth = ((some.movedim(1, -1) + 1) / 2 for some in shows)
    codes, others = project(family, images), project(family, given)
    flat = others.mean(1, keepdim=True).expand_as(others)
    found = family.decode(swap_layers(codes, flat, identity_layers(family)))
    return grid([list(row) for row in (images, given, found, truth)])


def save(picture: Tensor, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = Image.fromarray((picture.clamp(0, 1).numpy() * 255).round().astype(np.uint8))
    sheet.thumbnail((WIDEST, WIDEST))
    sheet.save(path, quality=75)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder of the packed arrays")
    parser.add_argument("--models", type=Path, default=Path(__file__).parents[1] / "models")
    parser.add_argument("--out", type=Path, help="folder of the pictures (MODELS/pictures)")
    options = parser.parse_args()
    out = options.out or options.models / "pictures"
    try:
        family, heads = load_exported(options.models), Heads.open(options.cache)
        exchanged = heads.exchanged(options.cache / "exchanged")
    except StyleIDError as error:
        parser.error(str(error))
    for truncation in (0.7, 1.0):
        save(samples(family, truncation), out / f"samples-{truncation:g}.jpg")
    save(mixed(family), out / "mixed.jpg")
    save(between(family), out / "between.jpg")
    save(reconstructed(family, heads), out / "reconstructed.jpg")
    save(swapped(family, heads, exchanged), out / "swapped.jpg")


if __name__ == "__main__":
    main()
