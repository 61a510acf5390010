"""Wavelet coefficients as data: PyWavelets' layout, and what maps over it.

A list ``[cA, {"ad": ..., "da": ..., "dd": ...}, ..., {...}]`` holds the approximation and the
details of each level, coarsest first. All functions work for any number of dimensions and, where
they only map, for the tensors of any framework.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pywt

from .backends import Tensor, pullback, wavedecn, waverecn
from .backends.filterbank import FilterBank
from .backends.wavelets import Coefficients, as_wavelet, check_mode, plain_wavelet

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Transform(ABC):
    """
    A linear transform of tensors over some of their axes, whose coefficients are explained.

    Of the coefficients all that is asked is their layout, a list of the coarsest band and then one
    dict of bands by name a level, coarse to fine, as arrays with the axes of the input. Where a
    band has fewer coefficients than the input has samples, each stands for as many, side by side.
    A frozen dataclass with a field `axes`, the last, has all that explainers need.
    """

    are_octaves = False
    """Whether each level of details spans an octave, the one above that of the level before."""

    @property
    @abstractmethod
    def axes(self) -> Any:
        """The axes transformed; explainers set them."""

    def over(self, axes: tuple[int, ...] | None) -> Self:
        """The same over other axes."""
        return replace(self, axes=axes)  # type: ignore[call-arg]

    @abstractmethod
    def forward(self, x: Tensor) -> Coefficients:
        """The coefficients z = W(x)."""

    @abstractmethod
    def inverse(self, coefficients: Coefficients, shape: Sequence[int]) -> Tensor:
        """The input x = W⁻¹(z), of `shape`."""

    @abstractmethod
    def pullback(self, gradient: Tensor) -> Coefficients:
        """The gradient (W⁻¹)ᵀ ∂f/∂x with respect to the coefficients."""

    @abstractmethod
    def check(self, shape: Sequence[int]) -> None:
        """Raise a ValueError that tells why a tensor of `shape` cannot be transformed, if so."""

    @abstractmethod
    def scales(self, ndim: int) -> list[str]:
        """What each level sees, coarse to fine."""

    def frequencies(self) -> list[np.ndarray] | None:
        """Of signals, where the bands (B, 2) of each level begin and end, in cycles a sample; None
        where that is not told. Parts of one band have the same."""
        return None

    def shapes(self, sizes: Sequence[int]) -> Coefficients:
        """The shapes of the coefficients of an input, of these sizes along the axes transformed."""
        axes = tuple(range(len(sizes)))
        return map_bands(np.shape, self.over(axes).forward(np.zeros(sizes)))

    def packed(self, coefficients: Coefficients, axes: Sequence[int]) -> np.ndarray:
        """All bands in one array, of images and volumes in `rows`; of signals one above the other,
        on an axis of their own."""
        if len(axes) == 1:
            return np.stack([*flatten(coefficients).values()], axis=axes[0])
        rows = self.rows(coefficients)
        width = max(map(len, rows))
        rows = [row + [np.zeros_like(row[0])] * (width - len(row)) for row in rows]
        return np.concatenate([np.concatenate(row, axes[1]) for row in rows], axes[0])

    def rows(self, coefficients: Coefficients) -> list[list[Any]]:
        """The bands as they are laid out: a row for each level, the coarsest first."""
        return [[coefficients[0]], *([*level.values()] for level in coefficients[1:])]

    def spread(
        self, bands: dict[str, np.ndarray], number: int, sizes: Sequence[int], signed: bool
    ) -> np.ndarray:
        """The map (N, ...) of a level of importance, 0 the coarsest band, at the input's size:
        interpolated where all is positive, shared by the samples it stands for where not."""
        total: Any = 0
        for name, band in bands.items():
            for axis, size in enumerate(sizes, start=1):
                if band.shape[axis] != size:
                    band = (_shared if signed else _enlarged)(band, axis, size)
            total = total + _turned(band, self.delays(name, len(sizes)))
        return np.asarray(total)

    def delays(self, name: str, ndim: int) -> tuple[int, ...]:
        """How many samples later than in its turn a band's coefficients look, along each axis."""
        return (0,) * ndim

    def averages(self, maps: np.ndarray, ndim: int) -> Coefficients:
        """Means of maps (N, ...) over the places that the coefficients look at."""

        def mean(name: str, shape: tuple[int, ...]) -> np.ndarray:
            found = _turned(maps, [-delay for delay in self.delays(name, ndim)])
            for axis, count in enumerate(shape, start=1):
                if found.shape[axis] != count:
                    found = _shared(found, axis, count, means=True)
            return found

        first, *details = self.shapes(maps.shape[1 : 1 + ndim])
        of_levels = [{k: mean(k, shape) for k, shape in level.items()} for level in details]
        return [mean("a" * ndim, first), *of_levels]


def _turned(band: np.ndarray, turns: Sequence[int]) -> np.ndarray:
    """A periodic map (N, ...), moved."""
    return np.roll(band, turns, range(1, 1 + len(turns))) if any(turns) else band


def _enlarged(band: np.ndarray, axis: int, size: int) -> np.ndarray:
    """A band at a larger size along an axis."""
    places = (np.arange(size) + 0.5) * band.shape[axis] / size - 0.5
    return _interpolate(band, axis, places)


def _shared(band: np.ndarray, axis: int, size: int, means: bool = False) -> np.ndarray:
    """Each coefficient shared by the samples that it stands for; or transposed, their means."""
    small, large = sorted((band.shape[axis], size))
    owners = np.arange(large) * small // large
    counts = np.bincount(owners, minlength=small).astype(band.dtype)
    counts = counts.reshape(-1, *[1] * (band.ndim - axis - 1))
    if means:
        return np.add.reduceat(band, np.searchsorted(owners, np.arange(small)), axis) / counts
    return (band / counts).take(owners, axis)


@dataclass(frozen=True)
class WaveletTransform(Transform):
    """
    A multilevel wavelet transform over given axes of a tensor, decimated: that of the papers.

    Parameters
    ----------
    wavelet
        Name of a discrete wavelet of PyWavelets, or its four filters.
    level, mode, axes
        As for `backends.wavedecn`.

    Examples
    --------
    >>> transform = WaveletTransform("haar", 1, "periodization", (1,))
    >>> transform.forward(np.array([[4.0, 2.0]]))[0] / np.sqrt(2)
    array([[3.]])
    """

    are_octaves = True

    wavelet: str | FilterBank = "haar"
    level: int = 3
    mode: str = "periodization"
    axes: Any = None

    def __str__(self) -> str:
        return f"{self.wavelet}, {self.level} level{'s' * (self.level != 1)}, {self.mode}"

    def shapes(self, sizes: Sequence[int]) -> Coefficients:
        """The shapes of the coefficients of an input, of these sizes along the axes transformed."""
        return pywt.wavedecn_shapes(tuple(sizes), as_wavelet(self.wavelet), self.mode, self.level)

    def forward(self, x: Tensor) -> Coefficients:
        """The coefficients z = W(x)."""
        return wavedecn(x, self.wavelet, self.mode, self.level, self.axes)

    def inverse(self, coefficients: Coefficients, shape: Sequence[int]) -> Tensor:
        """The input x = W⁻¹(z), cut to `shape`."""
        x = waverecn(coefficients, self.wavelet, self.mode, self.axes)
        return x[tuple(slice(size) for size in shape)]

    def pullback(self, gradient: Tensor) -> Coefficients:
        """The gradient (W⁻¹)ᵀ ∂f/∂x with respect to the coefficients."""
        return pullback(gradient, self.wavelet, self.mode, self.level, self.axes)

    def scales(self, ndim: int) -> list[str]:
        """The size that each level stands for, approximation first, then coarse to fine."""
        return dyadic_scales(self.level, ndim)

    def frequencies(self) -> list[np.ndarray]:
        """Of signals, between which frequencies the band of each level lies, in cycles a sample."""
        return octaves(self.level)

    def packed(self, coefficients: Coefficients, axes: Sequence[int]) -> np.ndarray:
        """All bands in one array, the approximation in the corner: `pywt.coeffs_to_array`."""
        if len(coefficients) == 1:
            return coefficients[0]
        return pywt.coeffs_to_array(coefficients, axes=axes)[0]

    def spread(
        self, bands: dict[str, np.ndarray], number: int, sizes: Sequence[int], signed: bool
    ) -> np.ndarray:
        """The map (N, ...) of a level of importance, 0 the approximation, at the input's size:
        interpolated where all is positive, or shared by the places looked at."""
        depth = self.level + 1 - max(number, 1)
        if signed:
            return spread_level(bands, self, depth, sizes)
        return resize_level(bands, depth, sizes, self.wavelet, self.mode)

    def averages(self, maps: np.ndarray, ndim: int) -> Coefficients:
        """Means of maps (N, ...) over the places that the coefficients look at."""
        return averages(maps, self, ndim)

    @classmethod
    def fitting(
        cls, shape: Sequence[int], wavelet: Any, level: int | None, mode: str, axes: tuple[int, ...]
    ) -> WaveletTransform:
        """The transform of tensors of `shape`, by `default_level` levels where `level` is None."""
        if level is None:
            level = default_level([shape[axis] for axis in axes], wavelet)
        transform = cls(plain_wavelet(wavelet), level, mode, axes)
        transform.check(shape)
        return transform

    def check(self, shape: Sequence[int]) -> None:
        """Raise a ValueError that tells why a tensor of `shape` cannot be transformed, if so."""
        wavelet = as_wavelet(self.wavelet)
        check_mode(self.mode)
        sizes = tuple(shape[axis] for axis in self.axes)
        highest = pywt.dwtn_max_level(sizes, wavelet)
        if not isinstance(self.level, (int, np.integer)) or not 0 <= self.level <= highest:
            raise ValueError(
                f"level={self.level!r} does not fit inputs of size {sizes} with wavelet "
                f"{str(self.wavelet)!r}; the highest level possible is {highest}, the lowest 0."
            )


def dyadic_scales(level: int, ndim: int) -> list[str]:
    """Level j sees details between 2^(j-1) and 2^j pixels (voxels; samples of signals), the
    approximation what is larger (WCAM section 3.1)."""
    unit = "samples" if ndim == 1 else "px"
    details = [f"{2 ** (j - 1)}-{2**j} {unit}" for j in range(level, 0, -1)]
    return [f"> {2**level} {unit}", *details]


def octaves(level: int) -> list[np.ndarray]:
    """The frequencies of these levels in cycles a sample: level j's from 2^-(j+1) to 2^-j."""
    edges = [0.0, *(2.0**-j for j in range(level + 1, 0, -1))]
    return [np.array([band]) for band in pairwise(edges)]


def default_level(sizes: Sequence[int], wavelet: Any) -> int:
    """
    The number of levels that inputs of these `sizes` are transformed by if none is given.

    3 as in the papers, whose images have 224 pixels, and one more with each doubling of the
    smallest size beyond, round(log2(size / 28)): the approximation stays about as coarse. Fewer
    where the input is too small for the wavelet, but 1 at least: with none there are no scales.

    >>> default_level([224, 224], "haar")
    3
    """
    wanted = max(3, round(np.log2(max(min(sizes), 1) / 28)))
    return min(wanted, max(pywt.dwtn_max_level(sizes, as_wavelet(wavelet)), 1))


def map_bands(function: Callable[..., Any], *coefficients: Coefficients) -> Coefficients:
    """Apply `function` to each band, or to the bands in the same place of several lists."""
    approximations, *details = zip(*coefficients, strict=True)
    mapped = [function(*approximations)]  # in their order, which functions may count on
    for same in details:
        mapped.append({key: function(*(level[key] for level in same)) for key in same[0]})
    return mapped


def levels(coefficients: Coefficients, ndim: int) -> list[dict[str, Any]]:
    """The bands of each level: the approximation alone, then the details, coarse to fine."""
    return [{"a" * ndim: coefficients[0]}, *coefficients[1:]]


def flatten(coefficients: Coefficients) -> dict[str, Any]:
    """
    All bands by names that `unflatten` reads, coarse to fine.

    >>> [*flatten([0, {"ad": 1, "da": 2, "dd": 3}])]
    ['approximation', '1.ad', '1.da', '1.dd']
    """
    named = {"approximation": coefficients[0]}
    for index, level in enumerate(coefficients[1:], start=1):
        for key in level:  # items() of a constant is more than torch.compile can trace
            named[f"{index}.{key}"] = level[key]
    return named


def unflatten(named: dict[str, Any]) -> Coefficients:
    """The coefficients that `flatten` named."""
    details: dict[int, dict[str, Any]] = {}
    for name, band in named.items():
        if name != "approximation":
            index, _, key = name.partition(".")
            details.setdefault(int(index), {})[key] = band
    return [named["approximation"], *(details[index] for index in sorted(details))]


def magnitude(band: np.ndarray) -> np.ndarray:
    """The sum (N,) of the magnitudes of a band, in double precision."""
    return np.abs(band, dtype=np.float64).reshape(len(band), -1).sum(axis=1)


def as_rows(bands: dict[str, np.ndarray]) -> np.ndarray:
    """All coefficients of each input in one row: (N, K), band after band."""
    return np.concatenate([band.reshape(len(band), -1) for band in bands.values()], axis=1)


def largest(bands: dict[str, np.ndarray], keep: float | int) -> dict[str, np.ndarray]:
    """Which coefficients of each input are the largest: a share or a count of all, never zeros."""
    flat = np.abs(as_rows(bands))
    count = keep if isinstance(keep, (int, np.integer)) else round(keep * flat.shape[1])
    chosen = np.zeros(flat.shape, bool)
    np.put_along_axis(chosen, np.argsort(-flat, axis=1, kind="stable")[:, :count], True, axis=1)
    ends = np.cumsum([band[0].size for band in bands.values()])[:-1]
    parts = np.split(chosen & (flat > 0), ends, axis=1)
    return {key: part.reshape(bands[key].shape) for key, part in zip(bands, parts, strict=True)}


def resize_level(
    bands: dict[str, np.ndarray], level: int, shape: Sequence[int], wavelet: Any, mode: str
) -> np.ndarray:
    """Bring the bands of a level to the input's size by linear interpolation; sum them. A
    coefficient stands where the energy of its basis function is centred; level 0 has the input's
    size."""
    for axis, size in enumerate(shape, start=1):
        merged: dict[str, np.ndarray] = {}
        for key, band in bands.items():
            centre = _centre(wavelet, mode, key[0], level)
            resized = _interpolate(band, axis, (np.arange(size) - centre) / 2**level)
            merged[key[1:]] = merged[key[1:]] + resized if key[1:] in merged else resized
        bands = merged
    return bands[""]


def averages(x: np.ndarray, transform: WaveletTransform, ndim: int) -> Coefficients:
    """Means of a map (N, ...) over the places that the coefficients look at: `resize_level` turned
    round. One of level j has the mean of the 2^j samples (along each axis) around the centre of its
    basis function; beyond its ends the map is constant. Where the map is constant, so are all
    bands, to the last digit."""
    approximation, *details = transform.shapes(x.shape[1 : 1 + ndim])

    def mean(key: str, level: int, shape: tuple[int, ...]) -> np.ndarray:
        means = x
        for axis, (letter, size) in enumerate(zip(key, shape, strict=True), start=1):
            start = _window_start(transform, letter, level)
            means = _window_means(means, axis, start, level, size)
        return means

    depths = range(transform.level, 0, -1)
    return [
        mean("a" * ndim, transform.level, approximation),
        *({k: mean(k, j, b[k]) for k in b} for j, b in zip(depths, details, strict=True)),
    ]


def spread_level(
    bands: dict[str, np.ndarray], transform: WaveletTransform, level: int, shape: Sequence[int]
) -> np.ndarray:
    """Share each coefficient evenly by the places that it looks at: `averages`, transposed."""
    total: Any = 0
    for key, band in bands.items():
        for axis, (letter, size) in enumerate(zip(key, shape, strict=True), start=1):
            start = _window_start(transform, letter, level)
            band = _window_shares(band, axis, start, level, size)
        total = total + band
    return np.asarray(total)


def _window_start(transform: WaveletTransform, letter: str, level: int) -> int:
    """Where the 2^level samples around the centre of the first basis function begin."""
    centre = _centre(transform.wavelet, transform.mode, letter, level)
    return int(np.ceil(centre - 2**level / 2))


def _window_means(x: np.ndarray, axis: int, start: int, level: int, count: int) -> np.ndarray:
    """Means of `count` windows of 2^level samples along `axis`, side by side from `start` on."""
    index = np.arange(start, start + count * 2**level)
    x = x.take(np.clip(index, 0, x.shape[axis] - 1), axis)
    for _ in range(level):  # by pairs: the mean of equal numbers is exact
        x = x.reshape(*x.shape[:axis], -1, 2, *x.shape[axis + 1 :]).mean(axis + 1)
    return x


def _window_shares(x: np.ndarray, axis: int, start: int, level: int, size: int) -> np.ndarray:
    """`_window_means` of `size` samples, transposed: each mean is shared by its window."""
    index = np.arange(start, start + x.shape[axis] * 2**level)
    shared = np.zeros((size, *np.delete(x.shape, axis)), x.dtype)
    shares = np.repeat(np.moveaxis(x, axis, 0) / x.dtype.type(2**level), 2**level, axis=0)
    np.add.at(shared, np.clip(index, 0, size - 1), shares)
    return np.moveaxis(shared, 0, axis)


@functools.lru_cache(maxsize=1024)
def _centre(wavelet: Any, mode: str, letter: str, level: int) -> float:
    """Where the basis function of the first coefficient is centred, in samples of the input."""
    if level == 0:
        return 0.0
    wavelet = as_wavelet(wavelet)
    energy = pywt.upcoef(letter, [1.0], wavelet, level=level) ** 2
    half = wavelet.rec_len // 2 - 1
    outside = (half if mode == "periodization" else 2 * half) * (2**level - 1)
    return float(energy @ np.arange(len(energy)) / energy.sum() - outside)


def _interpolate(x: np.ndarray, axis: int, positions: np.ndarray) -> np.ndarray:
    """Linear interpolation of `x` along `axis`, constant beyond its ends."""
    positions = np.clip(positions, 0, x.shape[axis] - 1)
    below = positions.astype(int)
    above = np.minimum(below + 1, x.shape[axis] - 1)
    share = (positions - below).astype(x.dtype).reshape(-1, *[1] * (x.ndim - axis - 1))
    start = x.take(below, axis)
    return start + (x.take(above, axis) - start) * share
