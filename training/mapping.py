"""Makes the mapping network z -> W: random z become random persons. Nothing is trained, it has a closed form.

W is taken as normal. What sets persons apart comes from the means of each person's codes, a little exaggerated, as a
generator draws everybody towards the mean face; to it comes what differs between the pictures of one person (light,
pose, expression, hair). At a quarter of its size all faces looked ahead out of one haze, under the mean of all hair.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from styleid.family import resized
from styleid.networks.psp import Encoder
from styleid.networks.restyle import encode
from styleid.networks.stylegan2 import SQRT2, Generator
from styleid.networks.stylegan2_layers import ModulatedConv

from .data import Heads

__all__ = ["APART", "fit_mapping", "flat_codes_of_persons", "move_origin", "normal_mapping"]

PERSONS = 400  # whose codes are averaged
# How far persons lie apart, in their own standard deviations. At 1.3 random faces are as near to heads; swaps keep less.
APART = 1.15
COMPONENTS = 150  # of the persons; the others are those of their pictures
# Standard deviations between the mean code and zero: the mapping ends in a leaky ReLU, which is to change next to nothing.
CLEAR = 3.0


def fit_mapping(heads: Heads, generator: Generator, encoder: Encoder, others: Sequence[Encoder] = ()) -> None:
    """Set `generator.style` and `generator.w_mean`. W's origin moves: with it go the encoder and the `others`."""
    codes, person = flat_codes_of_persons(heads, generator, encoder)
    persons = torch.stack([codes[person == one].mean(0) for one in person.unique()])
    mean = persons.mean(0)
    pictures = codes - persons[person.unique(return_inverse=True)[1]]
    components = torch.cat(
        [
            APART * _components(persons - mean, COMPONENTS),
            _components(pictures, codes.shape[1] // 2 - COMPONENTS),
        ]
    )
    moved = CLEAR * components.norm(dim=0) - mean
    move_origin(generator, [encoder, *others], moved)
    normal_mapping(generator.style, mean + moved, components)
    with torch.no_grad():
        generator.w_mean.copy_(mean + moved)


@torch.no_grad()
def flat_codes_of_persons(
    heads: Heads, generator: Generator, encoder: Encoder, count: int = PERSONS
) -> tuple[Tensor, Tensor]:
    """The mean w `[N,512]` over the layers of every picture of `count` training persons, and whose it is `[N]`."""
    person = torch.from_numpy(heads.ident[heads.train].astype("int64"))
    chosen = person.unique()
    chosen = chosen[:: max(1, len(chosen) // count)][:count]
    among = torch.isin(person, chosen)
    index, parts = heads.train[among.numpy()], []
    for start in range(0, len(index), 25):
        images = heads.images(index[start : start + 25])
        parts.append(encode(encoder.eval(), generator, resized(images, encoder.input_size)).mean(1))
    codes = torch.cat(parts)
    return codes, person[among].to(codes.device)


def _components(x: Tensor, count: int) -> Tensor:
    """Principal components `[count,D]` of centred `[N,D]`, as long as the standard deviation along them."""
    _, lengths, axes = torch.linalg.svd(x, full_matrices=False)
    found = (lengths[:count, None] / max(1, len(x) - 1) ** 0.5) * axes[:count]
    return torch.cat([found, found.new_zeros(count - len(found), x.shape[1])])


@torch.no_grad()
def move_origin(generator: Generator, encoders: Sequence[Encoder], by: Tensor) -> None:
    """Add `by` `[512]` to every code of W and W+, and let each picture be what it was."""
    for module in generator.modules():
        if isinstance(module, ModulatedConv):
            layer = module.modulation
            layer.bias.sub_(layer.weight @ by * (layer.scale / layer.lr_mul))
    for encoder in encoders:
        encoder.latent_avg.add_(by)


@torch.no_grad()
def normal_mapping(mapping: nn.Sequential, mean: Tensor, components: Tensor) -> None:
    """Make the mapping `mean + z[:K] @ components` for `[K,D]` components, `K` half of z's channels.

    All layers but the last hand x on: `lrelu(x) - lrelu(-x) = 1.2 x`, each holding x and -x. `mean` `[D]` is to lie so far
    above zero that the last layer's activation seldom changes anything.
    """
    half = len(components)
    eye = torch.eye(half)
    first = torch.cat([torch.cat([eye, 0 * eye], 1), torch.cat([-eye, 0 * eye], 1)])
    keep = torch.cat([torch.cat([eye, -eye], 1), torch.cat([-eye, eye], 1)]) / (1.2 * SQRT2)
    last = torch.cat([components, -components]).T / (1.2 * SQRT2**2)
    layers = list(mapping)[1:]
    for layer, effect in zip(layers, [first, *[keep] * (len(layers) - 2), last], strict=True):
        layer.weight.copy_(effect / layer.scale)
        layer.bias.zero_()
    layers[-1].bias.copy_(mean / SQRT2 / layers[-1].lr_mul)
