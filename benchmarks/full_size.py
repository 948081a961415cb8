"""The family ffhq-1024 at full size with random weights in the public containers: every shape, memory and time is
real, only the picture is noise.

    python benchmarks/full_size.py [--engine torch|openvino]

Writes about 2 GB of public containers into a temporary folder, converts them into a store there, loads the family from
the store and runs its parts on a photograph, then the whole pipeline.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from styleid import Anonymizer
from styleid.demo import example_photograph
from styleid.faces import align_faces, detect_faces
from styleid.family import load_family
from styleid.latent import random_targets, swap_layers
from styleid.metrics import identity_distance
from styleid.networks import KINDS
from styleid.networks.bisenet import BiSeNetConfig
from styleid.networks.irse import IRSEConfig
from styleid.networks.mobilenet40 import MobileNet40Config
from styleid.networks.psp import EncoderConfig
from styleid.networks.stylegan2 import GeneratorConfig
from styleid.randomness import make_generator

CHANNELS = (512, 512, 512, 512, 512, 256, 128, 64, 32)  # at 4, 8, ... 1024 pixels, multiplier 2
ENCODER = {"layers": 18, "slope": 1.0}
OPTIONS = {"start_from_latent_avg": True, "output_size": 1024}
PARTS: dict[str, tuple[str, Any]] = {
    "generator": ("stylegan2", GeneratorConfig(size=1024, channels=CHANNELS)),
    "encoder": ("e4e", EncoderConfig(**ENCODER, head="pyramid-delta")),
    "segmentation_encoder": ("psp-seg", EncoderConfig(**ENCODER, head="pyramid", input_nc=19)),
    "recogniser": ("ir-se50", IRSEConfig()),
    "judge": ("curricularface", IRSEConfig(units=(3, 13, 30, 3), block="ir", last_norm="plain")),
    "parser": ("bisenet", BiSeNetConfig()),
    "attributes": ("celeba40", MobileNet40Config()),
}


def container(kind: str, network: nn.Module) -> dict[str, Any]:
    """What the public training code would save."""
    state = network.state_dict()
    if kind == "stylegan2":
        mean = state.pop("w_mean")
        return {"g_ema": state, "latent_avg": mean}
    if kind in ("e4e", "psp-seg"):
        mean = state.pop("latent_avg")
        name = "Encoder4Editing" if kind == "e4e" else "GradualStyleEncoder"
        named = {f"encoder.{key}": x for key, x in state.items()}
        return {"state_dict": named, "latent_avg": mean, "opts": OPTIONS | {"encoder_type": name}}
    return {"model_state_dict": state} if kind == "celeba40" else state


def write_manifest(folder: Path, made: Path) -> None:
    weights = {}
    for role, (kind, _) in PARTS.items():
        path = made / f"{role}.pt"
        weights[f"noise-{role}"] = {
            "kind": kind, "family": "noise-1024", "file": path.name, "source": "random numbers",
            "sources": [{"url": "http://127.0.0.1/none"}], "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "licence": "none", "non_commercial": False,
            "citation": "", "input": "", "trained_on": "random numbers", "figures": {},
        }  # fmt: skip
    family: dict[str, Any] = {role: f"noise-{role}" for role in PARTS}
    for role in ("recogniser", "judge"):
        family[role] = {"weights": family[role], "threshold": 1.2}
    family |= {"layers": [5, 6, 7], "fallback": "embedded"}
    whole = {"version": 1, "weights": weights, "families": {"noise-1024": family}}
    (folder / "manifest.json").write_text(json.dumps(whole))


def timed(rows: list[tuple[str, str, str]], name: str, call: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = call()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows.append((name, f"{time.perf_counter() - began:.2f}", f"{peak:.0f}"))
    return result


def make(folder: Path) -> None:
    """Containers, manifest, and the conversion of each into the store; in a process of its own, for its memory."""
    from styleid.weights import convert

    made = folder / "made"
    made.mkdir()
    torch.manual_seed(0)
    for role, (kind, config) in PARTS.items():
        torch.save(container(kind, KINDS[kind].build(config)), made / f"{role}.pt")
    write_manifest(folder, made)
    rows: list[tuple[str, str, str]] = []
    for role, (kind, _) in PARTS.items():
        path = made / f"{role}.pt"
        timed(
            rows,
            f"convert {kind}, {path.stat().st_size / 1e6:.0f} MB",
            lambda path=path, kind=kind, role=role: convert(path, kind, f"noise-{role}"),
        )
        path.unlink()
    show(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default="torch")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make is not None:
        make(options.make)
        return
    with tempfile.TemporaryDirectory() as store:
        os.environ["STYLEID_MODELS"] = store
        subprocess.run([sys.executable, __file__, "--make", store], check=True)
        show(run(options.engine))


def show(rows: list[tuple[str, str, str]]) -> None:
    print(f"{'step':34} {'seconds':>8} {'peak MB so far':>15}")
    for step, seconds, peak in rows:
        print(f"{step:34} {seconds:>8} {peak:>15}", flush=True)


def run(engine: str) -> list[tuple[str, str, str]]:
    """The parts one by one on a photograph, then the whole pipeline."""
    rows: list[tuple[str, str, str]] = []
    family = timed(rows, "load the family", lambda: load_family("noise-1024", engine=engine))
    pixels = example_photograph("astronaut")
    faces = timed(
        rows, "detect", lambda: detect_faces(pixels, landmark_net=family.landmarks, detector=family.detector)
    )
    crop = align_faces(pixels[None], [faces], 1024).crops
    labels = timed(rows, "parse", lambda: family.parse(crop))
    codes = timed(rows, "encode", lambda: family.encode(crop))
    timed(rows, "encode labels", lambda: family.encode_labels(labels))
    target = timed(rows, "random identity", lambda: random_targets(family, [make_generator(1)]))
    swapped = swap_layers(codes, target, family.layers)
    timed(rows, "decode, first time", lambda: family.decode(swapped))
    picture = timed(rows, "decode", lambda: family.decode(swapped))
    for one in (family.recogniser, family.judge):
        timed(
            rows, f"distance by {one.name}", lambda r=one: identity_distance(r.embed(crop), r.embed(picture))
        )
    timed(rows, "attributes", lambda: family.attribute_confidences(picture))
    anonymizer = Anonymizer(family, "high", method="layers")
    result = timed(rows, "whole pipeline", lambda: anonymizer(pixels[None]))
    rows.append((f"  outcome: {result[0].outcome}", "", ""))
    return rows


if __name__ == "__main__":
    main()
