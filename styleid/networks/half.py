"""Half precision where the hardware computes in it."""

from __future__ import annotations

import contextlib

import torch

__all__ = ["half"]


def half(device: torch.device) -> contextlib.AbstractContextManager:
    """Convolutions and products in bfloat16 within, where the device has them in hardware (PyTorch tells so of a processor
    since `torch.cpu.get_capabilities`); elsewhere nothing changes. For gradients: a generator's forward and backward pass
    takes half the time on such a processor."""
    if device.type == "cpu":
        has = getattr(torch.cpu, "get_capabilities", dict)()
        able = has.get("avx512_bf16", False) or has.get("amx_bf16", False)
    else:
        able = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.autocast(device.type, torch.bfloat16) if able else contextlib.nullcontext()
