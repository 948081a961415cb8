"""Half precision is used where the hardware computes in it, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from styleid.networks.half import half


@pytest.mark.parametrize(("has", "found"), [("avx512_bf16", torch.bfloat16), ("avx2", torch.float32)])
def test_half_precision_is_for_processors_that_compute_in_it(
    monkeypatch: pytest.MonkeyPatch, has: str, found: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {has: True}, raising=False)
    with half(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == found
