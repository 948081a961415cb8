"""Privacy Report: everything that can be measured about photographs and their outputs, on the finished pictures."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.evaluate import Evaluation
from ..styleid.evaluate.charts import report_charts
from ..styleid.evaluate.tables import short_lines
from ..styleid.family import Family
from . import _bridge
from ._identities import IDENTITIES_INPUT, identity_names
from ._sockets import as_rgb
from .latent import MODELS_INPUT


class StyleIDPrivacyReport:
    """The whole report in one node."""

    DISPLAY_NAME = "Privacy Report (StyleID)"
    CATEGORY = "StyleID/metrics"
    DESCRIPTION = (
        "Finds the faces of whole photographs before and after, and reports what was hidden and what was kept, beside blur, "
        "pixelation, a black bar and k-same. The same figures as 'python -m styleid evaluate' gives for folders."
    )
    FUNCTION = "execute"
    RETURN_TYPES = ("FLOAT", "FLOAT", "FLOAT", "STRING", "STRING", "IMAGE")
    RETURN_NAMES = ("hidden", "recognised", "preserved", "report", "json", "charts")
    OUTPUT_TOOLTIPS = (
        "Share of faces beyond the judge's threshold, 0 to 1. A face that was not found again counts as not hidden.",
        "Share of faces that the judge finds at the first place among the originals. One not found again counts as found.",
        "Share of attributes preserved, 0 to 1. Those of a face that was not found again count as lost.",
        "The report as text.",
        "The whole report as JSON: no embedding, no seed, no file name.",
        "Charts, one image each: distances, attackers, attributes, and what each method buys.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "images": ("IMAGE", {"tooltip": "The original photographs."}),
                "anonymised": ("IMAGE", {"tooltip": "Their finished outputs, in the same order."}),
                "baselines": (
                    "BOOLEAN",
                    {
                        "default": True,
                        "tooltip": "Also measure blur, pixelation, a black bar and k-same on the same faces (slower).",
                    },
                ),
                "identities": IDENTITIES_INPUT,
            }
        }

    def execute(
        self, *, models: Family, images: Tensor, anonymised: Tensor, baselines: bool, identities: str
    ) -> tuple[float, float, float, str, str, Tensor]:
        images, anonymised = as_rgb(images, "images"), as_rgb(anonymised, "anonymised")
        if len(images) != len(anonymised):
            raise InputError(
                f"Privacy Report: found {len(images)} originals and {len(anonymised)} outputs. Give one output for each "
                "original, in the same order."
            )
        names = identity_names(identities, len(images), "Privacy Report")
        run = Evaluation(models, sample=100 if baselines else 0)
        progress = _bridge.progress_bar(len(images))
        for number, (before, after) in enumerate(zip(images, anonymised, strict=True)):
            who = None if names is None else names[number]
            run.add(f"image {number + 1}", before.cpu(), after.cpu(), identity=who)
            progress(number + 1, len(images))
        if not run.faces:
            raise InputError(
                "Privacy Report: no face was found in the originals, so nothing can be said about them. That is not privacy."
            )
        report = run.report(labels="pairs" if names is None else "list", progress=progress)
        table, data = json.dumps(report.to_dict(), indent=1), report.data
        hidden = data["identity"][report.judge]["output"]["beyond_conservative"]["value"]
        recognised = data["reidentification"][report.judge]["naive"]["rank_conservative"]["1"]["value"]
        preserved = data["attributes"].get("preserved_conservative", 0.0)
        charts = torch.stack(list(report_charts(data, report.faces).values()))
        return hidden, recognised, preserved, "\n".join(short_lines(data)), table, charts
