"""What the levels buy: faces that pass the judge, attributes kept, size of the change, generator passes, and k, l, t.

    python benchmarks/levels.py [--levels low medium high] [--faces 40] [--heads CACHE] [--set 16] [--photographs]

Faces are random identities of the family with a seed that nothing was chosen on, or rendered heads that no network was
trained on; `first` is the share that passes the judge with the candidate that the search prefers, before the judge was
asked: the tuner's word alone. `worst named` is the level's named attribute that is kept least often, `turn` the median angle
in degrees between the head poses of source and output. Photographs are those that installed packages ship.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from styleid import Anonymizer
from styleid.datasets import release_pictures
from styleid.demo import EXAMPLES, example_photograph
from styleid.faces import aligned_landmarks
from styleid.family import Family, load_family
from styleid.metrics import attributes_preserved, identity_distance, pose_drift
from styleid.pipeline.face import look_at
from styleid.pipeline.probe import Prober
from styleid.pipeline.propose import kept_by_level, proposals
from styleid.pipeline.settings import Settings
from styleid.privacy import LEVELS, Achieved, Release, make_goal, stored_thresholds

SEED = 20_260
RATES = (1e-2, 1e-3)


def held_out(family: Family, count: int) -> Tensor:
    """Faces [N, 256, 256, 3] of random identities."""
    codes = family.random_w(count, torch.Generator().manual_seed(SEED))
    planes = family.decode(codes).movedim(-1, 1)
    return F.interpolate(planes, size=(256, 256), mode="bicubic").clamp(0, 1).movedim(1, -1)


def rendered(cache: Path, count: int) -> Tensor:
    """Held-out rendered heads [N, S, S, 3], each of another person as far as there are."""
    from training.data import Heads

    heads = Heads.open(cache)
    order = np.argsort(np.arange(len(heads.held_out)) % 5, kind="stable")
    return (heads.images(heads.held_out[order[:count]], heads.side).movedim(1, -1) + 1) / 2


def offered(
    family: Family, crop: Tensor, level: str, seed: int
) -> Iterator[tuple[float, Tensor, Tensor, int, float, Tensor]]:
    """For each candidate of one face: the judge's distance, source and output attributes, passes, change, output."""
    named = LEVELS[level]
    settings = Settings(
        family=family, goal=make_goal(family), attempts=named.attempts, search=named.search, keeps=named.keeps,
        detect=lambda *_: [], on_failure="block", seed=seed,
    )  # fmt: skip
    source = look_at(crop[None], family, settings.recognisers)
    prober = Prober(source, family, settings.goal, seed, wish=kept_by_level(source, settings))
    view = source.views[family.judge.name].source
    for candidate in proposals(prober, settings):
        distance = float(identity_distance(view, family.judge.embed(candidate.composite)))
        now = family.attribute_confidences(candidate.composite)
        yield distance, source.attributes, now, prober.passes, candidate.probe.change, candidate.composite[0]


def level_row(family: Family, crops: Tensor, level: str) -> str:
    limits = {rate: stored_thresholds(family.judge.name)[rate] for rate in RATES}
    names, named = family.attributes.names, LEVELS[level].keeps
    first, worn, kept, passes, changes, turns = [], 0, [], [], [], []
    for number, crop in enumerate(crops):
        for turn, (distance, before, now, count, change, output) in enumerate(
            offered(family, crop, level, SEED + number)
        ):
            if turn == 0:
                first.append(distance)
            if distance > family.judge.threshold:
                worn += 1
                kept.append(attributes_preserved(before, now)[0].numpy())
                passes.append(count)
                changes.append(change)
                turns.append(
                    pose_drift(*(aligned_landmarks(one[None], family.landmarks) for one in (crop, output)))[0]
                )
                break
    share = [np.mean([d > limits[rate] for d in first]) * len(first) / len(crops) for rate in RATES]
    each = dict(zip(names, np.mean(kept, 0), strict=True))
    worst = min(((each[n], n) for n in named if n in each), default=(float("nan"), "-"))
    return (
        f"{level:8}{len(crops):6}{share[0]:10.3f}{share[1]:10.3f}{worn / len(crops):8.3f}{np.mean(kept):7.3f}"
        f"{worst[0]:8.3f} {worst[1]:14}{np.mean(changes):8.4f}{np.median(turns):6.1f}"
        f"{np.mean(passes):7.1f}{max(passes):5}"
    )


def release_rows(family: Family, crops: Tensor) -> Iterator[str]:
    for release in (
        Release(attributes=("Male", "Young"), k=2),
        Release(attributes=("Male", "Smiling", "Young"), k=3),
        Release(attributes=("Male", "Young"), sensitive="Smiling", k=3, l=2, t=0.4),
    ):
        _, report = release_pictures(Anonymizer(family, "high", SEED), list(crops), release)
        words = f"k={release.k} l={release.l} t={release.t:g} of {','.join(release.names)}"
        stages = [_met(x) for x in (report.before, report.anonymised, report.after)]
        yield f"{words:48}" + "".join(f"{stage:22}" for stage in stages) + f"{report.withheld:4}"


def _met(met: Achieved) -> str:
    more = "" if met.l is None else f" {met.l}/{met.t:.2f}"
    return f"{met.faces}: k {met.k}{more}"


def photograph_rows(family: Family, levels: Sequence[str]) -> Iterator[str]:
    for level in levels:
        for name in EXAMPLES:
            (result,) = Anonymizer(family, level, SEED, on_failure="blur")(example_photograph(name))
            for face in result.faces:
                judge = face.distances.get(face.judge, {})
                kept = [row["preserved"] for row in face.attributes.values()]
                named = [face.attributes[n]["preserved"] for n in LEVELS[level].keeps if n in face.attributes]
                share = f"{np.mean(named):.2f}" if named else "-"
                yield (
                    f"{level:8}{name:11}{face.index:3} {face.outcome:12}{judge.get('after') or 0:7.3f}"
                    f"{judge.get('nearest') or 0:9.3f}{np.mean(kept):7.2f}{share:>7}{face.attempts:8}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--levels", nargs="+", default=list(LEVELS), choices=list(LEVELS))
    parser.add_argument("--faces", type=int, default=40, help="held-out faces per level (%(default)s)")
    parser.add_argument(
        "--heads", type=Path, help="cache of training.render's heads, instead of random identities"
    )
    parser.add_argument("--set", type=int, default=16, help="pictures of the set for k, l, t (%(default)s)")
    parser.add_argument(
        "--photographs", action="store_true", help="also the photographs of installed packages"
    )
    options = parser.parse_args()
    family = load_family()
    count = max(options.faces, options.set)
    crops = rendered(options.heads, count) if options.heads else held_out(family, count)
    print(
        f"{'level':8}{'faces':>6}{'1st 1e-2':>10}{'1st 1e-3':>10}{'worn':>8}{'kept':>7}{'worst named':>23}"
        f"{'change':>8}{'turn':>6}{'passes':>7}{'max':>5}"
    )
    with torch.no_grad():
        for level in options.levels if options.faces else ():
            print(level_row(family, crops[: options.faces], level), flush=True)
    if options.photographs:
        heads = f"{'judge':>7}{'nearest':>9}{'kept':>7}{'named':>7}{'passes':>8}"
        print(f"\n{'level':8}{'photograph':11}{'no':>3} {'outcome':12}{heads}")
        for row in photograph_rows(family, options.levels):
            print(row, flush=True)
    if options.set:
        print(f"\n{'asked':48}{'sources':22}{'new faces':22}{'published':22}{'out':>4}")
        for row in release_rows(family, crops[: options.set]):
            print(row, flush=True)


if __name__ == "__main__":
    main()
