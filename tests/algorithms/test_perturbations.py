"""Noise and paths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.integrate

from wam_xplique.algorithms.perturbations import GaussianNoise, StraightPath, Unperturbed, rule
from wam_xplique.backends.registry import load_backend

from ..backends.helpers import FRAMEWORKS, to_framework

SHAPES = [(6, 20), (4, 16, 2), (3, 8, 8, 2), (2, 4, 4, 4, 2)]


@pytest.fixture(params=["numpy", *FRAMEWORKS])
def backend(request):
    return load_backend(request.param)


def perturbed(backend, perturbation, x: np.ndarray, draw: int = 0) -> np.ndarray:
    return backend.to_numpy(perturbation(backend, to_framework(x, backend.name), draw))


@pytest.mark.parametrize("shape", SHAPES)
def test_unperturbed_is_the_input_once(backend, shape):
    x = np.random.default_rng(0).random(shape)
    np.testing.assert_array_equal(perturbed(backend, Unperturbed(), x), x)
    np.testing.assert_array_equal(Unperturbed().weights, [1])


def test_noise_is_standard_normal_times_its_spread(backend):
    noise, x = GaussianNoise(40, noise=0.5, seed=3), np.zeros((1, 50, 50, 2), np.float32)
    draws = np.stack([perturbed(backend, noise, x, i) for i in range(40)])
    values = draws.ravel() / 0.5
    n = values.size
    assert abs(values.mean()) < 4 / np.sqrt(n)
    assert abs(values.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((values**3).mean()) < 4 * np.sqrt(15 / n)
    assert abs((values**4).mean() - 3) < 4 * np.sqrt(96 / n)
    between = np.corrcoef(draws.reshape(40, -1))
    assert np.abs(between - np.eye(40)).max() < 6 / np.sqrt(n / 40)


def test_draws_and_seeds_are_independent_and_determine_the_noise(backend):
    x = np.zeros((1, 5000), np.float32)
    rows = [
        perturbed(backend, GaussianNoise(3, 1.0, seed=seed), x, draw)[0]
        for seed, draw in itertools.product(range(3), range(3))
    ]
    assert np.abs(np.corrcoef(rows) - np.eye(len(rows))).max() < 0.08
    again = perturbed(backend, GaussianNoise(3, 1.0, seed=2), x, 2)[0]
    np.testing.assert_array_equal(again, rows[-1])


@pytest.mark.parametrize("shape", SHAPES)
def test_all_inputs_share_the_draw_whatever_their_number(backend, shape):
    x = np.zeros(shape, np.float32)
    noise = GaussianNoise(2, 0.3, seed=1)
    together, alone = (perturbed(backend, noise, inputs, 1) for inputs in (x, x[:1]))
    np.testing.assert_array_equal(together, np.broadcast_to(alone, shape))
    np.testing.assert_allclose(noise.weights, [0.5, 0.5])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relative_noise_scales_with_each_inputs_range(backend, shape, dtype):
    rng = np.random.default_rng(0)
    scales = np.array([1, 10, 0.1, 3, 0, 7])[: shape[0]].reshape(-1, *[1] * (len(shape) - 1))
    x = (rng.random(shape) * scales).astype(dtype)
    relative = GaussianNoise(2, 99.0, relative_noise=0.2, seed=1)
    unit = GaussianNoise(2, 1.0, seed=1)
    given, noise = perturbed(backend, relative, x), perturbed(backend, unit, np.zeros_like(x))
    ranges = np.ptp(x.reshape(len(x), -1), axis=1).reshape(scales.shape)
    assert given.dtype == dtype
    np.testing.assert_allclose(given, x + 0.2 * ranges * noise, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("steps", [2, 3, 10, 64])
def test_a_path_leads_from_the_baseline_to_the_input_by_the_trapezoidal_rule(backend, steps):
    x = np.random.default_rng(0).random((3, 4, 4, 2)).astype(np.float32)
    path = StraightPath(steps, 0.7, "trapezoid")
    points = [perturbed(backend, path, x, i) for i in range(steps)]
    expected = np.linspace(np.full_like(x, 0.7), x, steps)
    np.testing.assert_allclose(points, expected, atol=1e-6)
    np.testing.assert_array_equal(points[0], np.full_like(x, 0.7))
    alpha = np.linspace(0, 1, steps)
    for function in (np.ones_like, np.sin, np.exp):
        expected = scipy.integrate.trapezoid(function(alpha), alpha)
        assert path.weights @ function(alpha) == pytest.approx(expected)


def test_gauss_legendre_integrates_polynomials_of_twice_its_steps_and_stays_off_the_ends():
    path = StraightPath(4, 0.0, "gauss-legendre")
    alpha = np.array([path.at(np.ones(1), share)[0] for share in rule("gauss-legendre", 4)[0]])
    for degree in range(8):
        assert path.weights @ alpha**degree == pytest.approx(1 / (degree + 1), rel=1e-12)
    assert 0 < alpha.min() < alpha.max() < 1
