"""Re-identification Report and Identity Diversity: can anybody be found again, and does everybody stay somebody?"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.evaluate.charts import attack_chart, diversity_chart
from ..styleid.evaluate.report import attack_to_dict
from ..styleid.evaluate.tables import attack_line
from ..styleid.family import Family
from ..styleid.metrics import FaceSet, cluster_identities, collisions, reidentify
from ._identities import IDENTITIES_INPUT, RECOGNISER_INPUT, identity_numbers, recogniser_of
from ._sockets import crop_pair, in_batches
from .attributes import CROPS_INPUTS
from .latent import MODELS_INPUT

NEEDS = {
    "naive": "it needs the faces of at least two people.",
    "parrot": "the parrot needs two pictures of one person, and another person. Fill in 'identities'.",
}


class StyleIDReidentificationReport:
    """Attacks anonymised faces with a recogniser."""

    DISPLAY_NAME = "Re-identification Report (StyleID)"
    CATEGORY = "StyleID/metrics"
    DESCRIPTION = "Searches for each anonymised face in a gallery, as an attacker with a recogniser would: ROC, AUC, rank-k."
    FUNCTION = "execute"
    RETURN_TYPES = ("FLOAT", "FLOAT", "STRING", "IMAGE")
    RETURN_NAMES = ("auc", "rank_1", "report", "chart")
    OUTPUT_TOOLTIPS = (
        "Area under the ROC: 0.5 is guessing, 1 tells every pair apart.",
        "Share of faces whose person comes first in the gallery, 0 to 1. Guessing: 1 / number of people.",
        "All rates with 95 % intervals (bootstrap over people).",
        "ROC and cumulative match curve.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                **CROPS_INPUTS,
                "attacker": (
                    ["naive", "parrot"],
                    {
                        "default": "naive",
                        "tooltip": "'naive' searches the originals; 'parrot' anonymises its gallery as well, so it searches "
                        "the other outputs: needs two pictures of one person.",
                    },
                ),
                "recogniser": RECOGNISER_INPUT,
                "identities": IDENTITIES_INPUT,
            }
        }

    def execute(
        self,
        *,
        models: Family,
        source: Tensor,
        output: Tensor,
        attacker: str,
        recogniser: str,
        identities: str,
    ) -> tuple[float, float, str, Tensor]:
        source, output = crop_pair(source, output, "Re-identification Report")
        people = identity_numbers(identities, len(source), "Re-identification Report")
        network = recogniser_of(models, recogniser)
        hidden = FaceSet(in_batches(network.embed, output), people)
        clean = FaceSet(in_batches(network.embed, source), people) if attacker == "naive" else None
        attack = reidentify(hidden, clean)
        first = attack.rank(1)
        if attack.verification is None or first is None:
            raise InputError(f"Re-identification Report: {NEEDS[attacker]}")
        table = attack_to_dict(attack)
        report = f"{network.name} ({recogniser}), {len(source)} faces, {attack.gallery} people\n" + "\n".join(
            attack_line(attacker, table).split("; ")
        )
        chart = attack_chart({attacker: table}, network.name)
        return attack.verification.auc.value, first.value, report, chart[None]


class StyleIDIdentityDiversity:
    """Counts the people that a recogniser sees."""

    DISPLAY_NAME = "Identity Diversity (StyleID)"
    CATEGORY = "StyleID/metrics"
    DESCRIPTION = (
        "Counts how many people a recogniser tells apart before and after, and which new faces it mixes up."
    )
    FUNCTION = "execute"
    RETURN_TYPES = ("INT", "INT", "INT", "STRING", "IMAGE")
    RETURN_NAMES = ("people_before", "people_after", "collisions", "report", "chart")
    OUTPUT_TOOLTIPS = (
        "People among the original faces: clusters at the recogniser's threshold.",
        "People among the new faces.",
        "Pairs of new faces of different people that the recogniser takes for one.",
        "Counts, and which faces collide.",
        "The counts as bars.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                **CROPS_INPUTS,
                "recogniser": RECOGNISER_INPUT,
                "identities": IDENTITIES_INPUT,
            }
        }

    def execute(
        self, *, models: Family, source: Tensor, output: Tensor, recogniser: str, identities: str
    ) -> tuple[int, int, int, str, Tensor]:
        source, output = crop_pair(source, output, "Identity Diversity")
        people = identity_numbers(identities, len(source), "Identity Diversity")
        network = recogniser_of(models, recogniser)
        before, after = in_batches(network.embed, source), in_batches(network.embed, output)  # [N, 512]
        groups = [
            len(set(cluster_identities(faces, network.threshold).tolist())) for faces in (before, after)
        ]
        own, new = (collisions(faces, people, network.threshold) for faces in (before, after))
        taken = collisions(after, people, network.threshold, others=before, other_identities=people)
        counts = {
            "people in the pictures": len(people.unique()),
            "told apart before": groups[0],
            "told apart after": groups[1],
            "colliding pairs before": own.pairs,
            "colliding pairs after": new.pairs,
            "faces like another original": int(taken.faces.sum()),
        }
        lines = [f"{network.name} ({recogniser}): one person below {network.threshold:.3f}"]
        lines += [f"{name}: {count}" for name, count in counts.items()]
        for says, found in (("collide", new.faces), ("look like somebody else's original", taken.faces)):
            if found.any():
                lines.append(f"faces that {says}: {', '.join(str(n + 1) for n in found.nonzero()[0])}")
        return *groups, new.pairs, "\n".join(lines), diversity_chart(counts, network.name)[None]
