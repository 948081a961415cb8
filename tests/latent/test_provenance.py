"""Which weights a file was measured with."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from styleid.latent._provenance import digest_of


def test_a_network_is_known_by_its_file_or_else_by_its_numbers(tmp_path):
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    assert digest_of(first) != digest_of(second) and len(digest_of(first)) == 64
    with torch.no_grad():
        second.load_state_dict(first.state_dict())
    assert digest_of(first) == digest_of(second)
    first.weights_file = tmp_path / "weights.safetensors"
    first.weights_file.write_bytes(b"weights")
    assert digest_of(first) == hashlib.sha256(b"weights").hexdigest()
