"""Published recognisers, parsers and attribute nets beside the public code, with the same random weights, as a table.

    python benchmarks/recognisers.py REFERENCES [--kinds ir-se50 bisenet ...] [--batch 1] [--rounds 5]

REFERENCES is a folder with checkouts of facexlib, CurricularFace, CVLface (which needs fvcore), facenet-pytorch,
insightface and StyleID. Each row gives the largest absolute difference, and the time and the peak memory of the process
divided by the public code's (onnxruntime's memory, for ONNX files). Times are taken in turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from styleid.networks import load_network

IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
CVLFACE = "CVLface/cvlface/research/recognition/code/run_v1/models/iresnet"
OFFICIAL = [0, 1, 6, 7, 4, 5, 3, 8, 9, 15, 2, 10, 11, 12, 17, 16, 18, 13, 14]


class Case(NamedTuple):
    """How to build the public network, call it as the contract says, and write its container."""

    kind: str
    build: Callable[[Path], nn.Module]
    call: Callable[[nn.Module, Tensor], Tensor]
    side: int
    suffix: str = ".pth"
    wrap: Callable[[dict], dict] = dict
    unit: bool = False  # input in [0, 1] instead of [-1, 1]


def module(folder: Path, name: str) -> types.ModuleType:
    """The module ``name`` of ``folder``, which is made a package without running its ``__init__``."""
    package = f"public_{folder.parent.name}_{folder.name}".replace("-", "_")
    holder = types.ModuleType(package)
    holder.__path__ = [str(folder)]
    sys.modules.setdefault(package, holder)
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(f"{package}.{name}", folder / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    try:
        spec.loader.exec_module(found)
    finally:
        sys.path.remove(str(folder))
    return found


def direct(network: nn.Module, x: Tensor) -> Tensor:
    return network(x)


def normalised(network: nn.Module, x: Tensor) -> Tensor:
    found = network(x)
    return F.normalize(found[0] if isinstance(found, tuple) else found)


def bisenet(network: nn.Module, x: Tensor) -> Tensor:
    logits = network((x - IMAGENET[0]) / IMAGENET[1])[0]
    ordered = torch.empty_like(logits)
    ordered[:, OFFICIAL] = logits
    return ordered


def arcface(name: str) -> Callable[[Path], nn.Module]:
    folder = "insightface/recognition/arcface_torch/backbones"
    return lambda references: getattr(module(references / folder, "iresnet"), name)()


def facexlib(folder: str, name: str, make: Callable) -> Callable[[Path], nn.Module]:
    return lambda references: make(module(references / "facexlib" / "facexlib" / folder, name))


CASES = [
    Case(
        "ir-se50",
        facexlib("recognition", "arcface_arch", lambda m: m.Backbone(50, 0.4, "ir_se")),
        direct,
        112,
    ),
    Case(
        "curricularface",
        lambda r: module(r / "CurricularFace" / "backbone", "model_irse").IR_101([112, 112]),
        normalised,
        112,
    ),
    Case(
        "adaface",
        lambda r: module(r / CVLFACE, "model").IR_101([112, 112]),
        normalised,
        112,
        ".safetensors",
        wrap=lambda state: {f"model.net.{name}": x for name, x in state.items()},
    ),
    *(
        Case("iresnet", arcface(f"iresnet{depth}"), normalised, 112, suffix)
        for depth in (18, 50, 100)
        for suffix in (".pt", ".onnx")
    ),
    Case(
        "facenet",
        lambda r: module(r / "facenet-pytorch" / "models", "inception_resnet_v1").InceptionResnetV1(),
        direct,
        160,
        ".pt",
    ),
    Case(
        "celeba40",
        lambda r: module(r / "StyleID" / "models", "mobilenet").MobileNet(),
        direct,
        256,
        wrap=lambda state: {"model_state_dict": state, "epoch": 3},
    ),
    Case("bisenet", facexlib("parsing", "bisenet", lambda m: m.BiSeNet(19)), bisenet, 512, unit=True),
    Case(
        "parsenet",
        facexlib("parsing", "parsenet", lambda m: m.ParseNet(512, 512, parsing_ch=19)),
        lambda network, x: network(x * 2 - 1)[0],
        512,
        unit=True,
    ),
    Case(
        "styleid-unet",
        lambda r: module(r / "StyleID", "unet").unet(),
        lambda network, x: network(x * 2 - 1),
        512,
        unit=True,
    ),
]


def public(case: Case, references: Path) -> nn.Module:
    """The public network with seeded weights, and statistics near those of its own activations, as after training.

    Statistics that do not fit let deep networks overflow, or give every picture the same output.
    """
    torch.manual_seed(0)
    network = case.build(references).requires_grad_(False).train()
    norms = [x for x in network.modules() if isinstance(x, nn.modules.batchnorm._BatchNorm)]
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
        if isinstance(layer, nn.PReLU):
            nn.init.uniform_(layer.weight, 0.1, 0.4)
    for norm in norms:
        norm.momentum = 1.0
        if norm.affine:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, 0, 0.1)
    case.call(network, picture(case, 4))
    for norm in norms:
        norm.running_mean += 0.2 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
        norm.running_var *= 0.5 + torch.rand_like(norm.running_var)
    return network.eval()


def container(case: Case, network: nn.Module, folder: Path) -> Path:
    path = folder / f"{case.kind}{case.suffix}"
    if case.suffix == ".onnx":
        example = torch.zeros(1, 3, case.side, case.side)
        axes = {"input.1": {0: "batch"}}
        torch.onnx.export(
            network, example, path, input_names=list(axes), dynamic_axes=axes, opset_version=11, dynamo=False
        )
    else:
        save = save_file if case.suffix == ".safetensors" else torch.save
        save(case.wrap(network.state_dict()), path)
    return path


def picture(case: Case, batch: int) -> Tensor:
    """Blurred colours with noise: pictures that differ in more than their noise."""
    draw = torch.Generator().manual_seed(batch)
    size = (case.side, case.side)
    colours = F.interpolate(torch.rand(batch, 3, 4, 4, generator=draw), size=size, mode="bilinear")
    x = 0.8 * colours + 0.2 * torch.rand(batch, 3, *size, generator=draw)
    return x if case.unit else x * 2 - 1


def seconds(run: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measured(case: Case, theirs: nn.Module, path: Path, batch: int, rounds: int) -> tuple[float, float]:
    """The largest difference, alone and in a batch, and the ratio of the best times."""
    ours = load_network(path, case.kind)
    with torch.inference_mode():
        parts = (picture(case, 1), picture(case, 3))
        difference = max(float((ours(x) - case.call(theirs, x)).abs().max()) for x in parts)
        x = picture(case, batch)
        pairs = [(seconds(lambda: ours(x)), seconds(lambda: case.call(theirs, x))) for _ in range(rounds)]
    return difference, min(a for a, _ in pairs) / min(b for _, b in pairs)


def compare(index: int, references: Path, batch: int, rounds: int, folder: Path) -> str:
    case = CASES[index]
    theirs = public(case, references)
    path = container(case, theirs, folder)
    difference, ratio = measured(case, theirs, path, batch, rounds)
    size = f"{sum(p.numel() for p in theirs.parameters()) / 1e6:.0f} M"
    peaks = [peak(index, who, references, batch, path) for who in ("ours", "public")]
    return (
        f"{case.kind:15} {case.suffix:13} {size:>6} {difference:12.1e} {ratio:11.2f}"
        f" {peaks[0] / peaks[1]:13.2f} {peaks[0]:9.0f}"
    )


def peak(index: int, who: str, references: Path, batch: int, path: Path) -> float:
    """Most memory, in MB, of a process that loads one network and calls it."""
    command = [sys.executable, __file__, str(references), "--alone", str(index), who, str(path)]
    found = subprocess.run(
        [*command, "--batch", str(batch)], check=True, capture_output=True, text=True
    ).stdout
    return float(found.split()[-1])


def alone(index: int, who: str, path: Path, references: Path, batch: int) -> None:
    case = CASES[index]
    x = picture(case, batch)
    with torch.inference_mode():
        if who == "ours":
            load_network(path, case.kind)(x)
        elif case.suffix == ".onnx":
            import onnxruntime

            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            session.run(None, {session.get_inputs()[0].name: x.numpy()})
        else:
            network = case.build(references)
            if case.suffix in (".pt", ".pth"):
                found = torch.load(path, map_location="cpu", weights_only=True)
                network.load_state_dict(found.get("model_state_dict", found))
            elif case.suffix == ".safetensors":
                found = {name.removeprefix("model.net."): x for name, x in load_file(path).items()}
                network.load_state_dict(found)
            case.call(network.eval(), x)
    status = Path("/proc/self/status").read_text()  # getrusage would count the parent's memory before exec
    print(int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("references", type=Path)
    parser.add_argument("--kinds", nargs="+", default=sorted({case.kind for case in CASES}))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        index, who, path = given.alone
        alone(int(index), who, Path(path), given.references, given.batch)
        return
    heads = ("size", 6), ("difference", 12), ("time ratio", 11), ("memory ratio", 13), ("peak MB", 9)
    print(f"{'kind':15} {'container':13} " + " ".join(f"{text:>{width}}" for text, width in heads))
    for index, case in enumerate(CASES):
        if case.kind in given.kinds:
            with tempfile.TemporaryDirectory() as folder:
                print(compare(index, given.references, given.batch, given.rounds, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
