"""Who is who in a batch, and which recogniser looks: inputs that the measuring nodes share."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.family import Family, Recogniser

__all__ = ["IDENTITIES_INPUT", "RECOGNISER_INPUT", "identity_names", "identity_numbers", "recogniser_of"]

RECOGNISER_INPUT = (
    ["judge", "tuner"],
    {
        "default": "judge",
        "tooltip": "The judge scores and never chose; the tuner is the one that choices are made by.",
    },
)
IDENTITIES_INPUT = (
    "STRING",
    {
        "default": "",
        "multiline": True,
        "tooltip": "Who each one is, in order, separated by commas or lines: A, A, B. Empty: everybody appears once. "
        "It is saved with the workflow: use letters or numbers, not names.",
    },
)


def recogniser_of(models: Family, choice: str) -> Recogniser:
    """The family's judge or tuner."""
    return models.judge if choice == "judge" else models.recogniser


def identity_names(text: str, count: int, node: str) -> list[str] | None:
    """One name per picture; None where nothing was typed in."""
    names = [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]
    if names and len(names) != count:
        raise InputError(f"{node}: identities must name each of the {count} in order, found {len(names)}.")
    return names or None


def identity_numbers(text: str, count: int, node: str) -> Tensor:
    """Integers [count], equal for one person."""
    names = identity_names(text, count, node)
    if names is None:
        return torch.arange(count)
    first = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return torch.tensor([first[name] for name in names])
