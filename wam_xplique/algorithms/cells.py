"""Cells: the sets of coefficients that a mask perturbs together.

A cell map has the layout of the coefficients, and the number of its cell in place of each
coefficient; `HELD` where the coefficient keeps its value. Methods that need no more than cells
(Sobol indices, masks) work for any transform, in any number of dimensions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pywt

from ..coefficients import Coefficients, Transform, WaveletTransform, flatten, map_bands, unflatten
from ..fourier import frequencies, radius

HELD = -1
PARTITIONS = ("mosaic", "subband", "band", "scale")
PERTURBATIONS = ("circle", "square", "grid")


def wavelet_cells(
    transform: Transform,
    shape: Sequence[int],
    partition: str,
    grid_size: int,
    include_approximation: bool,
) -> Coefficients:
    """Part the coefficients of an input into cells numbered from 0 on ("mosaic": WCAM appendix
    A.1.1). "mosaic" is a grid over the packed coefficients, "subband" about as many cells in every
    band, "band" and "scale" one a band and one a level."""
    bands = map_bands(lambda size: np.zeros(size, np.int64), transform.shapes(shape))
    if partition == "mosaic" and isinstance(transform, WaveletTransform):
        cells = _mosaic(bands, grid_size)
    elif partition == "scale":
        cells = _level_numbers(bands)
    else:
        side = 1 if partition == "band" else _side(bands, grid_size, include_approximation)
        first = itertools.count(step=side ** bands[0].ndim)
        cells = map_bands(lambda band: grid(band.shape, side) + next(first), bands)
    if not include_approximation:
        cells[0] = np.full_like(cells[0], HELD)
    return renumber(cells)


def single_cells(shapes: Coefficients, include_approximation: bool) -> Coefficients:
    """A cell for each coefficient; the approximation has the last numbers, or is held."""
    sizes = {name: math.prod(shape) for name, shape in flatten(shapes).items()}
    numbers = np.roll(np.arange(sum(sizes.values())), sizes["approximation"])
    if not include_approximation:
        numbers[: sizes["approximation"]] = HELD
    parts = np.split(numbers, np.cumsum(list(sizes.values()))[:-1])
    named = unflatten(dict(zip(sizes, parts, strict=True)))
    return renumber(map_bands(np.reshape, named, shapes))


def fourier_cells(shape: Sequence[int], perturbation: str, grid_size: int) -> Coefficients:
    """Part the centred spectrum into rings or a mirrored grid (WCAM appendix A.3). A frequency and
    its negative, which are one component of a real input, share a cell."""
    most = min(shape) if perturbation == "grid" else min(shape) // 2
    if grid_size > most:
        raise ValueError(
            f"grid_size={grid_size} is too large for the spectrum of inputs of size "
            f"{tuple(shape)}; the largest possible with perturbation={perturbation!r} is {most}."
        )
    if perturbation == "grid":
        return renumber([_mirrored_grid(shape, grid_size)])
    return renumber([rings(shape, grid_size, 2 if perturbation == "circle" else np.inf)])


def rings(shape: Sequence[int], count: int, norm: float = 2) -> np.ndarray:
    """The ring of each frequency of the centred spectrum, among `count` of equal width."""
    distance = radius(shape, norm)
    return np.minimum((distance / distance.max() * count).astype(int), count - 1)


def _mirrored_grid(shape: Sequence[int], count: int) -> np.ndarray:
    """A grid over the spectrum, in which a frequency and its negative have one number."""
    lower = np.stack(np.broadcast_arrays(*frequencies(shape)))
    mirrored = np.where(lower == -0.5, lower, -lower)  # at -1/2 the two are one
    order = np.zeros(lower.shape[1:])
    for f, opposite in zip(lower[::-1], mirrored[::-1], strict=True):
        order = np.where(f == opposite, order, f - opposite)
    lower = np.where(order > 0, mirrored, lower)
    # Frequency 0 goes to the lower side of a border, where its neighbours are.
    places = np.where(lower == 0, (count - 1) // 2, ((lower + 0.5) * count).astype(int))
    cells = np.ravel_multi_index(tuple(np.minimum(places, count - 1)), [count] * len(shape))
    return np.minimum(cells, count ** len(shape) - 1 - cells)


def renumber(cells: Coefficients) -> Coefficients:
    """Number the cells from 0 on, without gaps, in the order of their numbers."""
    found = np.unique(np.concatenate([band.ravel() for band in flatten(cells).values()]))
    found = found[found != HELD]
    if not len(found):
        raise ValueError(
            "level=0 leaves nothing to remove or perturb while the approximation is held; give a "
            "higher level, or include_approximation=True."
        )
    return map_bands(lambda band: np.where(band == HELD, HELD, np.searchsorted(found, band)), cells)


def grid(shape: Sequence[int], count: int) -> np.ndarray:
    """A grid of `count` cells along each axis, as in a nearest-neighbour enlargement of it."""
    if count > min(shape):
        raise ValueError(
            f"grid_size={count} is larger than the {'×'.join(map(str, shape))} coefficients it "
            f"is laid over; the largest possible is {min(shape)}."
        )
    places = [((2 * np.arange(size) + 1) * count) // (2 * size) for size in shape]
    return np.ravel_multi_index(np.meshgrid(*places, indexing="ij"), [count] * len(shape))


def count_cells(cells: Coefficients) -> int:
    """The number of cells."""
    return 1 + max(int(band.max()) for band in flatten(cells).values())


def cell_sums(cells: Coefficients, values: Coefficients) -> np.ndarray:
    """The sums (cells,) of values over each cell; the two broadcast to each other."""
    columns = count_cells(cells) + 1  # the first is of what is held
    total = np.zeros(columns)
    for pair in zip(flatten(cells).values(), flatten(values).values(), strict=True):
        band, weights = np.broadcast_arrays(*pair)
        total += np.bincount(band.ravel() + 1, weights.ravel(), columns)
    return total[1:]


def shares(cells: Coefficients, members: Sequence[Coefficients]) -> np.ndarray:
    """The part (regions, cells) of each cell that each region holds, told by coefficient."""
    sizes = cell_sums(cells, map_bands(np.ones_like, cells))
    return np.stack([cell_sums(cells, member) for member in members]) / sizes


def level_shares(cells: Coefficients) -> np.ndarray:
    """The part of each cell that lies in each level, approximation first: (level + 1, cells)."""
    numbers = _level_numbers(cells)
    members = [map_bands(lambda band, n=n: band == n, numbers) for n in range(len(cells))]
    return shares(cells, members)


def _level_numbers(bands: Coefficients) -> Coefficients:
    """The level of each coefficient: 0 for the approximation, then from coarse to fine."""
    details = [
        {key: np.full(band.shape, number) for key, band in level.items()}
        for number, level in enumerate(bands[1:], start=1)
    ]
    return [np.zeros(bands[0].shape, int), *details]


@dataclass(frozen=True, eq=False)
class Group:
    """A set of cells, and the disjoint groups that make it up; none for a single cell."""

    cells: np.ndarray
    children: tuple[Group, ...] = ()

    def leaves(self) -> Iterator[Group]:
        """The single cells."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


def group_tree(cells: Coefficients) -> list[Group]:
    """Group the cells by band, and each band's by place: halves of halves along each axis. A cell
    that straddles bands counts to the one which has most of it."""
    count, bands = count_cells(cells), list(flatten(cells).values())
    sizes = [np.bincount(band.ravel() + 1, minlength=count + 1)[1:] for band in bands]
    owners = np.argmax(sizes, axis=0)
    groups = []
    for number, band in enumerate(bands):
        members = np.flatnonzero(owners == number)
        if len(members):
            groups.append(_group(members, _places(band)[members]))
    if len(groups) == 1 and groups[0].children:
        return list(groups[0].children)  # all cells together are the rows of B
    return groups


def _places(band: np.ndarray) -> np.ndarray:
    """The mean place of each cell's coefficients in a band: (cells, axes)."""
    sizes = np.maximum(cell_sums([band], [np.ones(band.shape)]), 1)
    return np.stack([cell_sums([band], [axis]) / sizes for axis in np.indices(band.shape)], axis=-1)


def _group(cells: np.ndarray, places: np.ndarray) -> Group:
    if len(cells) == 1:
        return Group(cells)
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    quadrants = (places > middle) @ (1 << np.arange(places.shape[1]))
    if np.all(quadrants == quadrants[0]):
        quadrants = np.arange(len(cells))
    parts = [quadrants == quadrant for quadrant in np.unique(quadrants)]
    return Group(cells, tuple(_group(cells[part], places[part]) for part in parts))


def _mosaic(bands: Coefficients, grid_size: int) -> Coefficients:
    if len(bands) == 1:
        return [grid(bands[0].shape, grid_size)]
    packed, slices = pywt.coeffs_to_array(bands)
    return pywt.array_to_coeffs(grid(packed.shape, grid_size), slices, output_format="wavedecn")


def _side(bands: Coefficients, grid_size: int, include_approximation: bool) -> int:
    """The number of cells along each axis of each band."""
    count = len(flatten(bands)) - (not include_approximation)
    root = max(count, 1) ** (1 / bands[0].ndim)
    smallest = min(min(band.shape) for band in flatten(bands).values())
    lowest, highest = int(np.ceil(root)), int(np.ceil((smallest + 1) * root)) - 1
    if not lowest <= grid_size <= highest:
        raise ValueError(
            f"grid_size={grid_size} does not part {count} bands, the smallest of which has "
            f"{smallest} coefficients a side, into as many cells each; partition='band' makes "
            f"one cell of each, else grid_size must be between {lowest} and {highest}."
        )
    return int(grid_size / root)
