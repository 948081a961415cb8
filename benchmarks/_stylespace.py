"""Swaps and rankings in StyleSpace (Wu et al. 2021): the outputs of the generator's modulation layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from styleid.family import Family
from styleid.latent._population import BATCH, Population
from styleid.latent.attribution import DIRECTIONS, see
from styleid.networks.stylegan2_layers import ModulatedConv
from styleid.randomness import derive_generator

__all__ = ["StyleSpace"]


class StyleSpace:
    """The styles of a family's generator, side by side: `[N, S]`."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._layers = [m.modulation for m in family.generator.modules() if isinstance(m, ModulatedConv)]

    def styles(self, w_plus: Tensor) -> tuple[Tensor, list[int]]:
        """Styles `[N, S]` in the order of computation, and the width of each layer's part."""
        found: list[Tensor] = []
        with torch.no_grad(), self._hooked(lambda module, inputs, output: found.append(output)):
            self._family.generator.synthesis(w_plus)
        return torch.cat(found, 1), [part.shape[1] for part in found]

    def swap(self, w_s: Tensor, w_t: Tensor, mask: Tensor) -> Tensor:
        """Crops `[N, G, G, 3]` of the source with the target's styles where `mask` `[S]` is true."""
        source, sizes = self.styles(w_s)
        target, _ = self.styles(w_t)
        with self._given(torch.where(mask, target, source), sizes):
            return self._family.decode(w_s)

    def scores(self, population: Population, seed: int) -> Tensor:
        """Scores `[1, S]` of single styles, from gradients at every source towards every target."""
        styles, sizes = zip(*(self.styles(part) for part in population.w_s.split(BATCH)), strict=True)
        styles = torch.cat(styles)  # [N, S]
        total = torch.zeros(styles.shape[1], 2)
        for index, own in enumerate(styles):
            change = (styles - own)[torch.arange(len(styles)) != index]  # [N-1, S]
            given = own[None].clone().requires_grad_(True)
            with self._given(given, sizes[0]):
                outputs = see(self._family, population.w_s[index : index + 1])
            random = derive_generator(seed, index)
            for kind, output in enumerate(outputs):
                along = torch.randn(DIRECTIONS, output.shape[1], generator=random)
                rows = [
                    torch.autograd.grad((output * v).sum(), given, retain_graph=True)[0][0] for v in along
                ]
                moved = torch.stack(rows)[:, None] * change  # [K, N-1, S]
                total[:, kind] += moved.square().mean(0).sqrt().sum(0)
        return population.scores(total / (len(styles) * (len(styles) - 1)))[None]

    @contextmanager
    def _given(self, styles: Tensor, sizes: list[int]) -> Iterator[None]:
        parts = iter(styles.split(sizes, dim=1))
        with self._hooked(lambda module, inputs, output: next(parts)):
            yield

    @contextmanager
    def _hooked(self, hook) -> Iterator[None]:
        handles = [layer.register_forward_hook(hook) for layer in self._layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
