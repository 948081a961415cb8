"""This project's weight files: safetensors whose metadata names the kind and the configuration of the network."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import InputError, WeightsError
from .kinds import build_network, config_of, kind_of

__all__ = ["FORMAT", "check_shapes", "fill_network", "read_network", "write_network"]

FORMAT = "styleid-1"


def read_network(path: Path, kind: str) -> nn.Module:
    """The network in a safetensors file of this project, with the file's own precision.

    Raises:
        WeightsError: no such file, another format or kind, damage, tensors that do not fit, NaN or infinite weights.
    """
    try:
        with safe_open(path, framework="pt") as file:
            network = build_network(kind, _config(file.metadata() or {}, kind))
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            check_shapes(network, shapes, kind)
            tensors = {name: file.get_tensor(name) for name in shapes}
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"Expected a safetensors file with a network of kind {kind}, found one that cannot be read ({error}). "
            "It is damaged, incomplete or of another format: fetch it again."
        ) from error
    return fill_network(network, tensors, kind)


def write_network(
    network: nn.Module,
    path: str | Path,
    kind: str,
    *,
    dtype: torch.dtype = torch.float16,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write ``network`` (with its ``config``) so that ``load_network`` reads it.

    Weight matrices and kernels become ``dtype``; biases and statistics, which are small, keep their precision. The
    file appears whole or not at all. ``metadata`` adds texts, such as where the weights came from. Raises InputError for
    a network of another kind, or whose weights are not finite in ``dtype``; WeightsError for one that no file of the
    kind can hold.
    """
    expected = kind_of(kind)
    config = getattr(network, "config", None)
    if not isinstance(network, expected.network) or type(config) is not expected.config:
        raise InputError(
            f"A {kind} file holds a {expected.network.__name__}, found {type(network).__name__}."
        )
    state, plain = network.state_dict(), build_network(kind, config)
    try:
        check_shapes(plain, {name: tuple(x.shape) for name, x in state.items()}, kind)
    except WeightsError as error:
        raise InputError(
            f"A {kind} file holds the network as its class builds it, found one that was changed, as load_network "
            "does for speed. Write what read_weights gives."
        ) from error
    large = {name for name, x in state.items() if x.ndim > 1 and x.is_floating_point()}
    tensors = {name: (x.to(dtype) if name in large else x).cpu().contiguous() for name, x in state.items()}
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(
                f"{name!r} holds values that are not finite in {dtype}. Train again or keep float32."
            )
    own = {"format": FORMAT, "kind": kind, "config": json.dumps(dataclasses.asdict(config))}
    partial = Path(path).with_suffix(".partial")
    try:
        save_file(tensors, partial, metadata={**(metadata or {}), **own})
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def check_shapes(network: nn.Module, found: Mapping[str, tuple[int, ...]], kind: str) -> None:
    """Raise WeightsError unless ``found`` has exactly the tensors of ``network``, each with its shape."""
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    missing, surplus = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    wrong = [name for name in expected if name in found and expected[name] != found[name]]
    if not (missing or surplus or wrong):
        return
    parts = [
        f"{len(names)} {what} (as {names[0]!r})"
        for what, names in (("missing", missing), ("surplus", surplus))
        if names
    ]
    if wrong:
        has, needs = found[wrong[0]], expected[wrong[0]]
        shapes = f"{list(has)} instead of {list(needs)}"
        if len(has) == len(needs) == 4 and has[1] != needs[1]:
            shapes += f", {has[1]} input channels instead of {needs[1]}"
        parts.append(f"{len(wrong)} of another shape (as {wrong[0]!r}: {shapes})")
    raise WeightsError(
        f"Expected the {len(expected)} tensors of this {kind} network, found {', '.join(parts)}. "
        "The file is damaged or holds another network: fetch the right one."
    )


def fill_network(network: nn.Module, tensors: Mapping[str, Tensor], kind: str) -> nn.Module:
    """Give a network on the meta device its weights. Raises WeightsError for other names, shapes, types, or NaN."""
    check_shapes(network, {name: tuple(tensor.shape) for name, tensor in tensors.items()}, kind)
    expected = network.state_dict()
    for name, tensor in tensors.items():
        if tensor.is_floating_point() != expected[name].is_floating_point() or tensor.is_complex():
            raise WeightsError(
                f"{name!r} of this {kind} file holds {tensor.dtype} numbers. Fetch the file again."
            )
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsError(
                f"{name!r} of this {kind} file holds NaN or infinite weights. Fetch the file again."
            )
        if name.endswith("running_var") and bool((tensor < -1e-5).any()):
            raise WeightsError(
                f"{name!r} of this {kind} file holds negative variances. Fetch the file again."
            )
    network.load_state_dict(_apart(tensors), strict=True, assign=True)
    return network


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor with memory of its own, as a file can name the same numbers twice: weights are rewritten in place."""
    own: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        place = tensor.data_ptr()
        alone = tensor.is_contiguous() and place not in taken
        own[name] = tensor if alone else tensor.clone(memory_format=torch.contiguous_format)
        taken.add(place)
    return own


def _config(metadata: Mapping[str, str], kind: str) -> Any:
    found = metadata.get("format")
    if found != FORMAT:
        raise WeightsError(
            f"Expected a weight file of this project (format {FORMAT}), found "
            f"{'no format entry' if found is None else repr(found[:40])}. Convert or export it with this project."
        )
    named = metadata.get("kind", "none")[:40]
    if named != kind:
        raise WeightsError(
            f"Expected a network of kind {kind}, found kind {named}. Choose the right file or kind."
        )
    return config_of(kind, metadata.get("config", ""))
