"""Three ways to set one picture into another: feather, Laplacian pyramid, Poisson. One picture at a time, in numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import cg, spsolve
from skimage.transform import resize

__all__ = ["COMPOSITES"]

# Widths of the low-pass filters of the pyramid, as shares of the shorter side; kept at full size instead of decimated.
_SIGMAS = (0.004, 0.008, 0.016, 0.032, 0.064)
# How far the Poisson blend carries the source's colours inward from the area's edge, as a share of the shorter side.
_REACH = 0.1
# Where the difference at the area's edge strays by this much (RMS over the channels) from what most of the edge has,
# half of that is carried so far, and of more less and less: hair or a wall begins there. The rest fades within a short
# way.
_OWN_EDGE = 0.06
_SHORT = 0.02
# Pixels up to which the Poisson equation is solved directly; more start from the solution at half the size.
_DIRECT = 8_000


def feather(source: np.ndarray, target: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """source + alpha (target - source), of [H, W, 3] and alpha [H, W]."""
    return source + alpha[..., None] * (target - source)


def pyramid(source: np.ndarray, target: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Each frequency band blended over its own width (Burt and Adelson 1983), fading out within the area."""
    side = min(alpha.shape)
    difference, weight, blended = target - source, alpha, source.copy()
    for sigma in (share * side for share in _SIGMAS):
        low = ndimage.gaussian_filter(difference, (sigma, sigma, 0))
        blended += weight[..., None] * (difference - low)
        difference, weight = low, ndimage.gaussian_filter(weight, sigma)
    blended += weight[..., None] * difference
    # What the wide bands would change outside the area stays the source's; near the edge they fade.
    return feather(source, blended, np.clip(2 * alpha, 0, 1))


def poisson(source: np.ndarray, target: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The target's gradients with the source's values around the area (Pérez, Gangnet and Blake 2003).

    Screened (Bhat et al. 2008): far from the edge the target keeps its own level. Parts of the edge that differ much
    more than most of it, hair or a wall, hardly tint it.
    """
    inside = alpha > 0
    known = ndimage.binary_dilation(inside) & ~inside
    if not inside.any() or not known.any():
        return feather(source, target, alpha)
    difference = source - target
    # A level in which most of the edge differs; without one, as where hair and walls surround a face, there is none.
    common = np.median(difference[known], axis=0)
    common *= _calmed(difference[known] - common).mean() > 0.5
    stray = difference - common
    calm = common + stray * _calmed(stray)
    side = min(inside.shape)
    membrane = _membrane(calm, inside, _REACH * side) + _membrane(difference - calm, inside, _SHORT * side)
    return feather(source, target + membrane, alpha)


def _calmed(stray: np.ndarray) -> np.ndarray:
    """How much of each difference [..., 3] is carried inward, 0..1, [..., 1]."""
    return 1 / (1 + (stray**2).mean(-1, keepdims=True) / _OWN_EDGE**2)


def _membrane(values: np.ndarray, inside: np.ndarray, reach: float) -> np.ndarray:
    """values [H, W, 3] outside; inside g with (laplacian - 1 / reach^2) g = 0, which continues them and decays."""
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(inside.sum())
    rows, columns, degree = [], [], np.zeros(inside.sum())
    right = np.zeros((inside.sum(), 3))
    for axis in (0, 1):
        for step in (1, -1):
            here, there = _neighbours(inside.shape, axis, step)
            own, other = number[here], number[there]
            degree += np.bincount(own[own >= 0], minlength=len(degree))
            pair = (own >= 0) & (other >= 0)
            rows.append(own[pair])
            columns.append(other[pair])
            edge = (own >= 0) & (other < 0)
            np.add.at(right, own[edge], values[there][edge])
    links = sparse.coo_matrix(
        (np.ones(sum(map(len, rows))), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(degree),) * 2,
    )
    system = (sparse.diags(degree + reach**-2) - links).tocsc()
    out = values.copy()
    out[inside] = _solved(system, right, values, inside, reach)
    return out


def _solved(
    system: sparse.csc_matrix, right: np.ndarray, values: np.ndarray, inside: np.ndarray, reach: float
) -> np.ndarray:
    if len(right) <= _DIRECT:
        return spsolve(system, right).reshape(right.shape)
    half = tuple((n + 1) // 2 for n in inside.shape)
    small = resize(inside.astype(float), half, order=1) > 0.5
    coarse = _membrane(resize(values, (*half, 3), order=1, anti_aliasing=True), small, reach / 2)
    start = resize(coarse, values.shape, order=1)[inside]
    return np.stack(
        [cg(system, right[:, c], x0=start[:, c], rtol=1e-3, maxiter=300)[0] for c in range(3)], -1
    )


def _neighbours(shape: tuple[int, ...], axis: int, step: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of all pixels that have a neighbour in that direction, and of these neighbours."""
    first, second = slice(None, -1), slice(1, None)
    here, there = [slice(None)] * 2, [slice(None)] * 2
    here[axis], there[axis] = (first, second) if step > 0 else (second, first)
    return tuple(here), tuple(there)


COMPOSITES: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = MappingProxyType(
    {"feather": feather, "pyramid": pyramid, "poisson": poisson}
)
