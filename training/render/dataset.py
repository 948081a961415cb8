"""Renders identities in several states each into shards that can be resumed."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from styleid.errors import InputError

from .labels import attributes, parameter_vector
from .model import FaceModel
from .parameters import Identity, State
from .renderer import Renderer
from .sampler import Sampler
from .wide import MARGIN, turned

__all__ = [
    "SHARD_IDENTITIES",
    "Job",
    "claim",
    "draw_donor",
    "draw_identity",
    "draw_state",
    "exchanged",
    "is_complete",
    "render_dataset",
    "shard_path",
]

log = logging.getLogger(__name__)
SHARD_IDENTITIES = 20
# One core per process: several processes that each start threads for all cores slow each other down.
SINGLE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LP_NUM_THREADS": "1"}


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to render. identities and states: how many persons, and pictures of each; wide: whole heads in any pose;
    exchanged: the same pictures, each with the face of another person of its shard, see `exchanged`; of whole shards."""

    model: Path
    out: Path
    identities: int
    states: int
    seed: int = 7
    size: int = 128
    wide: bool = False
    exchanged: bool = False

    @property
    def shards(self) -> int:
        return -(-self.identities // SHARD_IDENTITIES)

    @property
    def kind(self) -> dict[str, int | bool]:
        """What all shards of a folder have in common: more identities may be asked for later."""
        names = ("states", "seed", "size", "wide", "exchanged")
        return {name: getattr(self, name) for name in names}


def shard_path(out: Path, shard: int) -> Path:
    return out / f"s{shard:04d}.npz"


def is_complete(job: Job, shard: int) -> bool:
    """Whether the shard exists and holds every picture of `job` (an earlier run may have asked for fewer identities)."""
    path = shard_path(job.out, shard)
    if not path.is_file():
        return False
    with np.load(path) as arrays:
        return len(arrays["ident"]) == len(_identities(job, shard)) * job.states


def _identities(job: Job, shard: int) -> range:
    return range(shard * SHARD_IDENTITIES, min((shard + 1) * SHARD_IDENTITIES, job.identities))


def draw_identity(sampler: Sampler, seed: int, identity: int) -> Identity:
    """Identity number `identity` of the data set `seed`, independent of all others."""
    return sampler.identity(np.random.default_rng([seed, 0, identity]))


def draw_state(sampler: Sampler, seed: int, identity: int, state: int, person: Identity) -> State:
    """State number `state` of identity number `identity`, which is `person`."""
    return sampler.state(np.random.default_rng([seed, 1, identity, state]), person)


def exchanged(person: Identity, donor: Identity) -> Identity:
    """`donor` with the skin tone and the hair of `person`: who someone is after a swap of faces in a picture."""
    kept = ("melanin", "haemoglobin", "hair_colour", "hair_brightness", "grey", "hairline")
    return replace(donor, **{name: getattr(person, name) for name in kept})


def draw_donor(job: Job, identity: int, state: int) -> int:
    """Another identity of the same shard: shards are held out whole, so no one's face gets into another split."""
    others = [other for other in _identities(job, identity // SHARD_IDENTITIES) if other != identity]
    return int(np.random.default_rng([job.seed, 3, identity, state]).choice(others))


def claim(job: Job) -> None:
    """Make the folder one for shards of this kind; what kind, `job.json` says. InputError: it holds shards of another."""
    job.out.mkdir(parents=True, exist_ok=True)
    path = job.out / "job.json"
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        if other := [
            f"{name} {found.get(name)}" for name, value in job.kind.items() if found.get(name) != value
        ]:
            raise InputError(
                f"{job.out} holds shards of another job, with {', '.join(other)}. Give the same options, or another --out."
            )
        return
    if any(job.out.glob("s*.npz")):
        raise InputError(
            f"{job.out} holds shards of a job that is not known: it has no job.json. Take another --out."
        )
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(job.kind) + "\n", encoding="utf-8")
    partial.replace(path)


def render_dataset(job: Job, processes: int = 1) -> Iterator[int]:
    """Render the shards of `job` that do not exist yet; yields the number of each as it is finished.

    InputError: the folder holds shards of another job, or faces are to be exchanged in a shard that is not full, of which
    training would hold out a part.
    """
    if job.exchanged and job.identities % SHARD_IDENTITIES:
        raise InputError(
            f"{job.identities} identities do not fill shards of {SHARD_IDENTITIES}, within which faces are exchanged; "
            f"take {job.shards * SHARD_IDENTITIES}, and as many for the pictures without --exchanged"
        )
    claim(job)
    missing = [shard for shard in range(job.shards) if not is_complete(job, shard)]
    log.info("%d of %d shards to render", len(missing), job.shards)
    if not missing:
        return
    os.environ.update(SINGLE_THREAD)  # read by the libraries when a spawned process imports them
    spawn = multiprocessing.get_context("spawn")
    workers = min(processes, len(missing))
    # Not multiprocessing.Pool, which would restart workers for ever where no EGL driver is installed.
    with ProcessPoolExecutor(workers, spawn, _start_worker, (job,)) as pool:
        for done in as_completed([pool.submit(_render_in_worker, shard) for shard in missing]):
            yield done.result()


_worker: tuple[Job, Renderer] | None = None  # of a spawned process: the OpenGL context cannot travel


def _start_worker(job: Job) -> None:
    global _worker
    cv2.setNumThreads(1)
    margin = MARGIN if job.wide else 1.0
    _worker = job, Renderer(FaceModel(job.model), size=job.size, margin=margin, cache=job.out / "cache")


def _render_in_worker(shard: int) -> int:
    job, renderer = _worker
    write_shard(job, renderer, shard)
    return shard


def write_shard(job: Job, renderer: Renderer, shard: int) -> None:
    """Render 20 identities and write them at once, so that an interrupted run leaves no half shard."""
    rows = []
    for identity in _identities(job, shard):
        rows += _render_identity(job, renderer, identity)
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0] if name != "names"}
    path = shard_path(job.out, shard)
    unfinished = path.with_name(f"{path.stem}.tmp.npz")
    np.savez(unfinished, **arrays, names=rows[0]["names"])
    unfinished.replace(path)


def _render_identity(job: Job, renderer: Renderer, number: int) -> list[dict[str, np.ndarray]]:
    model = renderer.model
    sampler = Sampler(model.axes, model.expression_names)
    person = draw_identity(sampler, job.seed, number)
    rows = []
    for j in range(job.states):
        state = draw_state(sampler, job.seed, number, j, person)
        if job.wide:
            state = turned(np.random.default_rng([job.seed, 2, number, j]), state)
        shown, donor = person, number
        if job.exchanged:
            donor = draw_donor(job, number, j)
            shown = exchanged(person, draw_identity(sampler, job.seed, donor))
        picture = renderer.render(shown, state)
        known = attributes(model.axes, model.expression_names, shown, state)
        rows.append(
            {
                "img": picture.image,
                "lab": picture.labels,
                "lm68": picture.landmarks68,
                "lm5": picture.landmarks5,
                "vec": parameter_vector(shown, state),
                "att": np.array(list(known.values())),
                "ident": np.array(number),
                "donor": np.array(donor),
                "names": np.array(list(known)),
            }
        )
    return rows
