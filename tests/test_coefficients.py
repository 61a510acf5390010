"""Coefficients as data: mapping, packing, resizing."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import affine_transform

from wam_xplique.coefficients import (
    WaveletTransform,
    averages,
    flatten,
    levels,
    map_bands,
    resize_level,
    spread_level,
)

MODES = tuple(pywt.Modes.modes)


def coefficients(shape=(2, 16, 16), wavelet="haar", mode="periodization", level=2):
    x = np.random.default_rng(0).standard_normal(shape)
    return pywt.wavedecn(x, wavelet, mode, level, axes=range(1, len(shape)))


# --- maps and layouts ----------------------------------------------------------------------


def test_map_bands_maps_each_band_and_keeps_the_layout_and_its_arguments():
    bands, before = coefficients(), coefficients()
    doubled = map_bands(lambda band: 2 * band, bands)
    np.testing.assert_equal(bands, before)
    halved = [doubled[0] / 2, *({key: b / 2 for key, b in level.items()} for level in doubled[1:])]
    np.testing.assert_equal(halved, bands)
    assert [[*level] for level in doubled[1:]] == [[*level] for level in bands[1:]]


def test_map_bands_joins_the_bands_in_the_same_place_of_several_lists():
    one = coefficients()
    other = [one[0] + 1, *({k: v + 1 for k, v in reversed(level.items())} for level in one[1:])]
    difference = map_bands(lambda a, b: b - a, one, other)
    for band in flatten(difference).values():
        np.testing.assert_allclose(band, 1)


@pytest.mark.parametrize("make", [tf.constant, torch.tensor])
def test_map_bands_takes_the_tensors_of_any_framework(make):
    tensors = map_bands(make, coefficients())
    magnitudes = map_bands(abs, tensors)
    assert type(magnitudes[0]) is type(tensors[0])
    expected = np.abs(coefficients()[2]["da"])
    np.testing.assert_array_equal(np.asarray(magnitudes[2]["da"]), expected)


def test_levels_are_the_approximation_then_the_details_coarse_to_fine():
    given_ = coefficients()
    parts = levels(given_, 2)
    assert [set(part) for part in parts] == [{"aa"}, {"ad", "da", "dd"}, {"ad", "da", "dd"}]
    assert parts[0]["aa"] is given_[0]
    assert [part["dd"].shape for part in parts[1:]] == [(2, 4, 4), (2, 8, 8)]


@pytest.mark.parametrize("shape", [(3, 33), (2, 17, 16), (2, 9, 8, 10)])
@pytest.mark.parametrize("mode", ["periodization", "symmetric"])
def test_the_mosaic_is_pywavelets_own(shape, mode):
    given_, packed = coefficients(shape, "haar", mode), WaveletTransform().packed
    axes = tuple(range(1, len(shape)))
    np.testing.assert_array_equal(packed(given_, axes), pywt.coeffs_to_array(given_, axes=axes)[0])
    assert packed(given_[:1], axes) is given_[0]


# --- the transform -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("shape", "axes"), [((2, 33, 2), (1,)), ((2, 25, 22, 2), (1, 2))])
def test_the_inverse_undoes_the_transform_and_the_pullback_is_its_transpose(shape, axes, mode):
    """<W⁻¹ z, x> = <z, (W⁻¹)ᵀ x> for any coefficients z."""
    rng = np.random.default_rng(0)
    transform, x = WaveletTransform("bior2.2", 2, mode, axes), rng.standard_normal(shape)
    np.testing.assert_allclose(transform.inverse(transform.forward(x), shape), x, atol=1e-10)
    z = map_bands(lambda band: rng.standard_normal(band.shape), transform.forward(x))
    product = map_bands(lambda a, b: float((a * b).sum()), z, transform.pullback(x))
    expected = float((transform.inverse(z, shape) * x).sum())
    assert sum(flatten(product).values()) == pytest.approx(expected)


@pytest.mark.parametrize("mode", ["periodization", "symmetric"])
@pytest.mark.parametrize("shape", [(1, 2**17), (2, 27, 36)])
def test_coefficients_are_shared_by_the_transpose_of_averages(shape, mode):
    """<averages(x), z> = <x, shared z>; a signal so long leaves no memory for a matrix."""
    rng, ndim = np.random.default_rng(0), len(shape) - 1
    transform = WaveletTransform("db2", 2, mode, tuple(range(1, 1 + ndim)))
    x, z = rng.standard_normal(shape), transform.forward(rng.standard_normal(shape))
    depths = zip((2, 2, 1), levels(z, ndim), strict=True)
    shared = sum(spread_level(bands, transform, depth, shape[1:]) for depth, bands in depths)
    product = map_bands(lambda a, b: float((a * b).sum()), averages(x, transform, ndim), z)
    assert sum(flatten(product).values()) == pytest.approx(float((x * shared).sum()))


def test_a_level_too_high_is_refused_with_the_highest_possible():
    WaveletTransform("haar", 4, "zero", (1, 2)).check((2, 16, 32, 3))
    with pytest.raises(ValueError, match=r"level=5 .*\(16, 32\).*'haar'.*highest.* is 4"):
        WaveletTransform("haar", 5, "zero", (1, 2)).check((2, 16, 32, 3))


@pytest.mark.parametrize(
    ("wavelet", "level", "mode", "match"),
    [
        *(("haar", level, "zero", "level") for level in (-1, 1.0, "1")),
        ("har", 1, "zero", r"'har'.*haar"),
        ("haar", 1, "period", r"'period'.*period"),
    ],
)
def test_levels_that_are_no_counts_and_unknown_names_are_refused(wavelet, level, mode, match):
    with pytest.raises(ValueError, match=match):
        WaveletTransform(wavelet, level, mode, (1,)).check((2, 16))


# --- resizing ------------------------------------------------------------------------------


def centre_of_energy(wavelet, mode, letter, level):
    """Where PyWavelets puts the basis function of coefficient 0, read off one in the middle."""
    signal = np.zeros(4096)
    coefficients = pywt.wavedecn(signal, wavelet, mode, level)
    band = coefficients[0] if letter == "a" else coefficients[1]["d"]
    band[len(band) // 2] = 1
    energy = pywt.waverecn(coefficients, wavelet, mode) ** 2
    return (energy * np.arange(len(energy))).sum() / energy.sum() - len(band) // 2 * 2**level


def scipys_resize(bands, level, shape, wavelet, mode):
    """The resize as an affine map: where in the band does each sample of the input stand?"""
    total = 0
    for key, band in bands.items():
        shift = [-centre_of_energy(wavelet, mode, letter, level) / 2**level for letter in key]
        matrix, options = np.eye(len(shape)) / 2**level, {"order": 1, "mode": "nearest"}
        maps = (affine_transform(image, matrix, shift, tuple(shape), **options) for image in band)
        total += np.stack([*maps])
    return total


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
    st.lists(st.integers(1, 25), min_size=3, max_size=3),
    st.integers(1, 4),
    st.sampled_from(["haar", "db2", "db5", "bior2.2", "sym4"]),
    st.sampled_from(MODES),
    st.integers(0, 2**31),
)
def test_resize_level_is_scipys_affine_transform(band_shape, sizes, level, wavelet, mode, seed):
    generator = np.random.default_rng(seed)
    ndim = len(band_shape)
    keys = {"d" * ndim, "a" * (ndim - 1) + "d"}
    bands = {key: generator.standard_normal((2, *band_shape)) for key in keys}
    shape = tuple(sizes[:ndim])
    actual = resize_level(bands, level, shape, wavelet, mode)
    expected = scipys_resize(bands, level, shape, wavelet, mode)
    assert actual.shape == (2, *shape)
    np.testing.assert_allclose(actual, expected, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_resize_level_takes_channels_last_and_keeps_the_precision(dtype):
    band = np.random.default_rng(0).standard_normal((2, 5, 6, 3)).astype(dtype)
    resized = resize_level({"da": band}, 2, (20, 23), "haar", "periodization")
    assert resized.dtype == dtype
    assert resized.shape == (2, 20, 23, 3)
    for c in range(3):
        alone = resize_level({"da": band[..., c]}, 2, (20, 23), "haar", "periodization")
        np.testing.assert_allclose(resized[..., c], alone)


@pytest.mark.parametrize("mode", MODES)
def test_resize_level_of_level_zero_is_the_band_itself(mode):
    band = np.random.default_rng(0).standard_normal((2, 7, 9))
    np.testing.assert_allclose(resize_level({"aa": band}, 0, (7, 9), "db3", mode), band)


@pytest.mark.parametrize("mode", MODES)
def test_resize_level_stays_within_the_values_of_the_band(mode):
    band = np.random.default_rng(0).standard_normal((1, 6, 6))
    resized = resize_level({"aa": band}, 3, (40, 41), "db3", mode)
    assert band.min() <= resized.min()
    assert resized.max() <= band.max()
