"""Where random numbers come from. The random code of a face is the secret that keeps its identity hidden.

No function here logs, stores or prints a seed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

import torch

from .errors import InputError

__all__ = ["derive_generator", "derive_seed", "make_generator"]

_SEED_BITS = 64


def make_generator(seed: int | None = None) -> torch.Generator:
    """Return a CPU generator: reproducible from ``seed`` (0..2**64-1), or secret when ``seed`` is None.

    Random codes are always drawn on the CPU and then moved, so one seed means one result on every device.
    Raises InputError for anything but an integer of that range (the value itself is not repeated in the
    error).
    """
    number = secrets.randbits(_SEED_BITS) if seed is None else _checked(seed)
    return torch.Generator(device="cpu").manual_seed(number)


def derive_seed(seed: int | None, *context: bytes | int) -> int:
    """Return a seed that depends on ``seed`` and on ``context`` (a picture's digest, a face's index, ...).

    The same seed in another context gives an unrelated number (HMAC-SHA256 keyed by the seed), which makes
    seeded results independent of what else is in a batch. With ``seed`` None the context is ignored: every
    call is secret.
    """
    if seed is None:
        return secrets.randbits(_SEED_BITS)
    mac = hmac.new(_checked(seed).to_bytes(_SEED_BITS // 8, "big"), digestmod=hashlib.sha256)
    for part in context:
        data = part if isinstance(part, bytes) else part.to_bytes(8, "big")
        mac.update(len(data).to_bytes(8, "big") + data)
    return int.from_bytes(mac.digest()[: _SEED_BITS // 8], "big")


def derive_generator(seed: int | None, *context: bytes | int) -> torch.Generator:
    """Return a generator seeded by :func:`derive_seed`."""
    return make_generator(derive_seed(seed, *context))


def _checked(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InputError(f"A seed must be an integer or None (None: secret), found {type(seed).__name__}.")
    if not 0 <= seed < 2**_SEED_BITS:
        raise InputError("A seed must lie in 0 .. 2**64-1; the given one does not.")
    return seed
