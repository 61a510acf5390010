"""Explanations that look at no model: orders in closed form, layouts, errors."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import pywt
import torch
import xplique.metrics

from wam_xplique.coefficients import WaveletTransform, flatten, levels
from wam_xplique.metrics import WaveletDeletion, control

from .helpers import SHAPES, case, each_framework, each_shape, given, noise

HAAR = WaveletTransform("haar", 2, "periodization", None)
NAMES = ("random", "magnitude", "coarse", "centre")


@each_shape
def test_magnitudes_are_those_of_pywavelets_averaged_over_channels(shape):
    x, ndim = noise(2, *shape), max(1, len(shape) - 1)
    transform = replace(HAAR, mode="symmetric")
    z = pywt.wavedecn(x, "haar", "symmetric", 2, tuple(range(1, 1 + ndim)))
    found = control("magnitude", x, transform)
    assert found.input_shape == x.shape
    for name, band in flatten(z).items():
        band = np.abs(band).mean(-1) if ndim > 1 else np.abs(band)
        np.testing.assert_allclose(flatten(found.coefficients)[name], band, atol=1e-5)


@each_framework
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES, ids=len)
def test_tensors_and_metrics_take_them_as_explanations(shape, name, framework):
    x, y, network = case(*shape)
    for level in (0, 2):
        transform = replace(HAAR, level=level)
        found = control(name, given(x, framework), transform)
        expected = control(name, x, transform)
        np.testing.assert_allclose(found.mosaic(), expected.mosaic(), atol=1e-6)
        assert np.isfinite(WaveletDeletion(network, x, y, steps=2)(found))


def test_the_random_order_follows_from_the_seed_and_differs_between_inputs():
    x = noise(2, 16, 16, 1)
    one, same, other = (control("random", x, HAAR, seed=seed).mosaic() for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.2
    assert abs(np.corrcoef(one[0].ravel(), one[1].ravel())[0, 1]) < 0.2


def test_coarse_levels_come_first_and_are_shuffled_within():
    found = control("coarse", noise(1, 16, 16, 3), replace(HAAR, level=3))
    bands = [
        np.concatenate([*level.values()], axis=None) for level in levels(found.coefficients, 2)
    ]
    for coarse, fine in itertools.pairwise(bands):
        assert coarse.min() > fine.max()
    assert (np.diff(bands[-1]) > 0).mean() == pytest.approx(0.5, abs=0.1)


def test_what_is_near_the_centre_comes_first():
    found = control("centre", noise(2, 9, 7, 3), replace(HAAR, level=0)).coefficients[0]
    distance = np.hypot(*np.ogrid[-4:5, -3:4])
    np.testing.assert_allclose(found, np.broadcast_to(1 / (1 + distance), (2, 9, 7)))
    # Haar's coefficient k of level j looks at the samples from 2^j k to before 2^j (k + 1).
    found = control("centre", noise(1, 32, 2), HAAR).coefficients
    for band, size in ((found[0], 4), (found[1]["d"], 4), (found[2]["d"], 2)):
        distance = np.abs(size * np.arange(32 // size) + (size - 1) / 2 - 15.5)
        np.testing.assert_allclose(1 / band[0] - 1, np.stack([distance, distance], axis=1))


def test_axes_tell_images_without_channels_from_signals():
    x = noise(2, 16, 12)
    assert control("magnitude", x, HAAR).ndim == 1
    found = control("magnitude", x, replace(HAAR, axes=(1, 2)))
    assert (found.ndim, found.coefficients[0].shape) == (2, (2, 4, 3))
    volumes = torch.tensor(noise(2, 3, 8, 8, 4))
    found = control("centre", volumes, replace(HAAR, axes=(2, 3, 4)))
    assert found.input_shape == (2, 8, 8, 4, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "best"}, "name must be one of"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"inputs": np.full((2, 16), np.nan)}, "inputs must be finite and not empty"),
        ({"inputs": np.zeros((0, 16))}, "inputs must be finite and not empty"),
        ({"inputs": np.zeros(16)}, "inputs must be signals"),
        ({"transform": replace(HAAR, level=5)}, "level=5 does not fit"),
        ({"transform": replace(HAAR, axes=(1, 2, 3))}, "inputs with ndim=3 must have 4 axes"),
    ],
)
def test_errors(arguments: dict[str, Any], message):
    good = {"name": "random", "inputs": noise(2, 16), "transform": HAAR}
    with pytest.raises(ValueError, match=message):
        control(**{**good, **arguments})


def test_it_is_published():
    assert xplique.metrics.control is control
