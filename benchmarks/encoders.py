"""The pSp and e4e encoders of a 1024-pixel generator against their public PyTorch code, with the same random weights.

    git clone https://github.com/eladrich/pixel2style2pixel; git clone https://github.com/omertov/encoder4editing
    python benchmarks/encoders.py FOLDER_OF_THE_CLONES [--batches 1 4] [--threads 2] [--rounds 5]

Times are taken in turn, one call of each side after the other, and their medians compared; "cpu" is the same for the
processor time, which other programs disturb less. Peak memory is what a process of its own, which has imported
everything, adds: "load MB" to build the network from its file, mapped pages included, "call MB" for the first encoding
after that. Public code reads its own container, this project the converted file. "difference" is the largest one
between the codes, "spread" the standard deviation of these.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from _public import from_checkout, peak_memory

from styleid.networks import load_network, read_weights, write_network

LAYERS, SIZE = 18, 1024
KINDS = {
    "psp": ("pixel2style2pixel", "GradualStyleEncoder"),
    "e4e": ("encoder4editing", "Encoder4Editing"),
}
Encode = Callable[[Tensor], Tensor]


def public_network(options: argparse.Namespace) -> nn.Module:
    checkout, name = KINDS[options.kind]
    module = from_checkout(options.checkouts / checkout, "models.encoders.psp_encoders")
    shape = argparse.Namespace(input_nc=3, n_styles=LAYERS, stylegan_size=SIZE)
    return getattr(module, name)(50, "ir_se", shape).eval().requires_grad_(False)


def write_weights(options: argparse.Namespace) -> None:
    """Random weights in the public container, and the same converted, as `python -m styleid weights convert` does."""
    torch.manual_seed(0)
    network = public_network(options)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
        elif isinstance(module, nn.PReLU):
            module.weight.uniform_(0.1, 0.4)
    for conv in (x for x in network.styles.modules() if isinstance(x, nn.Conv2d)):
        nn.init.kaiming_normal_(conv.weight)
    state = {f"encoder.{name}": x for name, x in network.state_dict().items()}
    settings = {"encoder_type": KINDS[options.kind][1], "output_size": SIZE, "start_from_latent_avg": True}
    content = {"state_dict": state, "latent_avg": torch.randn(LAYERS, 512), "opts": settings}
    torch.save(content, options.weights / f"{options.kind}.pt")
    converted = read_weights(options.weights / f"{options.kind}.pt", options.kind)
    write_network(
        converted, options.weights / f"{options.kind}.safetensors", options.kind, dtype=torch.float32
    )


def public_encoder(options: argparse.Namespace) -> Encode:
    network = public_network(options)
    content = torch.load(options.weights / f"{options.kind}.pt", weights_only=True)
    network.load_state_dict({name.removeprefix("encoder."): x for name, x in content["state_dict"].items()})
    mean = content["latent_avg"]
    return lambda pictures: network(pictures) + mean


def our_encoder(options: argparse.Namespace) -> Encode:
    return load_network(options.weights / f"{options.kind}.safetensors", options.kind)


SIDES = {"public": public_encoder, "ours": our_encoder}


def pictures(count: int) -> Tensor:
    return torch.rand(count, 3, 256, 256, generator=torch.Generator().manual_seed(1)) * 2 - 1


def peaks(options: argparse.Namespace) -> tuple[float, float]:
    """MB that loading, and then the first encoding, add to this process at most."""
    given, encoders = pictures(options.batches[0]), []
    load = peak_memory(lambda: encoders.append(SIDES[options.peak](options)))
    return load, peak_memory(lambda: encoders[0](given))


def again(options: argparse.Namespace, *more: str) -> str:
    """What this command prints in a process of its own, with ``more`` options."""
    call = [sys.executable, __file__, *sys.argv[1:], "--weights", str(options.weights), *more]
    return subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout


def compare(options: argparse.Namespace, count: int) -> None:
    sides = {name: make(options) for name, make in SIDES.items()}
    given = pictures(count)
    wall: dict[str, list[float]] = {name: [] for name in sides}
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    codes = {name: encode(given) for name, encode in sides.items()}
    for _ in range(options.rounds):
        for name, encode in sides.items():
            start = time.perf_counter(), time.process_time()
            encode(given)
            wall[name].append(time.perf_counter() - start[0])
            cpu[name].append(time.process_time() - start[1])
    del sides, encode
    gap, spread = (codes["ours"] - codes["public"]).abs().max(), codes["public"].std()
    print(
        f"\n{options.kind}, batch of {count}, {options.threads} threads; difference {gap:.1e}, spread {spread:.1f}"
    )
    print(f"{'':8}{'seconds':>9}{'ratio':>7}{'cpu s':>8}{'ratio':>7}{'load MB':>9}{'call MB':>9}")
    for name in SIDES:
        seconds, worked = statistics.median(wall[name]), statistics.median(cpu[name])
        faster = statistics.median(wall["public"]) / seconds, statistics.median(cpu["public"]) / worked
        load, call = json.loads(
            again(options, "--kind", options.kind, "--peak", name, "--batches", str(count)).splitlines()[-1]
        )
        row = f"{name:8}{seconds:9.2f}{faster[0]:7.2f}{worked:8.2f}{faster[1]:7.2f}{load:9.0f}{call:9.0f}"
        print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "checkouts", type=Path, help="folder of the clones pixel2style2pixel, encoder4editing"
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    for name in ("--kind", "--peak"):  # for the processes that this one starts
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--weights", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        if options.peak:
            print(json.dumps(peaks(options)))
        elif options.kind:
            for count in options.batches:
                compare(options, count)
        else:
            options.weights = Path(folder)
            for kind in options.kinds:
                options.kind = kind
                write_weights(options)
                print(again(options, "--kind", options.kind), end="", flush=True)


if __name__ == "__main__":
    main()
