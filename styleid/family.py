"""A family: the networks that work together, with one calling convention whatever their weights are.

Pictures are face crops ``[N,S,S,3]`` in 0..1, FFHQ-aligned, of any S. Results come back as float32 on the device of the
input; the networks see at most eight faces at a time, without gradients. For gradients call the networks themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import InputError, StyleIDError, WeightsError
from .light import lit
from .networks import load_network
from .networks.restyle import encode
from .weights import FamilyEntry, RecogniserEntry, list_weights, plan_family, resolve

if TYPE_CHECKING:
    from .latent.ranking import Ranking

__all__ = ["CLASSES", "Family", "Recogniser", "assemble", "load_family"]

CLASSES = 19  # of CelebAMask-HQ
BATCH = 8
CPU = torch.device("cpu")
# The inner face, which recognisers look at: rows and columns of a 256-pixel FFHQ crop.
ROWS, COLUMNS = (35, 223), (32, 220)


@dataclass(frozen=True, eq=False, repr=False)
class Recogniser:
    """A face recogniser and the L2 distance of embeddings below which it sees one person (false-accept rate 1e-2)."""

    name: str
    network: nn.Module
    threshold: float

    def embed(self, crops: Tensor) -> Tensor:
        """L2-normalised embeddings ``[N,512]`` of aligned crops. Raises InputError for anything but such crops."""
        return run(self.network, self.view(seen(crops)), self.network, f"recogniser {self.name!r}")

    def view(self, x: Tensor) -> Tensor:
        """What the network is shown of pictures ``[N,3,S,S]`` in 0..1: the inner face in its range. Differentiable."""
        side = x.shape[-1] / 256
        window = getattr(self.network, "window", (ROWS, COLUMNS))
        rows, columns = (slice(round(a * side), round(b * side)) for a, b in window)
        x = resized(x[:, :, rows, columns], self.network.input_size) * 2 - 1
        return x * getattr(self.network, "input_scale", 1.0)

    def __repr__(self) -> str:
        return f"Recogniser({self.name!r}, threshold={self.threshold:g})"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Family:
    """Networks that work together. ``detector``, ``seg_encoder``, ``parser``, ``attributes``, ``ranking`` and
    ``swapper`` may be None.

    ``recogniser`` may choose what is swapped; ``judge``, trained differently, scores it. ``layers`` are the identity
    layers as published, where no ranking was measured. ``refine`` is by how many steps codes of its encoder are refined
    unless somebody says otherwise. ``notes`` says for people which parts are another family's.
    """

    name: str
    generator: nn.Module
    encoder: nn.Module
    recogniser: Recogniser
    judge: Recogniser
    landmarks: nn.Module
    detector: nn.Module | None = None
    seg_encoder: nn.Module | None = None
    parser: nn.Module | None = None
    attributes: nn.Module | None = None
    ranking: Ranking | None = None
    swapper: nn.Module | None = None
    layers: tuple[int, ...] = ()
    refine: int = 0
    notes: tuple[str, ...] = ()
    device: torch.device = CPU
    dtype: torch.dtype = torch.float32

    def encode(self, crops: Tensor) -> Tensor:
        """W+ codes ``[N,L,512]`` of crops."""
        x = resized(seen(crops), self.encoder.input_size) * 2 - 1
        return run(lambda part: encode(self.encoder, self.generator, part), x, self.encoder, "encoder")

    def decode(self, w_plus: Tensor) -> Tensor:
        """Crops ``[N,S,S,3]`` in 0..1 of W+ codes ``[N,L,512]``, S the generator's size."""
        if (
            not isinstance(w_plus, Tensor)
            or w_plus.ndim != 3
            or not w_plus.is_floating_point()
            or len(w_plus) == 0
        ):
            raise InputError(
                f"Decoding takes codes [N, L, 512], found {_described(w_plus)}. Encode a face first."
            )
        if not bool(torch.isfinite(w_plus).all()):
            raise InputError("These codes hold NaN or infinite values. Encode the face again.")
        images = run(self.generator.synthesis, w_plus, self.generator, "generator")  # [N, 3, S, S] in [-1, 1]
        return ((images + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).contiguous()

    def random_w(self, n: int, generator: torch.Generator, truncation: float = 1.0) -> Tensor:
        """Codes ``[N,L,512]`` of random identities, on the CPU: z -> W, the same w in every layer.

        ``truncation`` 1 draws from all of W, smaller values move towards the mean face.
        """
        mean = self.generator.w_mean.detach().float().cpu()
        z = torch.randn(n, len(mean), generator=generator)
        w = run(self.generator.mapping, z, self.generator, "mapping network")  # [N, 512]
        w = mean + truncation * (w - mean)
        return w[:, None].repeat(1, self.generator.num_layers, 1)

    def parse(self, crops: Tensor, size: int | None = None) -> Tensor:
        """Labels ``[N,size,size]`` int64, 0..18 in CelebAMask-HQ's order; ``size`` is that of the crops by default."""
        parser = self._part("parser")
        x = seen(crops)
        logits = run(parser, resized(x, parser.input_size), parser, "parser")  # [N, 19, P, P]
        # One face at a time: 19 planes at full size are large.
        return torch.cat([resized(face, size or x.shape[-1]).argmax(1) for face in logits.split(1)])

    def encode_labels(self, labels: Tensor) -> Tensor:
        """W+ codes ``[N,L,512]`` of faces that have these labels ``[N,S,S]`` (integers 0..18)."""
        encoder = self._part("seg_encoder")
        if (
            not isinstance(labels, Tensor)
            or labels.ndim != 3
            or labels.is_floating_point()
            or len(labels) == 0
        ):
            raise InputError(
                f"Labels are integers [N, S, S], found {_described(labels)}. Parse a face first."
            )
        if int(labels.min()) < 0 or int(labels.max()) >= CLASSES:
            raise InputError(
                f"Labels lie in 0..{CLASSES - 1}, found {int(labels.min())}..{int(labels.max())}."
            )
        side = encoder.input_size
        small = F.interpolate(labels[:, None].float(), size=(side, side), mode="nearest-exact")[:, 0].long()
        planes_of_classes = F.one_hot(small, CLASSES).permute(0, 3, 1, 2).float()  # [N, 19, P, P]
        return run(encoder, planes_of_classes, encoder, "segmentation encoder")

    def attribute_confidences(self, crops: Tensor) -> Tensor:
        """Confidences ``[N,A]`` in 0..1; ``attributes.names`` names the columns."""
        network = self._part("attributes")
        return run(network, resized(seen(crops), network.input_size) * 2 - 1, network, "attribute net")

    @property
    def identity_layers(self) -> tuple[int, ...]:
        """The ranking's; without one those published for the family, or the paper's share of the code, layers 5..7 of 18."""
        known = self.layers if self.ranking is None else self.ranking.layers
        count = self.generator.num_layers
        return tuple(known) or tuple(range(round(count * 5 / 18), round(count * 7 / 18) + 1))

    def networks(self) -> list[nn.Module]:
        """All its networks, for what moves them or counts their memory."""
        parts = [getattr(part, "network", part) for part in vars(self).values()]
        return [part for part in parts if isinstance(part, nn.Module)]

    def _part(self, role: str) -> Any:
        part = getattr(self, role)
        if part is None:
            raise WeightsError(
                f"The family {self.name!r} has no {role.replace('seg_', 'segmentation ')}, which this needs. "
                "Use another method, or a family that has one."
            )
        return part

    def __repr__(self) -> str:
        return f"Family({self.name!r}, device={str(self.device)!r}, dtype={self.dtype})"


def load_family(
    name: str = "embedded",
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    engine: str = "torch",
    ranking: Path | None = None,
    swapper: Path | None = None,
) -> Family:
    """Load all networks of a family, as the manifest lists them.

    Parts that are not there are lent by the family's fallback where that is possible; the result's ``notes`` say so.

    ``engine`` is what decodes: ``torch``, or on a CPU ``openvino`` and ``openvino-bf16`` (see ``networks/engine.py``).
    ``ranking`` and ``swapper`` are files of one's own, made by ``styleid rank`` and ``styleid train-swapper``, in the
    place of the family's.

    Raises:
        WeightsError: unknown family, or weights that are missing, damaged or do not fit together.
        InputError: no such device or engine, or a ``dtype`` that is no floating type.
        StyleIDError: the engine is not installed.
    """
    entry, notes = plan_family(name)
    where = _device(device)
    kinds = {weights.name: weights.kind for weights in list_weights()}

    def network(weights: str) -> nn.Module:
        return load_network(weights, kinds[weights], where, dtype)

    family = assemble(entry, network, lambda weights: _ranking(resolve(weights)))
    if ranking is not None:
        family = replace(family, ranking=_ranking(ranking))
    if swapper is not None:
        family = replace(family, swapper=load_network(swapper, "swapper", where, dtype))
    _check_layers(family)
    return replace(
        family, generator=_with_engine(family.generator, engine), notes=notes, device=where, dtype=dtype
    )


def assemble(
    entry: FamilyEntry, load: Callable[[str], nn.Module], load_ranking: Callable[[str], Ranking]
) -> Family:
    """The family of a manifest's entry, with its parts loaded by name. Raises WeightsError if they do not fit."""

    def network(weights: str | None) -> Any:
        return None if weights is None else load(weights)

    def recogniser(part: RecogniserEntry) -> Recogniser:
        return Recogniser(part.weights, load(part.weights), part.threshold)

    family = Family(
        name=entry.name,
        generator=network(entry.generator),
        encoder=network(entry.encoder),
        recogniser=recogniser(entry.recogniser),
        judge=recogniser(entry.judge),
        landmarks=network(entry.landmarks),
        detector=network(entry.detector),
        seg_encoder=network(entry.segmentation_encoder),
        parser=network(entry.parser),
        attributes=network(entry.attributes),
        ranking=None if entry.ranking is None else load_ranking(entry.ranking),
        swapper=network(entry.swapper),
        layers=entry.layers,
        refine=entry.refine,
    )
    _check_layers(family)
    return family


def _check_layers(family: Family) -> None:
    """Raise WeightsError unless all parts that read or write codes agree on their size."""
    layers = family.generator.num_layers
    for role, encoder in (("encoder", family.encoder), ("segmentation encoder", family.seg_encoder)):
        if encoder is not None and encoder.config.layers != layers:
            raise WeightsError(
                f"The {role} of family {family.name!r} makes codes of {encoder.config.layers} layers, its generator has "
                f"{layers}. Choose weights that were made for each other."
            )
    if family.swapper is not None and family.swapper.num_layers != layers:
        raise WeightsError(
            f"The SwapperNet of family {family.name!r} is for {family.swapper.num_layers} layers, its generator has "
            f"{layers}. Train one for this generator."
        )
    if family.ranking is not None and (differs := family.ranking.mismatch(family.generator)):
        raise WeightsError(f"The ranking of family {family.name!r} {differs}. Rank this generator again.")


def seen(crops: Tensor) -> Tensor:
    """Crops ``[N,S,S,3]`` in 0..1 as the networks see them: float32 ``[N,3,S,S]``, dark and hazy ones in the light.

    Raises InputError for anything but such crops, NaN included.
    """
    good = isinstance(crops, Tensor) and crops.ndim == 4 and crops.is_floating_point() and len(crops) > 0
    if not good or crops.shape[3] != 3 or crops.shape[1] != crops.shape[2] or crops.shape[1] < 16:
        raise InputError(
            f"Face crops are a float tensor [N, S, S, 3] with S of 16 or more, found {_described(crops)}. "
            "Align the faces first."
        )
    if not bool(torch.isfinite(crops).all()):
        raise InputError("These face crops hold NaN or infinite values. Check the step before.")
    return lit(crops.float()).permute(0, 3, 1, 2)


def resized(x: Tensor, size: int) -> Tensor:
    """``[N,C,H,W]`` as ``[N,C,size,size]``, antialiased where it shrinks."""
    if x.shape[-2:] == (size, size):
        return x
    return F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def run(call: Callable[[Tensor], Tensor], x: Tensor, network: nn.Module, what: str) -> Tensor:
    """``call`` on ``x`` in batches of eight, where ``network`` lies; float32 on the device of ``x``.

    Raises StyleIDError where a result is NaN or infinite.
    """
    weight = next(network.parameters())
    parts = []
    with torch.inference_mode():
        for part in x.split(BATCH):
            parts.append(call(part.to(device=weight.device, dtype=weight.dtype)).float().to(x.device))
    # Joined outside: what leaves is a normal tensor, not an inference tensor.
    result = torch.cat(parts)
    if not bool(torch.isfinite(result).all()):
        raise StyleIDError(
            f"The {what} returned NaN or infinite values in {weight.dtype}. Load the family in float32."
        )
    return result


def _with_engine(generator: nn.Module, engine: str) -> nn.Module:
    if engine == "torch":
        return generator
    from .networks.engine import ENGINES, accelerate

    if engine not in ENGINES:
        raise InputError(f"The engine is one of {', '.join(ENGINES)}, found {engine!r}.")
    fast = accelerate(generator, "bf16" if engine.endswith("bf16") else "fp32")
    fast.weights_file = generator.weights_file
    return fast


def _ranking(path: Path) -> Ranking:
    from .latent.ranking import load_ranking

    return load_ranking(path)


def _device(device: str | torch.device) -> torch.device:
    try:
        where = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"Unknown device {device!r}. Use 'cpu' or 'cuda'.") from error
    if where.type == "cuda" and not torch.cuda.is_available():
        raise InputError("PyTorch finds no CUDA device here. Use device 'cpu'.")
    return where


def _described(x: Any) -> str:
    return f"{x.dtype} of shape {list(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
