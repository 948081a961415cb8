"""The finished report: plain numbers and names, ready for JSON; no embedding, seed, pixel, or path of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..metrics import cmc

__all__ = ["VERSION", "Report", "attack_to_dict", "plain"]

VERSION = 1
RANKS = (1, 5, 10)
CMC_LENGTH = 20
_FAR_GRID = np.logspace(-4, 0, 65)


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """`data` holds every aggregate (see `styleid.evaluate.summary`), `faces` one row per face."""

    data: Mapping[str, Any]
    faces: Sequence[Mapping[str, Any]]

    @property
    def judge(self) -> str:
        """Name of the recogniser whose figures count."""
        return self.data["judge"]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return plain({**self.data, "each_face": list(self.faces)})

    def __repr__(self) -> str:
        return f"Report({len(self.faces)} faces)"


def attack_to_dict(attack: Any) -> dict[str, Any]:
    """A :class:`styleid.metrics.Reidentification` as plain numbers; its curves at fixed points."""
    table: dict[str, Any] = {
        "probes": attack.probes,
        "not_found": attack.missed,
        "gallery_identities": attack.gallery,
        "without_mate": attack.without_mate,
        "chance_rank_1": 1 / attack.gallery,
        "rank": {str(k): _interval(attack.rank(k)) for k in RANKS},
        "rank_conservative": {str(k): _interval(attack.rank_conservative(k)) for k in RANKS},
        "cmc": cmc(attack.ranks, CMC_LENGTH, attack.ties).tolist() if attack.ranks.any() else None,
        "genuine_pairs_not_found": attack.pairs_missed,
    }
    rates = attack.verification
    if rates is None:
        return table | {"note": "no ROC: it needs pairs of one person and pairs of two"}
    conservative = attack.conservative
    return table | {
        "genuine_pairs": rates.genuine,
        "impostor_pairs": rates.impostor,
        "auc": _interval(rates.auc),
        "auc_conservative": _interval(conservative(rates.auc)),
        "eer": _interval(rates.eer),
        "tar": {f"{far:g}": _interval(rate) for far, rate in rates.tar.items()},
        "tar_conservative": {
            f"{far:g}": None if rate is None else _interval(conservative(rate))
            for far, rate in rates.tar.items()
        },
        "roc": {"far": _FAR_GRID.tolist(), "tar": [rates.roc.tar_at(far) for far in _FAR_GRID]},
    }


def plain(value: Any) -> Any:
    """Numbers that JSON has no word for (NaN, infinity) become None; NumPy's types become Python's; six decimals."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value


def _interval(interval: Any) -> dict[str, Any] | None:
    return None if interval is None else interval.to_dict()
