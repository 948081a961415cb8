"""The whole flow at 1024 pixels, public PyTorch code against this project's: encode, swap layers, decode, distance.

    git clone https://github.com/eladrich/pixel2style2pixel; git clone https://github.com/rosinality/stylegan2-pytorch
    git clone https://github.com/HuangYG123/CurricularFace
    python benchmarks/flow.py pixel2style2pixel stylegan2-pytorch CurricularFace [--engine torch]

pSp's GradualStyleEncoder (IR-SE50) encodes a 256-pixel picture; layers 5, 6 and 7 of the code are swapped, StyleGAN2
decodes; CurricularFace (IR-101) compares. Both sides read the same random weights from public containers. Times are taken in
turn and their medians compared; peak memory is what the flow adds to a process of its own that has imported everything,
weights included.
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
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from _public import from_checkout, peak_memory

from styleid.latent import swap_layers
from styleid.networks import load_network
from styleid.networks.engine import accelerate

LAYERS, SIZE = 18, 1024
Flow = Callable[[Tensor, Tensor], float]


def public_networks(options: argparse.Namespace) -> tuple[nn.Module, nn.Module, nn.Module]:
    """pSp's encoder, rosinality's generator and CurricularFace, as their code builds them."""
    encoders = from_checkout(options.psp, "models.encoders.psp_encoders")
    shape = argparse.Namespace(input_nc=3, n_styles=LAYERS)
    encoder = encoders.GradualStyleEncoder(50, "ir_se", shape)
    generator = from_checkout(options.rosinality, "model").Generator(SIZE, 512, 8)
    recogniser = from_checkout(options.curricularface, "backbone.model_irse").IR_101([112, 112])
    return tuple(net.eval().requires_grad_(False) for net in (encoder, generator, recogniser))


def write_containers(options: argparse.Namespace) -> None:
    """Random weights in the three public containers."""
    torch.manual_seed(0)
    encoder, generator, recogniser = public_networks(options)
    mean = torch.randn(LAYERS, 512)
    settings = {
        "encoder_type": "GradualStyleEncoder", "output_size": SIZE, "start_from_latent_avg": True,
        "learn_in_w": False, "input_nc": 3, "label_nc": 0,
    }  # fmt: skip
    state = {f"encoder.{name}": x for name, x in encoder.state_dict().items()}
    torch.save({"state_dict": state, "latent_avg": mean, "opts": settings}, options.weights / "psp.pt")
    torch.save({"g_ema": generator.state_dict(), "latent_avg": mean[0]}, options.weights / "stylegan2.pt")
    torch.save(recogniser.state_dict(), options.weights / "curricularface.pth")


def public_flow(options: argparse.Namespace) -> Flow:
    encoder, generator, recogniser = public_networks(options)
    content = torch.load(options.weights / "psp.pt", weights_only=True)
    encoder.load_state_dict({name.removeprefix("encoder."): x for name, x in content["state_dict"].items()})
    generator.load_state_dict(torch.load(options.weights / "stylegan2.pt", weights_only=True)["g_ema"])
    recogniser.load_state_dict(torch.load(options.weights / "curricularface.pth", weights_only=True))
    mean = content["latent_avg"]

    def embed(picture: Tensor) -> Tensor:
        return F.normalize(recogniser(face(picture))[0])

    def flow(picture: Tensor, z: Tensor) -> float:
        codes = encoder(picture) + mean
        codes[:, 5:8] = generator.style(z)[:, None]
        output, _ = generator([codes], input_is_latent=True, randomize_noise=False)
        return float((embed(picture) - embed(output)).norm())

    return flow


def our_flow(options: argparse.Namespace) -> Flow:
    encoder = load_network(options.weights / "psp.pt", "psp")
    generator = load_network(options.weights / "stylegan2.pt", "stylegan2")
    recogniser = load_network(options.weights / "curricularface.pth", "curricularface")
    if options.engine != "torch":
        generator = accelerate(generator, "bf16" if options.engine.endswith("bf16") else "fp32")

    def flow(picture: Tensor, z: Tensor) -> float:
        target = generator.mapping(z)[:, None].expand(-1, LAYERS, -1)
        output = generator.synthesis(swap_layers(encoder(picture), target, (5, 6, 7)))
        return float((recogniser(face(picture)) - recogniser(face(output))).norm())

    return flow


def face(picture: Tensor) -> Tensor:
    """The inner face at 112 pixels, as pSp's identity loss cuts it."""
    side = picture.shape[-1] / 256
    rows, columns = (slice(round(a * side), round(b * side)) for a, b in ((35, 223), (32, 220)))
    return F.adaptive_avg_pool2d(picture[:, :, rows, columns], 112)


FLOWS = {"public": public_flow, "ours": our_flow}


def inputs() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.rand(1, 3, 256, 256, generator=draw) * 2 - 1, torch.randn(1, 512, generator=draw)


def memory(name: str, weights: Path) -> float:
    call = [sys.executable, __file__, *sys.argv[1:], "--peak", name, "--weights", str(weights)]
    return json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def compare(options: argparse.Namespace) -> None:
    flows = {name: make(options) for name, make in FLOWS.items()}
    given = inputs()
    seconds: dict[str, list[float]] = {name: [] for name in flows}
    distances = {name: flow(*given) for name, flow in flows.items()}
    for _ in range(options.rounds):
        for name, flow in flows.items():
            start = time.perf_counter()
            flow(*given)
            seconds[name].append(time.perf_counter() - start)
    print(f"{'':8}{'seconds':>9}{'ratio':>7}{'peak MB':>9}{'distance':>10}")
    base = statistics.median(seconds["public"])
    for name in flows:
        median, peak = statistics.median(seconds[name]), memory(name, options.weights)
        print(f"{name:8}{median:9.2f}{base / median:7.2f}{peak:9.0f}{distances[name]:10.5f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("psp", type=Path, help="checkout of eladrich/pixel2style2pixel")
    parser.add_argument("rosinality", type=Path, help="checkout of rosinality/stylegan2-pytorch")
    parser.add_argument("curricularface", type=Path, help="checkout of HuangYG123/CurricularFace")
    parser.add_argument("--engine", default="torch", choices=("torch", "openvino", "openvino-bf16"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", choices=FLOWS, help=argparse.SUPPRESS)
    parser.add_argument("--weights", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        if options.peak:
            print(json.dumps(peak_memory(lambda: FLOWS[options.peak](options)(*inputs()))))
            return
        options.weights = Path(folder)
        write_containers(options)
        compare(options)


if __name__ == "__main__":
    main()
