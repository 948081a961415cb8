"""The StyleGAN2 generator against the public PyTorch code, with the same random weights.

    git clone https://github.com/rosinality/stylegan2-pytorch; git clone https://github.com/NVlabs/stylegan3
    python benchmarks/generator.py stylegan2-pytorch stylegan3 [--size 1024] [--batches 1 4] [--threads 2]

Times are taken in turn, one call of each implementation after the other, and their medians compared: "x rosinality" is how
many times faster than rosinality's code. Public code runs its plain PyTorch path. Peak memory is what one call adds to a
process of its own that has loaded the weights. "difference" is the largest one to rosinality's picture, "mean" the mean
one of pictures clamped to [-1, 1], in steps of 8 bit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from _public import from_checkout, peak_memory

from styleid.networks.engine import accelerate
from styleid.networks.stylegan2 import Generator, GeneratorConfig, layer_count

NAMES = ("rosinality", "nvidia", "eager fp32", "eager bf16", "openvino fp32", "openvino bf16")
Synthesis = Callable[[Tensor], Tensor]


def our_generator(size: int, multiplier: int) -> Generator:
    """Random weights; noise strengths and biases are not zero."""
    torch.manual_seed(0)
    widths = (512, 512, 512, 512, *(multiplier * 16 * 2**n for n in (4, 3, 2, 1, 0)))
    network = Generator(GeneratorConfig(size=size, channels=widths[: layer_count(size) // 2]))
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if name.endswith(("noise.weight", "activate.bias", "modulation.bias")):
                tensor.add_(0.3 * torch.randn_like(tensor))
            elif name.startswith("to_rgb") and "modulation" not in name:
                tensor.copy_(0.2 * torch.randn_like(tensor))
    return network.eval().requires_grad_(False)


def rosinality(checkout: Path, state: dict[str, Tensor], size: int, multiplier: int) -> Synthesis:
    network = from_checkout(checkout, "model").Generator(size, 512, 8, channel_multiplier=multiplier)
    network.load_state_dict({name: x for name, x in state.items() if name != "w_mean"})
    network.eval().requires_grad_(False)
    return lambda w: network([w], input_is_latent=True, randomize_noise=False)[0]


def nvidia(checkout: Path, state: dict[str, Tensor], size: int, multiplier: int) -> Synthesis:
    module = from_checkout(checkout, "training.networks_stylegan2")
    network = module.SynthesisNetwork(512, size, 3, channel_base=16384 * multiplier, conv_clamp=None)
    blocks = [("conv1", "b4.conv1", 0)]
    colours = [("to_rgb1", "b4.torgb")]
    for n in range(layer_count(size) // 2 - 1):
        side = 8 * 2**n
        blocks += [(f"convs.{2 * n + k}", f"b{side}.conv{k}", 2 * n + 1 + k) for k in (0, 1)]
        colours.append((f"to_rgbs.{n}", f"b{side}.torgb"))
    own = network.state_dict()
    own["b4.const"].copy_(state["input.input"][0])
    for source, target, noise in blocks:
        own[f"{target}.bias"].copy_(state[f"{source}.activate.bias"])
        own[f"{target}.noise_strength"].copy_(state[f"{source}.noise.weight"][0])
        own[f"{target}.noise_const"].copy_(state[f"noises.noise_{noise}"][0, 0])
    for source, target in colours:
        own[f"{target}.bias"].copy_(state[f"{source}.bias"].flatten())
    for source, target in [*(block[:2] for block in blocks), *colours]:
        own[f"{target}.weight"].copy_(state[f"{source}.conv.weight"][0])
        own[f"{target}.affine.weight"].copy_(state[f"{source}.conv.modulation.weight"])
        own[f"{target}.affine.bias"].copy_(state[f"{source}.conv.modulation.bias"])
    network.eval().requires_grad_(False)
    return lambda w: network(w, noise_mode="const")


def implementation(name: str, options: argparse.Namespace) -> Synthesis:
    network: nn.Module = our_generator(options.size, options.multiplier)
    if name == "rosinality":
        return rosinality(options.rosinality, network.state_dict(), options.size, options.multiplier)
    if name == "nvidia":
        return nvidia(options.nvidia, network.state_dict(), options.size, options.multiplier)
    kind, precision = name.split()
    if kind == "openvino":
        return accelerate(network, precision).synthesis
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    network.to(dtype)
    return lambda w: network.synthesis(w.to(dtype))


def codes(options: argparse.Namespace, count: int) -> Tensor:
    return torch.randn(count, layer_count(options.size), 512, generator=torch.Generator().manual_seed(1))


def peak_of_one_call(name: str, count: int, options: argparse.Namespace) -> float:
    """MB that the first call adds at most, in this process."""
    synthesis, w_plus = implementation(name, options), codes(options, count)
    with torch.inference_mode():
        return peak_memory(lambda: synthesis(w_plus))


def memory(name: str, count: int) -> float:
    call = [sys.executable, __file__, *sys.argv[1:], "--peak", name, "--batches", str(count)]
    return json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def compare(options: argparse.Namespace, count: int) -> None:
    calls = {name: implementation(name, options) for name in options.only}
    w_plus = codes(options, count)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode():
        pictures = {name: call(w_plus).float() for name, call in calls.items()}
        for _ in range(options.rounds):
            for name, call in calls.items():
                start = time.perf_counter()
                call(w_plus)
                seconds[name].append(time.perf_counter() - start)
    base = statistics.median(seconds[options.only[0]])
    reference = pictures[options.only[0]]
    print(f"\nbatch of {count}, {options.size} pixels, {options.threads} threads")
    print(f"{'':15}{'seconds':>9}{'x ' + options.only[0]:>14}{'peak MB':>9}{'difference':>12}{'mean':>8}")
    for name, picture in pictures.items():
        median = statistics.median(seconds[name])
        gap = (picture - reference).abs().max()
        mean = (picture.clamp(-1, 1) - reference.clamp(-1, 1)).abs().mean() * 127.5
        peak = memory(name, count)
        print(f"{name:15}{median:9.2f}{base / median:14.2f}{peak:9.0f}{gap:12.1e}{mean:8.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rosinality", type=Path, help="checkout of rosinality/stylegan2-pytorch")
    parser.add_argument("nvidia", type=Path, help="checkout of NVlabs/stylegan3")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--multiplier", type=int, default=2, help="channel multiplier (%(default)s)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), metavar="NAME")
    parser.add_argument("--peak", choices=NAMES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        print(json.dumps(peak_of_one_call(options.peak, options.batches[0], options)))
        return
    for count in options.batches:
        compare(options, count)


if __name__ == "__main__":
    main()
