"""Semantic edits: move codes along a direction of W+, read from a file or learned from the attribute net."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, WeightsError
from ..randomness import derive_generator

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["edit_codes", "learn_direction", "load_direction"]

BATCH = 8
_RIDGE = 0.1  # as a share of the mean squared length of the centred codes
_VARIETY = 0.5  # how far the layers of a sample wander apart, as those of encoded photographs do


def edit_codes(
    codes: Tensor, direction: Tensor, strength: float, layers: Iterable[int] | None = None
) -> Tensor:
    """Move codes along a direction: ``w + strength * d``.

    Args:
        codes: ``[N, L, 512]``.
        direction: ``[L, 512]``, of :func:`load_direction` or :func:`learn_direction`.
        strength: any finite number; negative moves the other way.
        layers: only these, by default all.

    Raises:
        InputError: a direction of another size, layers that do not exist, numbers that are not finite.
    """
    if codes.dim() != 3 or tuple(direction.shape) != tuple(codes.shape[1:]):
        raise InputError(
            f"A direction for codes {list(codes.shape)} is {list(codes.shape[1:])}, found {list(direction.shape)}."
        )
    move = strength * direction.to(codes)  # [L, 512]
    if not bool(torch.isfinite(move).all()) or not bool(torch.isfinite(codes).all()):
        raise InputError("Codes, direction and strength must be finite numbers.")
    if layers is None:
        return codes + move
    chosen = list(layers)
    if not all(0 <= layer < codes.shape[1] for layer in chosen):
        raise InputError(f"These codes have layers 0 .. {codes.shape[1] - 1}, found {chosen}.")
    edited = codes.clone()
    edited[:, chosen] += move[chosen]
    return edited


def load_direction(path: str | Path, layers: int, latent_dim: int = 512) -> Tensor:
    """Read a direction for codes of ``layers`` layers: ``.pt``, ``.pth``, ``.npy`` or ``.safetensors``.

    A file holds one tensor of ``[512]`` or ``[1, 512]`` (the same for every layer), ``[L, 512]``, ``[1, L, 512]`` or
    ``[1, L * 512]``. Nothing in it is ever executed.

    Returns:
        ``[layers, 512]`` float32.

    Raises:
        WeightsError: no such file, one that cannot be read or holds objects, no or several tensors, another size.
    """
    file = Path(path)
    if not file.is_file():
        raise WeightsError(f"Expected a direction file, found none called {file.name!r}.")
    try:
        content = _READERS[file.suffix.lower()](file)
    except KeyError:
        known = ", ".join(sorted(_READERS))
        raise WeightsError(f"A direction is read from {known}, found {file.suffix!r}.") from None
    except Exception as error:  # a damaged file can raise anything inside the readers
        raise WeightsError(
            f"{file.name} cannot be read as a plain tensor ({type(error).__name__}). Nothing in it was run. "
            "Use a file that holds numbers only."
        ) from error
    values = _single(content, file.name).detach()
    sizes = {latent_dim: 1, layers * latent_dim: layers}
    if values.numel() not in sizes or values.dim() > 3 or values.shape[-1] not in sizes:
        raise WeightsError(
            f"{file.name}: a direction for these codes is [{latent_dim}] or [{layers}, {latent_dim}], found "
            f"{list(values.shape)}. It belongs to another generator."
        )
    direction = values.reshape(sizes[values.numel()], latent_dim).float().expand(layers, latent_dim).clone()
    if not bool(torch.isfinite(direction).all()):
        raise WeightsError(f"{file.name} holds NaN or infinite numbers.")
    return direction


def learn_direction(
    family: Family,
    attribute: str,
    *,
    samples: int = 256,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """The direction ``[L, 512]`` that raises an attribute, by ridge regression of its logit on random codes of W+.

    At strength 1 the regression predicts a rise of one standard deviation of the logit over random faces.

    Args:
        family: needs an attribute net that knows the attribute.
        samples: random faces; more make the direction purer.
        seed: of these faces, which are nobody's; no secret.
        progress: called with (faces done, faces in all).

    Raises:
        InputError: an attribute the net does not know, fewer than 16 samples, or one that never varies.
    """
    names = () if family.attributes is None else family.attributes.names
    if attribute not in names:
        raise InputError(
            f"These models know no attribute {attribute!r}. Choose one of: {', '.join(names) or 'none'}."
        )
    if samples < 16:
        raise InputError(f"A direction needs at least 16 random faces, found {samples}.")
    column = names.index(attribute)
    codes, logits = [], []
    for start in range(0, samples, BATCH):
        part = _varied(family, min(BATCH, samples - start), derive_generator(seed, start))
        found = family.attribute_confidences(family.decode(part))[:, column]
        codes.append(part)
        logits.append(torch.logit(found.double(), eps=1e-4))
        if progress is not None:
            progress(start + len(part), samples)
    y = torch.cat(logits)
    spread = y.std()
    if float(spread) < 1e-3:
        raise InputError(
            f"{attribute!r} does not vary over random faces of these models: it has no direction."
        )
    return _ridge(torch.cat(codes), y - y.mean(), float(spread))


def _varied(family: Family, count: int, generator: torch.Generator) -> Tensor:
    """Random codes whose layers differ, ``[N, L, 512]``."""
    a, b, c = (family.random_w(count, generator) for _ in range(3))
    return a + _VARIETY * torch.randn(count, a.shape[1], 1, generator=generator) * (b - c)


def _ridge(codes: Tensor, y: Tensor, spread: float) -> Tensor:
    """Solved in the space of the samples, which are fewer than the code's numbers."""
    x = codes.double().flatten(1)
    x = x - x.mean(0)
    gram = x @ x.T  # [M, M]
    ridge = _RIDGE * gram.diagonal().mean()
    weights = torch.linalg.solve(gram + ridge * torch.eye(len(x), dtype=x.dtype), y)
    coefficients = x.T @ weights
    step = coefficients * (spread / coefficients.square().sum())  # the shortest step that predicts `spread`
    return step.view(codes.shape[1:]).float()


def _torch(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _numpy(path: Path) -> Any:
    return np.load(path, allow_pickle=False)


def _safetensors(path: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(path)


_READERS: dict[str, Callable[[Path], Any]] = {
    ".pt": _torch,
    ".pth": _torch,
    ".npy": _numpy,
    ".safetensors": _safetensors,
}


def _single(content: Any, name: str) -> Tensor:
    """The one tensor that a file holds."""
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list | tuple) and len(content) == 1:
        content = content[0]
    if isinstance(content, np.ndarray) and content.dtype.kind in "fiu":
        content = torch.from_numpy(content.astype(np.float32))
    if not isinstance(content, Tensor) or content.is_complex() or content.dtype == torch.bool:
        raise WeightsError(f"{name} must hold one tensor of numbers.")
    return content
