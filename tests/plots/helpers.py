"""Explanations made by hand, so that what is drawn can be told from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pywt

from wam_xplique import WaveletExplanation
from wam_xplique.coefficients import map_bands
from wam_xplique.fourier import FourierExplanation
from wam_xplique.indices import SobolIndices


def explanation_of(size=(24, 17), mode="periodization", wavelet="haar", level=2):
    """An explanation of two images by gradients, with the approximation."""
    return _of_noise(size, (*size, 1), 2, level, True, wavelet, mode)


def signals_of(shape=(64,), level=3, approximation=False):
    """One of two signals (T,) or (T, W)."""
    return _of_noise(shape, shape, 1, level, approximation)


def volumes_of(size=(8, 12, 16), level=2, approximation=False, channels=()):
    """One of two volumes."""
    return _of_noise((*size, *channels), (*size, 1), 3, level, approximation)


def _of_noise(shape, input_shape, ndim, level, approximation, wavelet="haar", mode="periodization"):
    noise = np.random.default_rng(0).standard_normal((2, *shape))
    coefficients = pywt.wavedecn(noise, wavelet, mode, level, axes=range(1, 1 + ndim))
    coefficients[0] *= approximation
    return WaveletExplanation(coefficients, wavelet, mode, (2, *input_shape), ndim)


def nothing_of(explanation):
    """An explanation whose coefficients are all zero."""
    return replace(explanation, coefficients=map_bands(np.zeros_like, explanation.coefficients))


def indices_of(cells, shares, total, intervals=True):
    """Sobol indices of two inputs; intervals of the importance lie about it, not symmetrically."""
    counts = {"nb_design": np.full(2, 8), "forwards": np.full(2, 8), "variance": np.ones(2)}
    told = {"interval": None, "importance_interval": None, "confidence": 0.95 * intervals or None}
    made = {"total": total, "first_order": 0 * total, "evaluated": np.ones(total.shape, bool)}
    indices = SobolIndices(**made, **told, **counts, cells=cells, shares=shares)
    if not intervals:
        return indices
    importance = indices.importance()
    interval = np.stack([importance * 0.9, importance + np.array([[0.1], [0.3]])], axis=-1)
    return replace(indices, importance_interval=interval)


def wcam_of(size=(16, 16), mode="periodization", wavelet="haar", level=2, intervals=True):
    """An explanation of two images by indices: a cell a band, the approximation held."""
    shapes = pywt.wavedecn_shapes(size, wavelet, mode, level)
    numbers = iter(range(-1, 3 * level))
    cells = map_bands(lambda shape: np.full(shape, next(numbers)), shapes)
    shares = np.vstack([np.zeros(3 * level), np.repeat(np.eye(level), 3, axis=1)])
    total = np.random.default_rng(0).random((2, 3 * level))
    indices = indices_of(cells, shares, total, intervals)
    how = (wavelet, mode, (2, *size, 1), len(size), indices)
    return WaveletExplanation(indices.spread(total), *how, includes_approximation=False)


def fam_of(size=(8, 8), intervals=True, count=4):
    """An explanation of two inputs by the indices of single frequencies."""
    total = np.random.default_rng(0).random((2, int(np.prod(size))))
    cells = [np.arange(total.shape[1]).reshape(size)]
    shares = np.random.default_rng(1).random((count, total.shape[1]))
    shares /= shares.sum(axis=0)
    radii = (np.arange(count) + 0.5) * 0.7 / count
    indices = indices_of(cells, shares, total, intervals)
    return FourierExplanation(indices, radii, (2, *size, 1), len(size))
