"""The cache of rendered heads: packing the renderer's shards into memory-mapped arrays, and drawing batches.

Images are split by identity, never by image: the last `HELD_OUT` identities are not trained on. `python -m training.data
SHARDS CACHE` packs, as `python -m training --shards SHARDS --cache CACHE` does before it trains.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from styleid.errors import InputError

__all__ = [
    "HELD_OUT",
    "MIRRORED_LABELS",
    "PERSON",
    "SIDE",
    "VISIBLE",
    "Heads",
    "batches",
    "here",
    "pack",
    "shard_files",
    "split",
]

HELD_OUT = 120
SIDE = 128  # pixels a side of the pictures that all networks but the generator's last block are trained on
ARRAYS = ("img", "lab", "lm5", "att", "ident", "donor", "vec")
# Columns of the renderer's parameter vector that belong to the person and show in the picture: shape modes, sex,
# weight, age, skin, hair and eye colour, brows, hairline (the columns between are texture seeds).
PERSON = (*range(136), *range(139, 142))
STATE = slice(142, None)  # columns of the picture: pose, expression, light, style
# How much a column of PERSON shows: the head model's 100 shape modes move the skin by 3 mm down to 0.05 mm (RMS per
# standard deviation, about 3 / (i + 1) ** 0.85), everything else counts as 1.
VISIBLE = torch.cat([3.0 * torch.arange(1.0, 101.0) ** -0.85, torch.ones(39)])
# Mirroring a picture exchanges the left and right eye, brow and ear (CelebAMask-HQ order).
MIRRORED_LABELS = torch.tensor(
    [0, 1, 2, 3, 5, 4, 7, 6, 9, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18], dtype=torch.uint8
)


def here(array: np.ndarray) -> Tensor:
    """The array as a tensor where new tensors are made."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(torch.get_default_device())


def shard_files(shards: Path) -> list[Path]:
    """The finished shards of a folder, in their order. InputError where there is none."""
    files = sorted(path for path in shards.glob("s*.npz") if ".tmp" not in path.name)
    if not files:
        raise InputError(f"{shards} holds no shards (s0000.npz ...). Render them: python -m training.render.")
    return files


def split(ident: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the pictures to train on, and of those held out, by whom they show `ident` [N].

    InputError where there are too few persons to train on any.
    """
    persons = np.unique(ident)
    if len(persons) <= HELD_OUT:
        raise InputError(
            f"These heads show {len(persons)} persons, and the last {HELD_OUT} are held out. Render more --identities."
        )
    held = np.isin(ident, persons[-HELD_OUT:])
    return np.nonzero(~held)[0], np.nonzero(held)[0]


def batches(index: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """`size` pictures at a time, the last ones fewer."""
    return (index[start : start + size] for start in range(0, len(index), size))


def pack(shards: Path, out: Path) -> int:
    """Concatenate `s*.npz` shards into one `.npy` per array, in shard order; returns the number of images."""
    files = shard_files(shards)
    out.mkdir(parents=True, exist_ok=True)
    for name in ARRAYS:
        parts = []
        for path in files:
            with np.load(path) as shard:
                parts.append(shard[name])
        whole = np.concatenate(parts)
        np.save(out / f"{name}.npy", whole)
    with np.load(files[0]) as shard:
        (out / "names.txt").write_text("\n".join(shard["names"]), encoding="utf-8")
    return len(np.load(out / "ident.npy", mmap_mode="r"))


@dataclass(frozen=True, eq=False)
class Heads:
    """Rendered heads of S pixels a side: `img` [N,S,S,3] u8, `lab` [N,S,S] u8, `lm5` [N,5,2] px, `att` [N,A], `ident` [N]
    the person, `donor` [N] whose face it is (somebody else's where faces were exchanged), `vec` [N,296] all parameters of
    the picture, see `render.labels.parameter_vector`."""

    img: np.ndarray
    lab: np.ndarray
    lm5: np.ndarray
    att: np.ndarray
    ident: np.ndarray
    donor: np.ndarray
    vec: np.ndarray
    names: tuple[str, ...]
    train: np.ndarray
    held_out: np.ndarray

    @classmethod
    def open(cls, folder: Path) -> Heads:
        """The packed pictures of `folder`. InputError where there are none, or too few."""
        missing = [
            name
            for name in (*(f"{name}.npy" for name in ARRAYS), "names.txt")
            if not (folder / name).is_file()
        ]
        if missing:
            raise InputError(
                f"{folder} is no cache of packed heads: it lacks {', '.join(missing)}. "
                "Make it: python -m training.data SHARDS CACHE."
            )
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
        train, held_out = split(np.asarray(arrays["ident"]))
        names = tuple((folder / "names.txt").read_text(encoding="utf-8").split())
        return cls(**arrays, names=names, train=train, held_out=held_out)

    def exchanged(self, folder: Path) -> Heads:
        """The packed pictures of `folder`: these with other persons' faces, row by row. InputError: they are others, or
        faces were not exchanged, or between those that are trained on and those that are held out."""
        found = Heads.open(folder)
        same = np.array_equal(self.ident, found.ident)
        if not same or not np.array_equal(self.vec[:, STATE], found.vec[:, STATE]):
            raise InputError(
                f"the {len(found.ident)} exchanged pictures are not those of the {len(self.ident)} heads; "
                "render them with the same --identities, --states and --seed, and with --exchanged"
            )
        if (found.donor == found.ident).any():
            raise InputError(
                "these pictures show the faces of the heads themselves; render them with --exchanged"
            )
        held_out = found.ident[found.held_out]
        if not np.array_equal(np.isin(found.donor, held_out), np.isin(found.ident, held_out)):
            raise InputError(
                "faces went between training and held-out pictures; render identities by multiples of 20"
            )
        return found

    def draw(self, count: int) -> np.ndarray:
        """`count` random training pictures, by their numbers."""
        return self.train[torch.randint(len(self.train), (count,), device="cpu").numpy()]

    @property
    def side(self) -> int:
        """Pixels a side of the rendered pictures."""
        return self.img.shape[1]

    def images(self, index: np.ndarray, size: int = SIDE) -> Tensor:
        """`[B,3,size,size]` float in [-1, 1]; `size` divides the rendered one."""
        pixels = here(self.img[np.asarray(index)])  # [B, S, S, 3]
        pixels = pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        return pixels if size == self.side else F.avg_pool2d(pixels, self.side // size)

    def labels(self, index: np.ndarray, size: int = SIDE) -> Tensor:
        """`[B,size,size]` uint8 class labels: of each square of pixels the one at its centre."""
        step = self.side // size
        return here(self.lab[np.asarray(index)][:, step // 2 :: step, step // 2 :: step])

    def attributes(self, index: np.ndarray) -> Tensor:
        """`[B,A]` float, 0 or 1."""
        return here(self.att[np.asarray(index)]).float()

    def person(self, index: np.ndarray) -> Tensor:
        """`[B,139]` parameters of the person, standardised over the training set."""
        return self.parameters(index)[:, PERSON]

    def parameters(self, index: np.ndarray) -> Tensor:
        """`[B,296]` all parameters of the pictures, standardised over the training set."""
        values = here(self.vec[np.asarray(index)]).float()
        mean, deviation = self._spread
        return (values - mean) / deviation

    @cached_property
    def _spread(self) -> tuple[Tensor, Tensor]:
        train = here(self.vec[self.train]).float()
        return train.mean(0), train.std(0).clamp(min=1e-3)

    def landmarks(self, index: np.ndarray) -> Tensor:
        """`[B,5,2]` (x, y) in 0..1 of the picture."""
        return here(self.lm5[np.asarray(index)]).float() / self.side

    def same_identity(self, index: int) -> np.ndarray:
        """The other pictures of the person in picture `index`."""
        near = np.arange(max(0, index - 16), min(len(self.ident), index + 17))
        return near[(self.ident[near] == self.ident[index]) & (near != index)]

    def pictures_of(self, persons: np.ndarray) -> np.ndarray:
        """One random picture of each person, by their numbers."""
        pictures = [np.nonzero(self.ident == person)[0] for person in persons]
        return np.array([some[int(torch.randint(len(some), (), device="cpu"))] for some in pictures])

    def mirrored(self, images: Tensor, labels: Tensor | None, flip: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mirror the samples where `flip` [B] is true, labels with their sides exchanged."""
        images = torch.where(flip[:, None, None, None], images.flip(3), images)
        if labels is not None:
            labels = torch.where(
                flip[:, None, None], MIRRORED_LABELS.to(labels.device)[labels.flip(2).long()], labels
            )
        return images, labels


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.data", description="Packs the shards of training.render into a cache."
    )
    parser.add_argument("shards", type=Path, metavar="SHARDS")
    parser.add_argument(
        "cache",
        type=Path,
        metavar="CACHE",
        help="a folder; exchanged pictures belong into its subfolder exchanged",
    )
    options = parser.parse_args()
    try:
        print(f"{pack(options.shards, options.cache)} pictures packed")
    except InputError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
