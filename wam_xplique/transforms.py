"""
Linear transforms whose coefficients are explained: decimated, undecimated, oriented, by pitch.

A method needs of a transform no more than `forward`, `inverse`, `pullback`, the transposed inverse,
and a layout that tells level, orientation and place of each band. All coefficients have one layout:
a list of the low-pass band and then one dict of bands by name a level, from coarse to fine.
"""

from __future__ import annotations

import functools
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .backends import Tensor, get_backend, pullback, wavedecn, waverecn
from .backends.filterbank import FilterBank, spread_analysis, spread_synthesis
from .backends.wavelets import Coefficients, as_wavelet

Windows = list[Any]
"""Frequency responses in the layout of the coefficients."""


class Frame(ABC):
    """A Parseval frame: its synthesis is its transposed analysis, and Σ|z|² = Σ|x|². All bands have
    the input's size, and move with the input."""

    axes: tuple[int, ...] | None

    @abstractmethod
    def forward(self, x: Tensor) -> Coefficients:
        """The coefficients z = W(x)."""

    @abstractmethod
    def inverse(self, coefficients: Coefficients, shape: Sequence[int]) -> Tensor:
        """The input x = W⁻¹(z), of `shape`."""

    def pullback(self, gradient: Tensor) -> Coefficients:
        """The gradient (W⁻¹)ᵀ ∂f/∂x with respect to the coefficients: here, the analysis of it."""
        return self.forward(gradient)


@dataclass(frozen=True)
class Stationary(Frame):
    """
    Undecimated wavelet transform: all levels at the input's size, of any size, taken as periodic.

    `pywt.swtn` with ``norm=True``. Ref. Nason & Silverman, The stationary wavelet transform and
    some statistical applications (1995).

    Parameters
    ----------
    wavelet
        An orthogonal wavelet: its name, a `pywt.Wavelet` or the four filters of one.
    level
        Number of levels.
    axes
        Axes that are transformed; explainers set them.
    """

    wavelet: Any = "haar"
    level: int = 3
    axes: tuple[int, ...] | None = None

    def forward(self, x: Tensor) -> Coefficients:
        backend, bank = get_backend(x), FilterBank.of(as_wavelet(self.wavelet))
        coefficients: Coefficients = []
        for depth in range(self.level):
            bands = {"": x}
            for axis in self.axes:
                bands = {
                    key + letter: part
                    for key, band in bands.items()
                    for letter, part in zip(
                        "ad", spread_analysis(backend, band, axis, bank, 2**depth), strict=True
                    )
                }
            x = bands.pop("a" * len(self.axes))
            coefficients.insert(0, bands)
        return [x, *coefficients]

    def inverse(self, coefficients: Coefficients, shape: Sequence[int]) -> Tensor:
        x, *details = coefficients
        backend, bank = get_backend(x), FilterBank.of(as_wavelet(self.wavelet))
        for depth, level in zip(reversed(range(self.level)), details, strict=True):
            bands = {"a" * len(self.axes): x, **level}
            for axis in reversed(self.axes):
                bands = {
                    key: spread_synthesis(
                        backend, bands[key + "a"], bands[key + "d"], axis, bank, 2**depth
                    )
                    for key in dict.fromkeys(key[:-1] for key in bands)
                }
            x = bands[""]
        return x


class FourierFrame(Frame):
    """A frame of windows in the Fourier domain whose squares add up to 1."""

    @abstractmethod
    def windows(self, sizes: tuple[int, ...]) -> Windows:
        """The frequency responses of the bands over the half spectrum of inputs of `sizes`."""

    def forward(self, x: Tensor) -> Coefficients:
        backend, sizes = get_backend(x), self._sizes(x)
        spectrum = backend.rfftn(x, self.axes)

        def band(window: np.ndarray) -> Tensor:
            return backend.irfftn(self._times(spectrum, window, x), self.axes, sizes)

        return map_windows(band, self._windows(sizes))

    def inverse(self, coefficients: Coefficients, shape: Sequence[int]) -> Tensor:
        x = coefficients[0]
        backend, sizes = get_backend(x), self._sizes(x)
        total: Any = 0
        for window, band in pairs(self._windows(sizes), coefficients):
            total = total + self._times(backend.rfftn(band, self.axes), window.conj(), x)
        return backend.irfftn(total, self.axes, sizes)

    def _sizes(self, x: Tensor) -> tuple[int, ...]:
        return tuple(int(x.shape[axis]) for axis in self.axes)

    def _windows(self, sizes: tuple[int, ...]) -> Windows:
        return _cached(self, sizes)

    def _times(self, spectrum: Tensor, window: np.ndarray, like: Tensor) -> Tensor:
        shape = [1] * len(spectrum.shape)
        for axis, size in zip(self.axes, window.shape, strict=True):
            shape[axis] = size
        return spectrum * get_backend(like).spectral(window.reshape(shape), like)


@functools.lru_cache(maxsize=32)
def _cached(frame: FourierFrame, sizes: tuple[int, ...]) -> Windows:
    return frame.windows(sizes)


def map_windows(function: Any, windows: Windows) -> Coefficients:
    low, *levels = windows
    return [function(low), *({k: function(w) for k, w in level.items()} for level in levels)]


def pairs(windows: Windows, coefficients: Coefficients):
    yield windows[0], coefficients[0]
    for level, bands in zip(windows[1:], coefficients[1:], strict=True):
        for key, window in level.items():
            yield window, bands[key]


@dataclass(frozen=True)
class Steerable(FourierFrame):
    """
    Oriented band-pass filters by smooth windows in the Fourier plane: a tight frame.

    Level j is centred at a wavelength of 2^(j + 1) pixels. Its bands are named by the angle, in
    degrees, of the direction in which they oscillate: "0°" answers to vertical edges, "90°" to
    horizontal ones. Beside them stand a low-pass residual and a high-pass one (the finest
    corner of the spectrum), which know no direction. In 3D, bands are radial alone. Ref. Simoncelli
    & Freeman, The steerable pyramid: a flexible architecture for multi-scale derivative computation
    (1995).

    Parameters
    ----------
    level
        Number of levels.
    orientations
        Directions of each level.
    axes
        Axes that are transformed; explainers set them.
    """

    level: int = 3
    orientations: int = 6
    axes: tuple[int, ...] | None = None

    def windows(self, sizes: tuple[int, ...]) -> Windows:
        frequencies = [np.fft.fftfreq(size) for size in sizes[:-1]]
        frequencies = np.meshgrid(*frequencies, np.fft.rfftfreq(sizes[-1]), indexing="ij")
        radius = np.sqrt(sum(f**2 for f in frequencies))
        high, low = _split(radius, 0.5)
        angles = self._angular(frequencies)
        levels = [{"high": high}]
        for depth in range(self.level):
            band, lower = _split(radius, 0.25 / 2**depth)
            levels.insert(0, {key: low * band * angular for key, angular in angles.items()})
            low = low * lower
        return [low, *levels]

    def _angular(self, frequencies: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """cos^(K−1) of the angle to each of K directions; their squares add up to 1."""
        count = self.orientations
        if len(frequencies) > 2 or count == 1:
            return {"all": np.ones(1)}
        angle = np.arctan2(*frequencies)
        norm = math.sqrt(count * math.comb(2 * count - 2, count - 1)) / 2 ** (count - 1)
        turns = [math.pi * k / count for k in range(count)]
        return {
            f"{180 * k / count:g}°": np.abs(np.cos(angle - turn)) ** (count - 1) / norm
            for k, turn in enumerate(turns)
        }


def _split(frequency: np.ndarray, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """A high-pass and a low-pass window, smooth over the octave below `edge`."""
    with np.errstate(divide="ignore"):
        place = np.clip(np.log2(frequency / edge) + 1, 0, 1) * np.pi / 2
    return np.sin(place), np.cos(place)


@dataclass(frozen=True)
class ConstantQ(FourierFrame):
    """
    Band-pass filters a given number to the octave, as pitches are: a tight frame.

    Parameters
    ----------
    octaves
        Number of octaves, below that of the highest frequency.
    bins_per_octave
        Filters in each; 12 are semitones.
    analytic
        Whether each band has two parts, a quarter of a period apart (``"... re"``, ``"... im"``),
        whose magnitude knows no phase.
    sample_rate
        Samples a second; bands are then named by notes' frequencies in Hz, from 440 Hz.
    axes
        The axis that is transformed; explainers set it.
    """

    octaves: int = 8
    bins_per_octave: int = 12
    analytic: bool = False
    sample_rate: float | None = None
    axes: tuple[int, ...] | None = None

    @property
    def level(self) -> int:
        return self.octaves

    def centres(self) -> np.ndarray:
        """The centres (octaves, bins) of the bands, coarse to fine, in Hz or cycles a sample."""
        count, rate = self.bins_per_octave, self.sample_rate or 1.0
        highest = rate / 2 * 2 ** (-1 / count)
        if self.sample_rate is not None:
            highest = 440 * 2 ** (math.floor(count * math.log2(highest / 440)) / count)
        places = np.arange(1 - self.octaves * count, 1) / count
        return (highest * 2.0**places).reshape(self.octaves, count)

    def windows(self, sizes: tuple[int, ...]) -> Windows:
        centres = self.centres()
        rate = self.sample_rate or 1.0
        with np.errstate(divide="ignore"):
            pitch = self.bins_per_octave * np.log2(
                np.fft.rfftfreq(sizes[0], 1 / rate) / centres[-1, -1]
            )
        pitch = np.minimum(pitch, 0)  # above the highest there is no other
        levels, number = [], 1 - centres.size
        for octave in centres:
            level = {}
            for centre in octave:
                window = np.cos(np.clip(pitch - number, -1, 1) * np.pi / 2)
                level[self._name(centre)] = window
                number += 1
            levels.append(level)
        low = np.cos(np.clip(pitch + centres.size, 0, 1) * np.pi / 2)
        if not self.analytic:
            return [low, *levels]
        return [
            low,
            *(
                {n: w for k, v in level.items() for n, w in self._parts(k, v, sizes[0])}
                for level in levels
            ),
        ]

    def _parts(self, name, window, size):
        re, im = window / math.sqrt(2) + 0j, -1j * window / math.sqrt(2)
        ends = [0] if size % 2 else [0, -1]
        re[ends], im[ends] = window[ends], 0
        return (f"{name} re", re), (f"{name} im", im)

    def _name(self, centre: float) -> str:
        return f"{centre:.4g}" + (" Hz" if self.sample_rate else "")


@dataclass(frozen=True)
class Packets:
    """
    Wavelet packets: bands of one width, 2^level along each axis, each as coarse as the others.

    Ref. Coifman & Wickerhauser, Entropy-based algorithms for best basis selection (1992). Band k of
    a signal holds the frequencies from k to k + 1 of 2^(level + 1) parts of the sampling rate;
    bands of images are named by those of both axes, "k,l".

    Parameters
    ----------
    wavelet
        Name of a discrete wavelet, or its four filters.
    level
        Number of times that each band is halved.
    axes
        Axes that are transformed; explainers set them.
    """

    wavelet: Any = "db4"
    level: int = 6
    axes: tuple[int, ...] | None = None

    def forward(self, x: Tensor) -> Coefficients:
        return self._split(x, wavedecn)

    def pullback(self, gradient: Tensor) -> Coefficients:
        """The gradient (W⁻¹)ᵀ ∂f/∂x with respect to the coefficients."""
        return self._split(gradient, pullback)

    def inverse(self, coefficients: Coefficients, shape: Sequence[int]) -> Tensor:
        ndim, levels = len(self.axes), [tuple(shape)]
        for _ in range(self.level - 1):
            halved = (
                -(-size // 2) if axis in self.axes else size for axis, size in enumerate(levels[-1])
            )
            levels.append(tuple(halved))
        nodes = {(0,) * ndim: coefficients[0]}
        nodes |= {tuple(map(int, name.split(","))): band for name, band in coefficients[1].items()}
        for size in reversed(levels):
            parents = dict.fromkeys(tuple(n // 2 for n in number) for number in nodes)
            nodes = {parent: self._join(nodes, parent, size) for parent in parents}
        return nodes[(0,) * ndim]

    def _split(self, x: Tensor, analysis: Any) -> Coefficients:
        nodes = {(0,) * len(self.axes): x}
        for _ in range(self.level):
            nodes = {
                tuple(map(_child, number, key)): band
                for number, node in nodes.items()
                for key, band in self._bands(
                    analysis(node, self.wavelet, "periodization", 1, self.axes)
                )
            }
        low = nodes.pop((0,) * len(self.axes))
        return [low, {",".join(map(str, number)): nodes[number] for number in sorted(nodes)}]

    def _bands(self, coefficients: Coefficients):
        return [("a" * len(self.axes), coefficients[0]), *coefficients[1].items()]

    def _join(self, nodes, parent, shape):
        keys = map("".join, itertools.product("ad", repeat=len(self.axes)))
        low, *details = [(key, nodes[tuple(map(_child, parent, key))]) for key in keys]
        x = waverecn([low[1], dict(details)], self.wavelet, "periodization", self.axes)
        return x[tuple(map(slice, shape))]


def _child(number: int, letter: str) -> int:
    """Half of a band, by frequency: a high-pass turns the order of what it halves."""
    return 2 * number + ((letter == "d") != (number % 2 == 1))
