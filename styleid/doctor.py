"""What is installed, which weights are present, which device is used, and what is missing."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from .errors import StyleIDError

__all__ = ["OPTIONAL", "REQUIRED", "Check", "examine"]

# By distribution: what it is for.
REQUIRED: Mapping[str, str] = MappingProxyType(
    {
        "torch": "runs the networks",
        "numpy": "arrays",
        "pillow": "reads and writes pictures",
        "scipy": "warps and filters",
        "scikit-image": "a face detector; TIFF",
        "safetensors": "reads weights",
        "tqdm": "progress bars",
        "scikit-learn": "curves of the evaluation",
        "matplotlib": "charts",
        "huggingface-hub": "finds published weights",
        "requests": "fetches published weights",
        "filelock": "one fetch at a time",
        "mtcnn": "weights of a face detector",
    }
)
OPTIONAL: Mapping[str, str] = MappingProxyType(
    {
        "insightface": "a group photograph for the demo; the detector SCRFD",
        "onnx": "reads recognisers that are published as ONNX",
        "onnxruntime": "runs SCRFD",
        "pillow-heif": "HEIC pictures",
    }
)


class Check(NamedTuple):
    """One line of the examination. ``state`` is ok, MISSING (something required) or absent (something optional)."""

    state: str
    name: str
    found: str
    advice: str = ""


def examine() -> list[Check]:
    """Look at everything. Never raises for what it finds."""
    checks = [Check("ok", "python", platform.python_version())]
    checks += [_package(name, use, required=True) for name, use in REQUIRED.items()]
    checks += [_package(name, use, required=False) for name, use in OPTIONAL.items()]
    for part in (_weights, _device, _detectors):
        try:
            checks += part()
        except (ImportError, OSError, StyleIDError) as error:
            checks.append(Check("MISSING", part.__name__.strip("_"), type(error).__name__, str(error)))
    checks.append(_heic())
    checks.append(_comfyui())
    return checks


def _package(name: str, use: str, *, required: bool) -> Check:
    try:
        return Check("ok", name, f"{version(name)} ({use})")
    except PackageNotFoundError:
        return Check(
            "MISSING" if required else "absent", name, f"not installed ({use})", f"pip install {name}"
        )


def _weights() -> Iterator[Check]:
    from .weights import accepted_licences, list_weights, store_folder, verify

    shipped = {entry.name: entry for entry in list_weights() if entry.shipped}
    if not shipped:
        yield Check("MISSING", "weights", "the manifest lists none", "Install or clone again.")
    for check in verify():
        if check.name in shipped or check.state == "damaged":
            size = f", {shipped[check.name].bytes / 1e6:.1f} MB" if check.name in shipped else ""
            yield Check(
                "ok" if check.state == "ok" else "MISSING",
                f"weights {check.name}",
                check.state + size,
                "Delete the file, and fetch or install it again; it must match the manifest.",
            )
    yield from _families()
    yield Check("ok", "weights folder", f"{store_folder()} (fetched and converted files)")
    accepted = ", ".join(sorted(accepted_licences())) or "none"
    yield Check("ok", "accepted licences", accepted)


def _families() -> Iterator[Check]:
    """Families with published parts: what is here and how to get the rest."""
    from .weights import family_entry, family_names, missing, weights_entry

    for name in family_names():
        parts = set(family_entry(name).weight_names())
        if all(weights_entry(part).shipped for part in parts):
            continue
        lacking = missing([name])
        found = f"{len(parts) - len(lacking)} of {len(parts)} files"
        if lacking:
            found += f"; missing: {', '.join(entry.name for entry in lacking)}"
        if any(entry.fetchable for entry in lacking):
            found += f" (python -m styleid weights fetch {name})"
        yield Check("absent" if lacking else "ok", f"family {name}", found)


def _device() -> Iterator[Check]:
    import torch

    if torch.cuda.is_available():
        yield Check("ok", "device", f"cuda ({torch.cuda.get_device_name(0)})")
    else:
        yield Check("ok", "device", f"cpu ({torch.get_num_threads()} threads)")


def _detectors() -> Iterator[Check]:
    from .faces._cascade import _HAAR_FILES, _haar
    from .faces._mtcnn import load_mtcnn
    from .faces._scrfd import load_scrfd

    advice, haar = "pip install mtcnn==1.0.0", _haar(_HAAR_FILES[0][0])
    yield _found(
        "detector MTCNN", load_mtcnn() is not None, "MISSING", "its package or lz4 is not installed", advice
    )
    yield Check("ok", "detector LBP cascade", "present (scikit-image)")
    yield _found(
        "detector Haar cascades", haar is not None, "absent", "OpenCV 4 brings them; version 5 does not"
    )
    yield _found(
        "detector SCRFD", load_scrfd() is not None, "absent", "its weights (det_10g.onnx) are not there"
    )


def _found(name: str, there: bool, otherwise: str, why: str, advice: str = "") -> Check:
    return Check("ok", name, "present") if there else Check(otherwise, name, why, advice)


def _heic() -> Check:
    there = importlib.util.find_spec("pillow_heif") is not None
    return Check(
        "ok" if there else "absent", "HEIC pictures", "can be read and written" if there else "cannot be read"
    )


def _comfyui() -> Check:
    here = Path(__file__).absolute().parents[1]
    if here.parent.name == "custom_nodes":
        return Check("ok", "ComfyUI", "this is one of its custom nodes")
    named = os.environ.get("COMFYUI_PATH", "")
    if named and (Path(named) / "main.py").is_file():
        return Check("ok", "ComfyUI", "found where COMFYUI_PATH says")
    return Check("absent", "ComfyUI", "not found; clone or link this folder into its custom_nodes")
