"""How far the importance of one explanation lies from that of another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.stats

from ..checks import warn
from ..coefficients import Transform
from ..explanation import WaveletExplanation, has_importance

CELLS = 64  # of the grid of places, on all axes together


class Distances(NamedTuple):
    """How far importance moved across scales, (N,), and across places, (N,)."""

    scale: np.ndarray
    place: np.ndarray


def importance_distances(first: WaveletExplanation, second: WaveletExplanation) -> Distances:
    """
    How far the importance of one explanation lies from that of another, by scale and by place.

    Both are Wasserstein-1 distances (the least work that turns one distribution into the other)
    over the largest that they could be: 0 where nothing moved, 1 where everything moved from one
    end to the other. What is moved twice as far counts twice, and a finer division changes little,
    so that the two may be compared. They forget how much importance there is in all.

    Scale is the distance between the shares of the levels, which lie an octave apart, over the
    octaves from the coarsest to the finest. The approximation counts as a level, an octave beyond
    the coarsest, unless it was left out or has no importance in either. Place is that between the
    sums of `WaveletExplanation.pixels` over the cells of a grid (8×8 for images, 64 for signals,
    4×4×4 for volumes), by the distance in pixels of their middles, over that of opposite corners.
    Both are NaN, with a warning, where an explanation has no importance at all.

    Parameters
    ----------
    first, second
        Explanations of as many inputs, of one size and by one transform, whose levels are octaves
        (which those of `Packets` are not).

    Raises
    ------
    ValueError
        If the explanations do not fit each other.
    """
    sizes = [(len(e), e.level, tuple(e.spatial_shape)) for e in (first, second)]
    if sizes[0] != sizes[1]:
        must = "Explanations must be of as many inputs, by as many levels and of one size"
        raise ValueError(f"{must}, got {sizes[0]} and {sizes[1]}.")
    check_same(first.transform, second.transform)
    check_octaves(first.transform)
    if first.includes_approximation != second.includes_approximation:
        raise ValueError("Explanations must both include the approximation, or both leave it out.")
    shares = np.stack([e.scale_importance() for e in (first, second)])
    empty = ~np.all(has_importance(shares), axis=0)
    if empty.any():
        told = f"Explanations of the inputs {np.flatnonzero(empty).tolist()} have no importance"
        warn(f"{told}; their distances are NaN.")
    scale = _distance_of_levels(shares)
    place = _distance_of_places(first, second, ~empty)
    return Distances(np.where(empty, np.nan, scale), np.where(empty, np.nan, place))


def check_same(first: Transform, second: Transform) -> None:
    """Check that two explanations, which are compared, are by one transform."""
    if first != second:
        raise ValueError(f"Explanations must be by one transform, got {first} and {second}.")


def check_octaves(transform: Transform) -> None:
    """Check that the levels of a transform lie an octave apart."""
    if not transform.are_octaves:
        raise ValueError(
            "Distances across scales need a transform whose levels lie an octave apart, got "
            f"{transform}."
        )


def _distance_of_levels(shares: np.ndarray) -> np.ndarray:
    """Distances (N,) of the shares (2, N, levels), in the largest possible."""
    first = int(shares.shape[-1] > 1 and not np.nansum(shares[..., 0]))
    moved = np.diff(shares[..., first:], axis=0)[0]
    passing = np.abs(np.cumsum(moved, axis=-1)[:, :-1])  # what passes from each level to the next
    return passing.mean(axis=-1) if passing.shape[-1] else np.zeros(len(passing))


def _distance_of_places(
    first: WaveletExplanation, second: WaveletExplanation, chosen: np.ndarray
) -> np.ndarray:
    """Distances (N,) of the importance of places, in the largest possible; 0 if not chosen."""
    sums, middles = zip(*(_sums_of_places(e) for e in (first, second)), strict=True)
    largest = np.linalg.norm(middles[0][-1] - middles[0][0])
    found = np.zeros(len(first))
    for number in np.flatnonzero(chosen) if largest > 0 else ():
        weights = (sums[0][number], sums[1][number])
        found[number] = scipy.stats.wasserstein_distance_nd(*middles, *weights) / largest
    return np.clip(found, 0, 1)


def _sums_of_places(explanation: WaveletExplanation) -> tuple[np.ndarray, np.ndarray]:
    """The importance (N, cells) in the cells of a grid, and their middles (cells, ndim)."""
    shape, ndim = explanation.spatial_shape, explanation.ndim
    counts = [min(size, round(CELLS ** (1 / ndim))) for size in shape]
    edges = [np.arange(n + 1) * size // n for n, size in zip(counts, shape, strict=True)]

    def sums_of(some: WaveletExplanation) -> np.ndarray:
        sums = some.pixels().astype(np.float64)
        sums = sums.sum(axis=-1) if sums.ndim > 1 + ndim else sums
        for axis, ends in enumerate(edges, start=1):
            sums = np.add.reduceat(sums, ends[:-1], axis)
        return sums.reshape(len(sums), -1)

    middles = [(ends[:-1] + ends[1:] - 1) / 2 for ends in edges]
    grid = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1)
    return explanation.by_blocks(sums_of), grid.reshape(-1, ndim)
