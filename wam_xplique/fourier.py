"""The Fourier transform of inputs, and the answer of the Fourier attribution method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .archive import check_input_shape, check_shapes
from .backends import Tensor, get_backend
from .coefficients import Coefficients, flatten
from .explanation import Explanation, share_as_text
from .indices import SobolIndices, fractions


@dataclass(frozen=True)
class FourierTransform:
    """The discrete Fourier transform of real inputs (WCAM eq. 11 and 12): the half spectrum."""

    axes: tuple[int, ...]

    def forward(self, x: Tensor) -> Coefficients:
        """The coefficients of `x`, as `np.fft.rfftn` has them."""
        return [get_backend(x).rfftn(x, self.axes)]

    def inverse(self, coefficients: Coefficients, shape: Sequence[int]) -> Tensor:
        """The input of `shape` that has these coefficients."""
        sizes = [shape[axis] for axis in self.axes]
        return get_backend(coefficients[0]).irfftn(coefficients[0], self.axes, sizes)


def frequencies(shape: Sequence[int]) -> Sequence[np.ndarray]:
    """The frequencies (cycles/pixel) of the centred spectrum by axis: they broadcast to `shape`."""
    axes = [np.fft.fftshift(np.fft.fftfreq(size)) for size in shape]
    return np.meshgrid(*axes, indexing="ij", sparse=True)


def radius(shape: Sequence[int], norm: float = 2) -> np.ndarray:
    """The norm of each frequency of the centred spectrum, an array of `shape` in cycles/pixel."""
    return np.linalg.norm(np.stack(np.broadcast_arrays(*frequencies(shape))), norm, axis=0)


def octaves(shape: Sequence[int], level: int) -> np.ndarray:
    """
    The octave of each frequency: 0 below 2^-(level + 1) cycles/pixel, then coarse to fine.

    Level j has those between 2^-(j + 1) and 2^-j along the axis where they are highest, about
    what level j of a wavelet transform sees.

    >>> octaves((8,), 2)
    array([2, 2, 1, 0, 0, 0, 1, 2])
    """
    highest = np.maximum(radius(shape, np.inf), np.finfo(float).tiny)
    return np.clip(np.ceil(np.log2(highest) + 1 + level), 0, level).astype(int)


@dataclass(frozen=True, eq=False, repr=False)
class FourierExplanation(Explanation):
    """
    Importance of the frequencies of every input; indexed as a `WaveletExplanation` is.

    Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing
    Attribution to the Wavelet Domain (2023), appendix A.3.

    Parameters
    ----------
    sobol
        Sobol indices of the cells of the spectrum; its cell map is one array over the centred
        spectrum, its regions are rings.
    radii
        The frequency of the middle of each ring, in cycles/pixel.
    input_shape, ndim
        As those of a `WaveletExplanation`.
    """

    sobol: SobolIndices
    radii: np.ndarray
    input_shape: tuple[int, ...]
    ndim: int

    _shared: ClassVar = frozenset({"radii"})

    def __repr__(self) -> str:
        """What it is of, in a line."""
        shape, plural = " × ".join(map(str, self.input_shape[1:])), "s" * (len(self) != 1)
        how = f"Sobol indices of {self.sobol.total.shape[1]} cells"
        return f"<FourierExplanation of {len(self)} input{plural} of {shape}:\n {how}>"

    def _seen(self) -> tuple[np.ndarray, list[tuple[str, str, float]]]:
        rings = zip(self.radii, self.radial_importance()[0], strict=True)
        lines = [(f"{radius:.2g} cycles/px", share_as_text(s), s) for radius, s in rings]
        spectrum = np.maximum(self.spectrum()[0], 0)
        shown = spectrum.max(axis=tuple(range(self.ndim - 2)))
        return np.atleast_2d(shown), lines

    def spectrum(self) -> np.ndarray:
        """The total index (N, H, W) or (N, T) of the cell of each frequency of the centred spectrum
        (WCAM figure 12); frequency 0 at index size // 2."""
        return self.sobol.spread(self.sobol.total)[0]

    def pixels(self) -> np.ndarray:
        """What `FAM.explain` returns: the centred spectrum, an array (N, H, W, 1) for images, of
        the input's shape for signals."""
        spectrum = self.spectrum()
        if len(self.input_shape) == 1 + self.ndim:
            return spectrum
        channels = self.input_shape[-1] if self.ndim == 1 else 1
        return np.repeat(spectrum[..., np.newaxis], channels, axis=-1)

    def radial_importance(self) -> np.ndarray:
        """The share (N, rings) of each ring of `radii`, as `SobolIndices.importance` has them: rows
        sum to 1, or to 0 where nothing has importance."""
        return self.sobol.importance()

    def octave_importance(self, level: int) -> np.ndarray:
        """
        The mean total index (N, level + 1) over each of `level` octaves, lower frequencies first.

        To set beside a wavelet's levels (WCAM figure 13). Rows sum to 1, or 0 without importance.
        """
        octave = octaves(self.spatial_shape, level)
        spectrum = np.maximum(self.spectrum(), 0).reshape(len(self), -1)
        counts = np.maximum(np.bincount(octave.ravel(), minlength=level + 1), 1)
        sums = np.stack([np.bincount(octave.ravel(), s, level + 1) for s in spectrum]) / counts
        return fractions(sums)

    def check(self) -> None:
        check_input_shape(self.input_shape, self.ndim)
        self.sobol.check(len(self))
        check_shapes({"radii": self.radii}, {"radii": (len(self.sobol.shares),)})
        check_shapes(flatten(self.sobol.cells), {"approximation": self.spatial_shape})

    def _parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        header = {"input_shape": self.input_shape, "ndim": self.ndim}
        return header, {**self.sobol.arrays(), "radii": self.radii}

    @classmethod
    def _of_parts(cls, header: dict[str, Any], arrays: dict[str, Any]) -> FourierExplanation:
        radii, sobol = arrays.pop("radii"), SobolIndices.of_arrays(arrays)
        return cls(sobol, radii, tuple(header["input_shape"]), header["ndim"])
