"""The algorithms with NumPy alone: signals, images and volumes, and statistics that keep digits."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
import pywt

from wam_xplique.algorithms import gradients, sampling
from wam_xplique.algorithms.batching import BatchSize, Progress
from wam_xplique.algorithms.perturbations import GaussianNoise, StraightPath
from wam_xplique.backends.registry import load_backend
from wam_xplique.coefficients import WaveletTransform, flatten, map_bands

SHAPES = {1: (3, 33, 2), 2: (3, 17, 16, 2), 3: (2, 8, 9, 8, 2)}
NOISE = GaussianNoise(6, 0.3, seed=4)

each_dimension = pytest.mark.parametrize("ndim", SHAPES)
each_batch_size = pytest.mark.parametrize("batch_size", [1, 4, 5, None])


def problem(
    ndim: int, batch_size: int | None = None, offset: float = 0.0, mode: str = "symmetric"
) -> gradients.GradientProblem:
    """Explain f(x) = Σ y (x³ / 3 + offset x), whose gradient is y (x² + offset)."""
    shape = SHAPES[ndim]
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(shape), rng.standard_normal((shape[0], *[1] * (ndim + 1)))
    transform = WaveletTransform("db2", 1, mode, tuple(range(1, 1 + ndim)))
    return gradients.GradientProblem(
        load_backend("numpy"),
        lambda x, y: (y * (x**2 + offset),),
        x,
        y,
        transform,
        BatchSize(batch_size),
    )


def pulled_back(gradient: np.ndarray, ndim: int, mode: str = "symmetric") -> list:
    """(W⁻¹)ᵀ by its definition: inner products with the basis functions, one unit at a time."""
    axes = tuple(range(1, 1 + ndim))
    template = pywt.wavedecn(np.zeros(gradient.shape), "db2", mode, 1, axes)
    array, slices = pywt.coeffs_to_array(template, axes=axes)
    cut = (slice(None), *(slice(size) for size in gradient.shape[1:-1]))
    result = np.zeros_like(array)
    for index in np.ndindex(*array.shape[1:-1]):
        unit = np.zeros_like(array)
        unit[(slice(None), *index)] = 1
        coefficients = pywt.array_to_coeffs(unit, slices, "wavedecn")
        basis = pywt.waverecn(coefficients, "db2", mode, axes)[cut]
        result[(slice(None), *index)] = (gradient * basis).sum(axis=axes)
    return pywt.array_to_coeffs(result, slices, "wavedecn")


def assert_equal(actual: list, expected: list, tolerance: float = 1e-10) -> None:
    actual, expected = flatten(actual), flatten(expected)
    assert actual.keys() == expected.keys()
    for name, band in expected.items():
        np.testing.assert_allclose(actual[name], band, atol=tolerance)


@each_dimension
def test_saliency_is_the_magnitude_of_the_inner_products_with_the_basis(ndim):
    task = problem(ndim)
    expected = pulled_back(task.gradients(task.x, task.y)[0], ndim)
    assert_equal(gradients.saliency(task), map_bands(abs, expected))


@each_dimension
@each_batch_size
def test_statistics_are_moments_over_the_draws(ndim, batch_size):
    task = problem(ndim, batch_size)
    draws = [task.gradients(NOISE(task.backend, task.x, i), task.y) for i in range(6)]
    pulls = [task.transform.pullback(*gradient) for gradient in draws]
    mean, squares, variances = (
        map_bands(lambda *bands, of=of: of(bands), *pulls)
        for of in (
            functools.partial(np.mean, axis=0),
            lambda values: np.mean(np.square(values), axis=0),
            functools.partial(np.var, axis=0, ddof=1),
        )
    )
    smooth = sampling.smooth_grad(task, NOISE, average="gradient")
    assert_equal(smooth.attribution().coefficients, mean)
    assert_equal(sampling.square_grad(task, NOISE).attribution().coefficients, squares)
    assert_equal(sampling.var_grad(task, NOISE).attribution().coefficients, variances)


def test_the_variance_keeps_its_digits_beside_a_large_mean():
    """A naive mean of squares minus square of means has an error of about 1e4 here."""
    plain, shifted = problem(2), problem(2, offset=1e10)
    expected = sampling.var_grad(plain, NOISE).spread.variance()
    actual = sampling.var_grad(shifted, NOISE).spread.variance()
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-3, atol=1e-4)


@each_dimension
@each_batch_size
def test_integrated_gradients_with_many_steps_are_the_integral(ndim, batch_size):
    task = problem(ndim, batch_size)
    x, b = task.x, 0.5
    actual = gradients.integrated_gradients(task, StraightPath(200, b))
    gradient = task.transform.pullback(task.y * (x**2 + x * b + b**2) / 3)  # ∫ (b + α(x − b))² dα
    expected = map_bands(lambda g, d: g * d, gradient, task.transform.forward(x - b))
    assert_equal(actual, expected, tolerance=1e-3)


@each_dimension
def test_gradient_input_sums_to_gradient_times_input(ndim):
    """<(W⁻¹)ᵀ g, W x> = <g, x> for any wavelet and mode, whatever the size."""
    task = problem(ndim)
    total = sum(band.sum() for band in flatten(gradients.gradient_input(task)).values())
    expected = (task.gradients(task.x, task.y)[0] * task.x).sum()
    assert total == pytest.approx(expected)


def test_progress_is_shown_only_when_asked_for(capfd):
    task = problem(2, 4)
    sampling.smooth_grad(task, NOISE)
    assert capfd.readouterr() == ("", "")
    sampling.smooth_grad(replace(task, progress=Progress("grad", verbose=True)), NOISE)
    assert f"{6 * len(task.x)}/{6 * len(task.x)}" in capfd.readouterr().err
