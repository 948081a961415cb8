"""Where a file is: here already, from another program or an installed package; or its address, with the user's login."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from .manifest import Source

__all__ = ["address", "cached", "offline"]


def offline() -> bool:
    """Whether the user forbids network traffic with ``HF_HUB_OFFLINE``."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def cached(source: Source) -> Path | None:
    """The file in an installed package, or in the cache of huggingface-hub, where other programs have fetched it."""
    if source.package:
        spec = importlib.util.find_spec(source.package)  # imports nothing
        found = [Path(folder) / source.file for folder in (spec and spec.submodule_search_locations) or ()]
        return next((file for file in found if file.is_file()), None)
    if not source.repo:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.repo, source.file, revision=source.revision)
    return Path(found) if isinstance(found, str) and Path(found).is_file() else None


def address(source: Source) -> tuple[str, Mapping[str, str]]:
    """URL and headers. ``HF_ENDPOINT`` names another server than huggingface.co, ``HF_TOKEN`` a login."""
    if source.url:
        return source.url, {}
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    url = hf_hub_url(source.repo, source.file, revision=source.revision, endpoint=endpoint)
    return url, build_hf_headers(library_name="styleid")
