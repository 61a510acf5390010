"""The kernels against PyWavelets: wavelets × modes × sizes × dimensions × frameworks × dtypes.

PyTorch goes through the whole grid (float32 volumes have the wavelet along one axis). TensorFlow
runs the same kernels ten times slower, tensor operations being costlier there one by one: it goes
through a part in which every wavelet meets every mode on signals, and some modes on images and
volumes. With WAM_FULL_GRID=1 in the environment it goes through all: four minutes for signals on
two cores, far longer for volumes.
"""

from __future__ import annotations

import functools
import os
from typing import Any, NamedTuple

import numpy as np
import pytest
import pywt

from wam_xplique.backends import wavedecn, waverecn

from .helpers import (
    MODES,
    TOLERANCES,
    WAVELETS,
    assert_close,
    assert_same_coefficients,
    frameworks,
    ignore_high_levels,
    to_framework,
)

pytestmark = ignore_high_levels

FULL_GRID = bool(int(os.environ.get("WAM_FULL_GRID", "0")))
SIZES = (1, 2, 5, 8, 17, 32, 61)  # odd, even, prime, a power of 2, shorter than most filters


@pytest.fixture(autouse=True)
def recorded():
    """Small tensors of TensorFlow go through its own kernels where gradients are recorded."""
    import tensorflow as tf

    with tf.GradientTape():
        yield


dtypes = pytest.mark.parametrize("dtype", TOLERANCES)
modes = pytest.mark.parametrize("mode", MODES)


class Case(NamedTuple):
    """A transform, as the arguments of PyWavelets."""

    shape: tuple[int, ...]
    wavelet: str | tuple[str, ...]
    mode: str | tuple[str, ...]
    level: int
    axes: tuple[int, ...]


def part(framework: str, dtype: str, mode: str, share: int) -> list[int]:
    """For each wavelet, the first of every `share` cases; they differ over dtypes and modes."""
    offset = MODES.index(mode) + list(TOLERANCES).index(dtype) * (share // 2)
    return [
        (index + offset) % share if framework == "tensorflow" and not FULL_GRID else 0
        for index in range(len(WAVELETS))
    ]


@functools.cache
def signal(shape: tuple[int, ...]) -> np.ndarray:
    """Noise that float32 represents exactly, in float64: one reference serves both dtypes."""
    return np.random.default_rng(shape).standard_normal(shape).astype("float32").astype("float64")


@functools.cache
def reference(case: Case) -> tuple[list[Any], np.ndarray] | None:
    """The coefficients and the reconstruction of PyWavelets; None where it raises ValueError."""
    shape, wavelet, mode, level, axes = case
    try:
        coefficients = pywt.wavedecn(signal(shape), wavelet, mode, level, axes)
    except ValueError:
        return None
    return coefficients, pywt.waverecn(coefficients, wavelet, mode, axes)


def check(case: Case, framework: str, dtype: str) -> None:
    """Assert that ours are the coefficients and the reconstruction of PyWavelets."""
    shape, wavelet, mode, level, axes = case
    x = to_framework(signal(shape), framework, dtype)
    expected = reference(case)
    if expected is None:
        with pytest.raises(ValueError, match="at least 2 samples"):
            wavedecn(x, wavelet, mode, level, axes)
        return
    coefficients = wavedecn(x, wavelet, mode, level, axes)
    reconstruction = waverecn(coefficients, wavelet, mode, axes)
    try:
        assert_same_coefficients(coefficients, expected[0], TOLERANCES[dtype])
        assert_close(reconstruction, expected[1], TOLERANCES[dtype])
    except AssertionError as error:
        raise AssertionError(f"{case}: {error}") from error


@frameworks
@dtypes
@modes
def test_signals_equal_pywavelets(framework, dtype, mode):
    level = 2 if framework == "torch" else 1
    for wavelet, first in zip(WAVELETS, part(framework, dtype, mode, len(SIZES)), strict=True):
        chosen = SIZES if framework == "torch" or FULL_GRID else SIZES[first : first + 1]
        for size in chosen:
            check(Case((size,), wavelet, mode, level, (0,)), framework, dtype)


@frameworks
@modes
def test_deep_levels_of_signals_equal_pywavelets(framework, mode):
    offset = MODES.index(mode)
    kept = WAVELETS[offset :: len(MODES)] if framework == "tensorflow" else WAVELETS
    for wavelet in kept:
        check(Case((2, 61, 2), wavelet, mode, 4, (1,)), framework, "float64")


@frameworks
@dtypes
@modes
def test_images_equal_pywavelets(framework, dtype, mode):
    layouts = [((2, 7, 10, 3), (1, 2)), ((1, 3, 9, 5), (-2, -1))]  # channels last, channels first
    for index, first in enumerate(part(framework, dtype, mode, 6)):
        if first == 0:
            shape, axes = layouts[(index + MODES.index(mode)) % 2]
            check(Case(shape, WAVELETS[index], mode, 1, axes), framework, dtype)


@frameworks
@dtypes
@modes
def test_volumes_equal_pywavelets(framework, dtype, mode):
    """In TensorFlow and float32, the wavelet along one axis, and short ones along the others."""
    layouts = [((1, 5, 3, 4, 2), (1, 2, 3)), ((2, 1, 3, 7, 2), (-3, -2, -1))]
    isotropic = (framework == "torch" and dtype == "float64") or FULL_GRID
    for index, first in enumerate(part(framework, dtype, mode, 8)):
        if first == 0:
            wavelets: tuple[str, ...] = (WAVELETS[index], "haar", "bior1.3")
            wavelets = tuple(np.roll(wavelets, index).tolist())
            shape, axes = layouts[(index + MODES.index(mode)) % 2]
            case = Case(shape, WAVELETS[index] if isotropic else wavelets, mode, 1, axes)
            check(case, framework, dtype)


@frameworks
@dtypes
def test_a_wavelet_and_a_mode_for_each_axis_equal_pywavelets(framework, dtype):
    wavelets, each_mode = ("db2", "bior2.2", "sym3"), ("reflect", "periodization", "smooth")
    check(Case((2, 9, 7, 6), wavelets, each_mode, 2, (3, 1, 2)), framework, dtype)
    check(Case((2, 9, 7, 6), wavelets[:2], each_mode[1:], 2, (-1, 0)), framework, dtype)


@frameworks
@modes
def test_one_sample_is_transformed_or_refused_as_pywavelets_does(framework, mode):
    case = Case((1,), "db2", mode, 1, (0,))
    assert (reference(case) is None) == (mode in ("reflect", "antireflect"))
    check(case, framework, "float64")
