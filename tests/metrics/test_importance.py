"""Maps in the input's domain, brought to the coefficients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import pywt
import torch

from wam_xplique.coefficients import WaveletTransform, averages, flatten, levels, resize_level
from wam_xplique.metrics import WaveletDeletion

from .helpers import Network, case, each_shape, noise, random_explanation, targets


def transform(wavelet: str, level: int, mode: str = "periodization") -> WaveletTransform:
    return WaveletTransform(wavelet, level, mode, ())


def test_haars_coefficients_have_the_means_of_their_blocks():
    x = noise(2, 16, 8, 3)
    coarse = x.reshape(2, 4, 4, 2, 4, 3).mean((2, 4))
    fine = x.reshape(2, 8, 2, 4, 2, 3).mean((2, 4))
    found = averages(x, transform("haar", 2), 2)
    for bands, expected in zip(levels(found, 2), (coarse, coarse, fine), strict=True):
        for band in bands.values():
            np.testing.assert_allclose(band, expected, atol=1e-6)


@pytest.mark.parametrize("wavelet", ["haar", "db4", "bior2.2"])
@pytest.mark.parametrize("mode", ["periodization", "symmetric", "zero"])
@pytest.mark.parametrize("shape", [(33,), (20, 17), (15, 18, 16)])
def test_constant_maps_stay_so_to_the_last_digit(shape, mode, wavelet):
    x = np.full((2, *shape), 0.1, np.float32)
    expected = pywt.wavedecn(x, wavelet, mode, 1, axes=tuple(range(1, x.ndim)))
    found = averages(x, transform(wavelet, 1, mode), len(shape))
    for one, other in zip(flatten(found).values(), flatten(expected).values(), strict=True):
        assert one.shape == other.shape
        np.testing.assert_array_equal(one, np.float32(0.1))


@pytest.mark.parametrize("mode", ["periodization", "symmetric"])
@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "bior3.5"])
def test_a_place_is_that_of_the_coefficient_which_is_drawn_there(wavelet, mode):
    shape = (128, 128)
    place = (40, 75)
    x = np.zeros((1, *shape))
    x[(0, *place)] = 1
    for level, bands in enumerate(averages(x, transform(wavelet, 2, mode), 2)[:0:-1], start=1):
        for key, band in bands.items():
            drawn = resize_level({key: band}, level, shape, wavelet, mode)[0]
            peak = np.argwhere(drawn == drawn.max()).mean(axis=0)
            assert np.abs(peak - place).max() <= 2**level


def test_no_level_leaves_the_map_as_it_is():
    x = noise(2, 5, 7)
    (found,) = averages(x, transform("haar", 0), 2)
    np.testing.assert_array_equal(found, x)


@each_shape
def test_a_map_is_an_explanation_by_its_averages(shape):
    x, y, network = case(*shape)
    ndim = max(1, len(shape) - 1)
    values = np.abs(noise(2, *(shape if ndim == 1 else shape[:ndim]), seed=4))
    means = averages(values, transform("haar", 1), ndim)
    explanation = replace(random_explanation(x, level=1), coefficients=means)
    metric = WaveletDeletion(network, x, y, level=1)
    one, other = map(metric.evaluate_samples, (values, explanation))
    np.testing.assert_array_equal(one, other)


def test_channels_of_maps_are_averaged_and_those_of_signals_kept():
    x, y, network = case(8, 12, 3)
    metric = WaveletDeletion(network, x, y, level=1)
    values = noise(2, 8, 12, 3)
    expected = metric.evaluate_samples(values.mean(-1))
    for same in (values, values.mean(-1, keepdims=True), torch.tensor(np.moveaxis(values, -1, 1))):
        np.testing.assert_array_equal(metric.evaluate_samples(same), expected)
    signals = noise(2, 24, 2)
    metric = WaveletDeletion(Network((24, 2)), signals, y, level=1)
    for values, features in ((signals, 48), (signals[..., 0], 24), (signals[..., :1], 24)):
        assert max(metric.detailed_evaluate(values)) == features


def test_maps_are_ranked_by_value_and_coefficients_by_magnitude():
    x, y = noise(2, 16), np.ones((2, 1), np.float32)
    weights = noise(16, 1, seed=2)
    metric = WaveletDeletion(lambda x: x @ weights, x, y, level=0)
    drops = x * weights[:, 0]
    signed, magnitude = metric(drops), metric(np.abs(drops))
    explanation = replace(random_explanation(x, level=0), coefficients=[drops])
    assert metric(explanation) == magnitude
    assert signed < magnitude  # what lowers the score most goes first


def test_half_precision_maps_are_read():
    x, y = noise(2, 16), targets(2)
    metric = WaveletDeletion(Network((16,)), x, y, level=1)
    values = np.random.default_rng(0).permutation(32).reshape(2, 16) / 8
    expected = metric(values)
    assert metric(torch.tensor(values, dtype=torch.bfloat16)) == expected
    assert metric(values.astype(np.float16)) == expected
    assert metric((8 * values).astype(int).tolist()) == expected
