"""With which networks and how something was measured, as text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from torch import nn

from ._population import Population

__all__ = ["digest_of", "provenance_of"]


def provenance_of(population: Population, **how: str | float) -> Mapping[str, str]:
    """Names and hashes of the networks, the reference's constants, and ``how``."""
    family = population.family
    networks = {
        "generator": family.generator,
        "recogniser": family.recogniser.network,
        "attributes": family.attributes,
    }
    facts = {
        "family": family.name,
        "recogniser": family.recogniser.name,
        **{f"{name}_sha256": digest_of(network) for name, network in networks.items()},
        **{name: str(value) for name, value in how.items()},
        "reference": json.dumps(vars(population.reference)),
    }
    return MappingProxyType(facts)


def digest_of(network: nn.Module) -> str:
    """sha256 of the file that a network was loaded from; of its tensors where it came from none."""
    file: Path | None = getattr(network, "weights_file", None)
    if file is not None and file.is_file():
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
