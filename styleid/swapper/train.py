"""Train a SwapperNet for one family: needs nothing but the family's own networks, and runs on a CPU."""

from __future__ import annotations

import copy
import json
import logging
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import InputError, WeightsError
from ..family import resized
from ..latent._provenance import digest_of
from ..metrics import attributes_preserved, identity_distance
from ..networks.swapper import Swapper, SwapperConfig, swapper_config
from ..pipeline.face import identity_layers
from ..randomness import derive_generator
from .examples import Examples
from .loss import Losses, Weights, swapper_losses

if TYPE_CHECKING:
    from ..family import Family

__all__ = ["Point", "Trained", "train_swapper"]

log = logging.getLogger(__name__)

_WARMUP = 20


@dataclass(frozen=True)
class Point:
    """Means on the held-out examples after so many steps. `distance` is the judge's, source to new face."""

    step: int
    w: float
    latent: float
    identity: float
    attributes: float
    total: float
    distance: float
    kept: float
    opened: float


@dataclass(frozen=True, eq=False, repr=False)
class Trained:
    """The network, its held-out curve, and the mean mask ``[L, 512]`` of the held-out pairs."""

    network: Swapper
    curve: tuple[Point, ...]
    mask: Tensor


@torch.inference_mode(False)
@torch.enable_grad()
def train_swapper(
    family: Family,
    examples: Examples,
    held_out: Examples,
    *,
    steps: int = 1000,
    batch: int = 8,
    decode_every: int = 10,
    weights: Weights | None = None,
    rate: float = 2.0,
    hidden: int = 128,
    seed: int = 0,
    every: int = 200,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train on ``examples`` and follow the losses on ``held_out``.

    Args:
        family: its generator and recogniser give the losses; its judge only measures.
        examples, held_out: of :func:`draw_examples`, with different seeds.
        steps, batch: one step sees ``batch`` examples.
        decode_every: only every so many steps are decoded for the two losses that look at faces: they cost nearly all
            of the time.
        weights: of the losses.
        rate: of Adam at its highest; weights are stored at 100 times their effect, and so is the rate.
        hidden: width of the network.
        seed: of the first weights and of the order of the examples.
        every: steps between measurements and checkpoints.
        folder: for checkpoints; a run that finds its own goes on from there, with the same result.
        progress: called with (steps done, steps in all); an exception that it raises ends the run.

    Raises:
        InputError: numbers out of range.
        WeightsError: the folder holds the checkpoint of a run with other settings, networks or examples.
    """
    numbers = (steps, batch, decode_every, hidden, every)
    if min(numbers) < 1 or not len(examples) or not len(held_out):
        raise InputError(f"There must be examples, and steps, batch and width of 1 or more; found {numbers}.")
    config = swapper_config(family.generator.num_layers, identity_layers(family), hidden=hidden)
    family, examples, held_out = _trainable(family), examples.ordinary(), held_out.ordinary()
    plan = {"steps": steps, "batch": batch, "decode_every": decode_every, "rate": rate, "seed": seed}
    plan |= {"examples": len(examples), "held_out": len(held_out), **_digests(family)}
    run = _Run.start(config, weights or Weights(), plan, folder)
    for step in range(run.step, steps):
        run.advance(family, examples)
        if run.step % every == 0 or run.step == steps:
            run.curve.append(_measure(run, family, held_out))
            run.save()
            log.info("swapper %s", run.curve[-1])
        if progress is not None:
            progress(step + 1, steps)
    network = run.network.eval().requires_grad_(False)
    with torch.inference_mode():
        mask = network(held_out.w_s, held_out.w_r).mean(0)
    return Trained(network, tuple(run.curve), mask.clone())


def _digests(family: Family) -> dict[str, str]:
    """Of the networks that a run learns from."""
    networks = {"generator": family.generator, "recogniser": family.recogniser.network}
    networks |= {} if family.attributes is None else {"attributes": family.attributes}
    return {name: digest_of(network) for name, network in networks.items()}


def _trainable(family: Family) -> Family:
    """The family with ordinary tensors in the networks that hand gradients on; ComfyUI loads and runs in inference mode."""

    def ordinary(network: Any) -> Any:
        frozen = network is not None and any(x.is_inference() for x in network.state_dict().values())
        return copy.deepcopy(network).requires_grad_(False) if frozen else network

    own = replace(family.recogniser, network=ordinary(family.recogniser.network))
    return replace(
        family, generator=ordinary(family.generator), recogniser=own, attributes=ordinary(family.attributes)
    )


@dataclass(eq=False, repr=False)
class _Run:
    """What a checkpoint holds."""

    network: Swapper
    optimiser: torch.optim.Optimizer
    weights: Weights
    settings: dict[str, Any]
    path: Path | None
    curve: list[Point]
    step: int = 0

    @classmethod
    def start(
        cls, config: SwapperConfig, weights: Weights, plan: dict[str, Any], folder: Path | None
    ) -> _Run:
        """A fresh run, or the one whose checkpoint lies in the folder."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan["seed"])
            network = Swapper(config)
        network.close()
        settings = {**asdict(config), **asdict(weights), **plan}
        optimiser = torch.optim.Adam(network.parameters(), plan["rate"], betas=(0.9, 0.99))
        path = None if folder is None else Path(folder) / "swapper.pt"
        run = cls(network, optimiser, weights, settings, path, [])
        if path is not None and path.exists():
            run._resume()
        return run

    def advance(self, family: Family, examples: Examples) -> None:
        """One step. Its examples depend on the seed and the step alone, so a resumed run goes on as it would have."""
        draw = derive_generator(self.settings["seed"], self.step)
        part = examples[torch.randint(len(examples), (self.settings["batch"],), generator=draw)]
        self.optimiser.param_groups[0]["lr"] = self.settings["rate"] * self._schedule()
        mask = self.network(part.w_s, part.w_r)
        if self.step % self.settings["decode_every"]:
            loss = self.weights.lambda_w * (_mixed(part, mask) - part.w_truth).square().mean()
        else:
            loss = _losses(part, mask, family, self.weights.margin).total(self.weights)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.step += 1

    def _schedule(self) -> float:
        """Linear warm-up, then half a cosine."""
        share = self.step / self.settings["steps"]
        return min(1.0, (self.step + 1) / _WARMUP) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))

    def save(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        content = {
            "settings": json.dumps(self.settings),
            "step": self.step,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "curve": json.dumps([asdict(point) for point in self.curve]),
        }
        torch.save(content, partial)
        os.replace(partial, self.path)

    def _resume(self) -> None:
        try:
            saved = torch.load(self.path, weights_only=True)
            same = json.loads(saved["settings"]) == self.settings
        except Exception as error:  # a damaged file can raise anything inside PyTorch's readers
            raise WeightsError(
                f"The checkpoint {self.path} cannot be read ({type(error).__name__}). Delete it to begin again."
            ) from error
        if not same:
            raise WeightsError(
                f"{self.path} is of a run with other settings, networks or examples. Name another folder."
            )
        self.network.load_state_dict(saved["network"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.curve = [Point(**point) for point in json.loads(saved["curve"])]
        self.step = int(saved["step"])


def _mixed(part: Examples, mask: Tensor) -> Tensor:
    return part.w_s + mask * (part.w_r - part.w_s)


def _losses(part: Examples, mask: Tensor, family: Family, margin: float) -> Losses:
    w_o = _mixed(part, mask)
    dtype = next(family.generator.parameters()).dtype
    images = family.generator.synthesis(w_o.to(dtype)).float()  # [N, 3, S, S] in [-1, 1]
    own, net = family.recogniser, family.attributes
    e_o = own.network(own.view(((images + 1) / 2).clamp(0, 1)).to(dtype)).float()
    a_o = None if net is None else net(resized(images.clamp(-1, 1), net.input_size).to(dtype)).float()
    return swapper_losses(
        w_o, part.w_truth, e_o, part.e_truth, part.e_s, margin, a_o=a_o, a_s=None if net is None else part.a_s
    )


@torch.no_grad()
def _measure(run: _Run, family: Family, held_out: Examples) -> Point:
    sums = torch.zeros(8)
    for start in range(0, len(held_out), 8):
        part = held_out[slice(start, start + 8)]
        mask = run.network(part.w_s, part.w_r)
        losses = _losses(part, mask, family, run.weights.margin)
        crops = family.decode(_mixed(part, mask))
        distance = identity_distance(part.j_s, family.judge.embed(crops)).mean()
        kept = torch.ones(())
        if part.a_s.shape[1]:
            kept = attributes_preserved(part.a_s, family.attribute_confidences(crops)).float().mean()
        row = torch.stack([*losses, losses.total(run.weights), distance, kept, mask.mean()])
        sums += len(part) * row
    return Point(run.step, *(sums / len(held_out)).tolist())
