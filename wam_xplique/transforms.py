"""The transforms whose coefficients are explained: decimated or not, by direction, by pitch."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .backends import Tensor, get_backend, pullback, wavedecn, waverecn
from .backends.base import constant
from .backends.wavelets import as_wavelet, iswtn, plain_wavelet, swtn
from .checks import is_integer, is_number
from .coefficients import (
    Coefficients,
    Transform,
    WaveletTransform,
    dyadic_scales,
    flatten,
    levels,
    map_bands,
    octaves,
)

DWT = WaveletTransform


class Frame(Transform):
    """A Parseval frame: its synthesis is its transposed analysis, and Σ|z|² = Σ|x|². All bands have
    the input's size, and move with the input."""

    def pullback(self, gradient: Tensor) -> Coefficients:
        """The gradient (W⁻¹)ᵀ ∂f/∂x with respect to the coefficients: here, the analysis of it."""
        return self.forward(gradient)

    def shapes(self, sizes: Sequence[int]) -> Coefficients:
        return map_bands(lambda _: tuple(sizes), self.names(tuple(sizes)))

    @abstractmethod
    def names(self, sizes: tuple[int, ...]) -> Coefficients:
        """What has the layout of the coefficients of inputs of these sizes."""


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

    are_octaves = True

    wavelet: Any = "haar"
    level: int = 3
    axes: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "wavelet", plain_wavelet(self.wavelet))  # one is equal to another

    def __str__(self) -> str:
        return f"stationary {self.wavelet}, {self.level} level{'s' * (self.level != 1)}"

    def check(self, shape: Sequence[int]) -> None:
        wavelet, sizes = as_wavelet(self.wavelet), _sizes(self, shape)
        if not wavelet.orthogonal:
            raise ValueError(f"wavelet must be orthogonal for Stationary, got {self.wavelet!r}.")
        _check_level("level", self.level, int(np.log2(min(sizes))), sizes)

    def scales(self, ndim: int) -> list[str]:
        return dyadic_scales(self.level, ndim)

    def frequencies(self) -> list[np.ndarray]:
        return octaves(self.level)

    def names(self, sizes: tuple[int, ...]) -> Coefficients:
        keys = ["".join(letters) for letters in itertools.product("ad", repeat=len(sizes))]
        return [keys[0], *({key: key for key in keys[1:]} for _ in range(self.level))]

    def forward(self, x: Tensor) -> Coefficients:
        return swtn(x, self.wavelet, self.level, self.axes)

    def inverse(self, coefficients: Coefficients, shape: Sequence[int]) -> Tensor:
        return iswtn(coefficients, self.wavelet, self.axes)


class FourierFrame(Frame):
    """A frame of windows in the Fourier domain whose squares add up to 1."""

    @abstractmethod
    def windows(self, sizes: tuple[int, ...]) -> Coefficients:
        """The frequency responses of the bands over the half spectrum of inputs of `sizes`."""

    def names(self, sizes: tuple[int, ...]) -> Coefficients:
        return _windows(self.over(None), sizes)

    def forward(self, x: Tensor) -> Coefficients:
        backend, sizes = get_backend(x), _sizes(self, x.shape)
        spectrum = backend.rfftn(x, self.axes)

        def band(window: np.ndarray) -> Tensor:
            return backend.irfftn(self._times(spectrum, window, x), self.axes, sizes)

        return map_bands(band, self.names(sizes))

    def inverse(self, coefficients: Coefficients, shape: Sequence[int]) -> Tensor:
        x = coefficients[0]
        backend, sizes = get_backend(x), _sizes(self, shape)
        windows = flatten(self.names(sizes)).values()
        total: Any = 0
        for window, band in zip(windows, flatten(coefficients).values(), strict=True):
            total = total + self._times(backend.rfftn(band, self.axes), window.conj(), x)
        return backend.irfftn(total, self.axes, sizes)

    def _times(self, spectrum: Tensor, window: np.ndarray, like: Tensor) -> Tensor:
        shape = [1] * len(spectrum.shape)
        for axis, size in zip(self.axes, window.shape, strict=True):
            shape[axis] = size
        return spectrum * get_backend(like).spectral(window.reshape(shape), like)


@constant
def _windows(frame: FourierFrame, sizes: tuple[int, ...]) -> Coefficients:
    return _windows_of(frame, sizes)


@functools.lru_cache(maxsize=4)  # of long sounds, hundreds of megabytes each
def _windows_of(frame: FourierFrame, sizes: tuple[int, ...]) -> Coefficients:
    return frame.windows(sizes)


def _sizes(transform: Transform, shape: Sequence[int]) -> tuple[int, ...]:
    """Sizes along the axes transformed."""
    if transform.axes is None:
        raise ValueError(f"axes must be given to use {type(transform).__name__} by itself.")
    # index() settles what torch.compile leaves open of a shape
    return tuple(operator.index(shape[axis]) for axis in transform.axes)


def _check_level(name: str, level: Any, highest: int, sizes: tuple[int, ...]) -> None:
    """Check a number of levels."""
    if not is_integer(level) or not 1 <= level <= highest:
        raise ValueError(
            f"{name}={level!r} does not fit inputs of size {sizes}; the highest possible is "
            f"{highest}, the lowest 1."
        )


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

    are_octaves = True

    level: int = 3
    orientations: int = 6
    axes: Any = None

    def __str__(self) -> str:
        levels = f"{self.level} level{'s' * (self.level != 1)}"
        return (
            f"steerable, {levels}, {self.orientations} orientation{'s' * (self.orientations != 1)}"
        )

    def check(self, shape: Sequence[int]) -> None:
        sizes = _sizes(self, shape)
        if len(sizes) not in (2, 3):
            raise ValueError(f"Steerable is for images and volumes, not for {len(sizes)} axes.")
        if not is_integer(self.orientations) or not 1 <= self.orientations <= 32:
            raise ValueError(f"orientations must be from 1 to 32, got {self.orientations!r}.")
        _check_level("level", self.level, max(int(np.log2(min(sizes))) - 1, 1), sizes)

    def scales(self, ndim: int) -> list[str]:
        ends = [_rounded(2 ** (j + 0.5), 2) for j in range(self.level, -1, -1)]
        between = [f"{small}-{large} px" for large, small in itertools.pairwise(ends)]
        return [f"> {ends[0]} px", *between, f"< {ends[-1]} px"]

    def windows(self, sizes: tuple[int, ...]) -> Coefficients:
        frequencies = [np.fft.fftfreq(size) for size in sizes[:-1]]
        frequencies = list(np.meshgrid(*frequencies, np.fft.rfftfreq(sizes[-1]), indexing="ij"))
        radius = np.sqrt(sum(f**2 for f in frequencies))
        high, low = _split(radius, 0.5)
        angles = self._angular(frequencies)
        finer = [{"high": high}]
        for depth in range(self.level):
            band, lower = _split(radius, 0.25 / 2**depth)
            finer.insert(0, {key: low * band * angular for key, angular in angles.items()})
            low = low * lower
        return [low, *finer]

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


def _rounded(value: float, digits: int) -> str:
    """A number to so many digits, without a power of ten."""
    return np.format_float_positional(
        value, precision=digits, unique=False, fractional=False, trim="-"
    )


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

    are_octaves = True

    octaves: int = 8
    bins_per_octave: int = 12
    analytic: bool = False
    sample_rate: float | None = None
    axes: Any = None

    def __str__(self) -> str:
        octaves = f"{self.octaves} octave{'s' * (self.octaves != 1)} of {self.bins_per_octave}"
        return f"constant-Q, {octaves}{', analytic' if self.analytic else ''}"

    def check(self, shape: Sequence[int]) -> None:
        sizes = _sizes(self, shape)
        if len(sizes) != 1:
            raise ValueError(f"ConstantQ is for signals, not for {len(sizes)} axes.")
        if not is_integer(self.bins_per_octave) or not 1 <= self.bins_per_octave <= 96:
            raise ValueError(f"bins_per_octave must be from 1 to 96, got {self.bins_per_octave!r}.")
        if not isinstance(self.analytic, bool):
            raise ValueError(f"analytic must be True or False, got {self.analytic!r}.")
        rate = self.sample_rate
        if rate is not None and not (is_number(rate) and rate > 0):
            raise ValueError(f"sample_rate must be a positive number, got {rate!r}.")
        _check_level("octaves", self.octaves, max(int(np.log2(sizes[0])) - 1, 1), sizes)

    def scales(self, ndim: int) -> list[str]:
        ends = self.centres()[:, [0, -1]]
        if self.sample_rate is None:
            periods = [[_rounded(1 / end, 3) for end in pair] for pair in ends]
            told = [f"{low}-{high} samples" for high, low in periods]
            return [f"> {periods[0][0]} samples", *told]
        pitches = [[_rounded(end, 4) for end in pair] for pair in ends]
        return [f"< {pitches[0][0]} Hz", *(f"{low}-{high} Hz" for low, high in pitches)]

    def frequencies(self) -> list[np.ndarray]:
        half, parts = 2 ** (0.5 / self.bins_per_octave), 1 + self.analytic
        centres = self.centres() / (self.sample_rate or 1.0)
        bands = np.stack([centres / half, centres * half], axis=-1)
        return [np.array([[0.0, bands[0, 0, 0]]]), *np.repeat(bands, parts, axis=1)]

    def centres(self) -> np.ndarray:
        """The centres (octaves, bins) of the bands, coarse to fine, in Hz or cycles a sample."""
        count, rate = self.bins_per_octave, self.sample_rate or 1.0
        highest = rate / 2 * 2 ** (-1 / count)
        if self.sample_rate is not None:
            highest = 440 * 2 ** (math.floor(count * math.log2(highest / 440)) / count)
        places = np.arange(1 - self.octaves * count, 1) / count
        return (highest * 2.0**places).reshape(self.octaves, count)

    def windows(self, sizes: tuple[int, ...]) -> Coefficients:
        centres = self.centres()
        rate = self.sample_rate or 1.0
        with np.errstate(divide="ignore"):
            pitch = self.bins_per_octave * np.log2(
                np.fft.rfftfreq(sizes[0], 1 / rate) / centres[-1, -1]
            )
        pitch = np.minimum(pitch, 0)  # above the highest there is no other
        numbers = np.arange(1 - centres.size, 1).reshape(centres.shape)
        low = np.cos(np.clip(pitch + centres.size, 0, 1) * np.pi / 2)
        octaves: Coefficients = [low]
        for octave in zip(centres, numbers, strict=True):
            bands: dict[str, np.ndarray] = {}
            for centre, number in zip(*octave, strict=True):
                window = np.cos(np.clip(pitch - number, -1, 1) * np.pi / 2)
                bands |= self._parts(self._name(centre), window, sizes[0])
            octaves.append(bands)
        return octaves

    def _parts(self, name: str, window: np.ndarray, size: int) -> dict[str, np.ndarray]:
        """The band itself; or, analytic, the two that are a quarter of a period apart."""
        if not self.analytic:
            return {name: window}
        re, im = window / math.sqrt(2) + 0j, -1j * window / math.sqrt(2)
        ends = [0] if size % 2 else [0, -1]
        re[ends], im[ends] = window[ends], 0
        return {f"{name} re": re, f"{name} im": im}

    def _name(self, centre: float) -> str:
        return _rounded(centre, 4) + (" Hz" if self.sample_rate else "")


@dataclass(frozen=True)
class Packets(Transform):
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
    axes: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "wavelet", plain_wavelet(self.wavelet))  # one is equal to another

    def __str__(self) -> str:
        return f"packets of {self.wavelet}, {self.level} level{'s' * (self.level != 1)}"

    def check(self, shape: Sequence[int]) -> None:
        sizes = _sizes(self, shape)
        as_wavelet(self.wavelet)
        if len(sizes) > 2:
            raise ValueError("Packets are for signals and images, not for volumes.")
        _check_level("level", self.level, int(np.log2(min(sizes))), sizes)

    def scales(self, ndim: int) -> list[str]:
        (low, *_), unit = dyadic_scales(self.level, ndim), "samples" if ndim == 1 else "px"
        return [low, f"1-{2**self.level} {unit}"]

    def frequencies(self) -> list[np.ndarray]:
        edges = np.arange(2**self.level + 1) / 2 ** (self.level + 1)
        bands = np.stack([edges[:-1], edges[1:]], axis=1)
        return [bands[:1], bands[1:]]

    def forward(self, x: Tensor) -> Coefficients:
        return self._split(x, wavedecn)

    def pullback(self, gradient: Tensor) -> Coefficients:
        """The gradient (W⁻¹)ᵀ ∂f/∂x with respect to the coefficients."""
        return self._split(gradient, pullback)

    def inverse(self, coefficients: Coefficients, shape: Sequence[int]) -> Tensor:
        ndim, shapes = len(self.axes), [tuple(shape)]
        for _ in range(self.level - 1):
            halved = (
                -(-size // 2) if axis in self.axes else size for axis, size in enumerate(shapes[-1])
            )
            shapes.append(tuple(halved))
        nodes = {(0,) * ndim: coefficients[0]}
        nodes |= {tuple(map(int, name.split(","))): band for name, band in coefficients[1].items()}
        for size in reversed(shapes):
            parents = dict.fromkeys(tuple(n // 2 for n in number) for number in nodes)
            nodes = {parent: self._join(nodes, parent, size) for parent in parents}
        return nodes[(0,) * ndim]

    def delays(self, name: str, ndim: int) -> tuple[int, ...]:
        numbers = map(int, name.split(",")) if name[0] != "a" else (0,) * ndim
        return tuple(_delay(plain_wavelet(self.wavelet), self.level, n) for n in numbers)

    def rows(self, coefficients: Coefficients) -> list[list[Any]]:
        """The bands of images as they are laid out: by both frequencies, in a square."""
        bands, count = [*flatten(coefficients).values()], 2**self.level
        return [bands[start : start + count] for start in range(0, count**2, count)]

    def _split(self, x: Tensor, analysis: Any) -> Coefficients:
        nodes, how = {(0,) * len(self.axes): x}, ("periodization", 1, self.axes)
        for _ in range(self.level):
            nodes = {
                tuple(map(_child, number, key)): band
                for number, node in nodes.items()
                for halves in levels(analysis(node, self.wavelet, *how), len(self.axes))
                for key, band in halves.items()
            }
        low = nodes.pop((0,) * len(self.axes))
        return [low, {",".join(map(str, number)): nodes[number] for number in sorted(nodes)}]

    def _join(self, nodes: dict[Any, Tensor], parent: Any, shape: Sequence[int]) -> Tensor:
        keys = map("".join, itertools.product("ad", repeat=len(self.axes)))
        low, *details = [(key, nodes[tuple(map(_child, parent, key))]) for key in keys]
        x = waverecn([low[1], dict(details)], self.wavelet, "periodization", self.axes)
        return x[tuple(map(slice, shape))]


@functools.lru_cache(maxsize=1024)
def _delay(wavelet: Any, level: int, number: int) -> int:
    """How much later than in its turn a basis function of a band is centred."""
    count, middle = 2**level, 16
    low, bands = Packets(wavelet, level, (0,)).forward(np.zeros(2 * middle * count))
    (low if number == 0 else bands[str(number)])[middle] = 1
    energy = Packets(wavelet, level, (0,)).inverse([low, bands], (2 * middle * count,)) ** 2
    centre = energy @ np.arange(len(energy)) / energy.sum()
    return round(float(centre) - (middle + 0.5) * count + 0.5)


def _child(number: int, letter: str) -> int:
    """Half of a band, by frequency: a high-pass turns the order of what it halves."""
    return 2 * number + ((letter == "d") != (number % 2 == 1))


KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (WaveletTransform, Stationary, Steerable, ConstantQ, Packets)
}


def described(transform: Transform) -> dict[str, Any]:
    """A transform as what JSON can hold."""
    kind = type(transform).__name__
    if KINDS.get(kind) is not type(transform):
        raise ValueError(
            f"explanations by a {kind}, which is none of wam_xplique.transforms, cannot be saved; "
            "pickle them."
        )
    known = {field.name: getattr(transform, field.name) for field in fields(transform)}
    if "wavelet" in known:
        known["wavelet"] = plain_wavelet(known["wavelet"])
    return {"kind": kind, **{name: value for name, value in known.items() if name != "axes"}}


def of_description(known: dict[str, Any]) -> Transform:
    """The transform that `described` described."""
    kind = KINDS.get(known.pop("kind", ""))
    if kind is None:
        raise ValueError("its transform is none of wam_xplique.transforms.")
    if "wavelet" in known:
        known["wavelet"] = plain_wavelet(known["wavelet"])
    return kind(**known)


def check_transform(transform: Any, is_told: bool = False, optional: bool = True) -> None:
    """Check a transform, and that wavelet, level and mode are not told besides."""
    if transform is None and optional:
        return
    if not isinstance(transform, Transform) or "axes" not in vars(transform):
        raise TypeError(
            f"transform must be one of wam_xplique.transforms ({', '.join(KINDS)}), or a frozen "
            f"dataclass of its Transform, got {transform!r}."
        )
    if is_told:
        raise ValueError("wavelet, level and mode tell of the DWT; with transform, leave them out.")


def fitting(
    transform: Transform | None,
    shape: Sequence[int],
    axes: tuple[int, ...],
    wavelet: Any,
    level: int | None,
    mode: str,
) -> Transform:
    """The transform of tensors of `shape`, or the decimated one where None is given."""
    if transform is None:
        return WaveletTransform.fitting(shape, wavelet, level, mode, axes)
    if type(transform) is WaveletTransform:
        how = (transform.wavelet, transform.level, transform.mode)
        return WaveletTransform.fitting(shape, *how, axes)
    transform = transform.over(axes)
    transform.check(shape)
    return transform
