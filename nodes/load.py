"""Load Models."""

from __future__ import annotations

import logging
from typing import Any

import torch

from ..styleid.errors import WeightsError
from ..styleid.family import Family, load_family
from ..styleid.networks.engine import ENGINES
from ..styleid.weights import family_is_non_commercial, family_names, fetch, missing, plan_family
from . import _bridge
from ._sockets import FAMILY

_log = logging.getLogger(__name__)
DEFAULT_FAMILY = "embedded"
PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
NON_COMMERCIAL = " (non-commercial)"  # after the family's name where people choose it


class StyleIDLoadModels:
    """Loads one family of networks."""

    DISPLAY_NAME = "Load Models (StyleID)"
    CATEGORY = "StyleID"
    DESCRIPTION = (
        "Loads a family of networks: generator, encoders, two recognisers, parser, attributes, landmarks."
    )
    FUNCTION = "execute"
    RETURN_TYPES = (FAMILY, "STRING")
    RETURN_NAMES = ("models", "notes")
    OUTPUT_TOOLTIPS = (
        "The loaded networks, for every other StyleID node.",
        "One line for every part that is missing, or that another family's part stands in for. Empty: all are its own.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        families = [
            name + NON_COMMERCIAL if family_is_non_commercial(name) else name for name in family_names()
        ]
        return {
            "required": {
                "family": (
                    families,
                    {
                        "default": DEFAULT_FAMILY,
                        "tooltip": "Which set of networks. 'embedded' ships with this project and needs no download; "
                        "'non-commercial' ones must not be used commercially.",
                    },
                ),
                "device": (
                    ["auto", "cpu"],
                    {
                        "default": "auto",
                        "tooltip": "'auto' computes where ComfyUI does; 'cpu' always on the processor.",
                    },
                ),
            },
            "optional": {
                "download": (
                    "BOOLEAN",
                    {
                        "default": False,
                        "tooltip": "On: I accept the licences of this family (see 'python -m styleid weights licences'); "
                        "fetch what is missing, once. ffhq-1024 is 1.7 GB. Off: nothing is fetched.",
                    },
                ),
                "engine": (
                    list(ENGINES),
                    {
                        "default": ENGINES[0],
                        "tooltip": "What decodes on a processor. 'openvino' is faster and needs 'pip install openvino'; "
                        "'openvino-bf16' is less exact, and faster still on processors with AMX.",
                    },
                ),
                "precision": (
                    list(PRECISIONS),
                    {
                        "default": "fp32",
                        "tooltip": "Of the networks on a GPU: 'fp16' and 'bf16' take half the memory and are faster, and "
                        "a little less exact. On a processor keep fp32.",
                    },
                ),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, family: str | None) -> bool | str:
        """Families by name or by label: a saved workflow opens even where the label has changed since."""
        known = ", ".join(family_names())
        if family is None:  # wired: known only when it runs
            return True
        return _name(family) in family_names() or f"unknown family {family!r}; known are {known}"

    @classmethod
    def IS_CHANGED(cls, family: str | None, **_: Any) -> str:
        """Loaded again once weights were fetched, converted or calibrated."""
        return "wired" if family is None else repr(plan_family(_name(family)))

    def execute(
        self,
        *,
        family: str,
        device: str,
        download: bool | None = None,
        engine: str | None = None,
        precision: str | None = None,
    ) -> tuple[Family, str]:
        models = load_models(
            family,
            device,
            download=bool(download),
            engine=engine or ENGINES[0],
            precision=precision or "fp32",
        )
        return models, "\n".join(models.notes)


def default_models() -> Family:
    """The default family, ready to compute: for nodes that work without being wired to Load Models."""
    models = load_models(DEFAULT_FAMILY, "auto")
    _bridge.ready(models)
    return models


def load_models(
    family: str, device: str, *, download: bool = False, engine: str = ENGINES[0], precision: str = "fp32"
) -> Family:
    """The family of that name or label on the device of that choice; ``download`` accepts its terms and fetches it."""
    name = _name(family)
    lacking = [entry for entry in missing([name]) if entry.fetchable]
    if download and lacking:
        fetch([name], accept=True, progress=_bridge.progress_bar(sum(entry.bytes or 0 for entry in lacking)))
    try:
        models = load_family(
            name, device=_bridge.offload_device(device), dtype=PRECISIONS[precision], engine=engine
        )
    except WeightsError as error:
        if download or not lacking:
            raise
        raise WeightsError(f"{error} Or switch on 'download' in Load Models.") from error
    if device != "cpu":
        _bridge.manage(models, models.networks())
    for note in models.notes:
        _log.warning("%s", note)
    return models


def _name(label: str) -> str:
    return label.removesuffix(NON_COMMERCIAL)
