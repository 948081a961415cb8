"""Architectures, and the one way to load their weights."""

from __future__ import annotations

from .files import write_network
from .kinds import KINDS
from .load import load_network, read_weights

__all__ = ["KINDS", "load_network", "read_weights", "write_network"]
