"""Which weights a measurement was made with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import nn

__all__ = ["network_digest"]


def network_digest(network: nn.Module) -> str:
    """sha256 of the file that a network was loaded from; of its tensors where it came from no file."""
    file: Path | None = getattr(network, "weights_file", None)
    if file is not None and file.is_file():
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
