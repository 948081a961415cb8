"""Public code from its checkouts, and the memory that a call takes."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path


def from_checkout(folder: Path, module: str) -> types.ModuleType:
    """A module of a public checkout, without compiling its CUDA extensions."""
    import torch.utils.cpp_extension
    from packaging.version import parse

    torch.utils.cpp_extension.load = lambda *args, **options: None
    versions = types.ModuleType("pkg_resources")  # gone from setuptools; only its version parser is used
    versions.parse_version = parse
    sys.modules.setdefault("pkg_resources", versions)
    package = module.partition(".")[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]  # another checkout's, of the same name
    sys.path.insert(0, str(folder.resolve()))
    try:
        return __import__(module, fromlist=["Generator"])
    finally:
        sys.path.pop(0)


def peak_memory(call: Callable[[], object]) -> float:
    """MB that this process uses at most during a call, above what it uses now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from what is used now
    before = _status("VmRSS")
    call()
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(f"{field}:")]
    return int(line.split()[1])
