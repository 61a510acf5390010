"""Each method against its equation, written out with matrices."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from wam_xplique.attributions import (
    WaveletGradientInput,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    WaveletSquareGrad,
    WaveletVarGrad,
)
from wam_xplique.backends.registry import load_backend

from . import helpers
from .helpers import STATISTICS, each_explainer, each_framework, each_statistic

LEVEL, BASELINE, SAMPLES, STEPS, NOISE = 2, 0.3, 7, 5, 0.4
TOLERANCE = {"tensorflow": 2e-5, "torch": 1e-9}  # the PyTorch models here are of double precision

each_transform = pytest.mark.parametrize(
    ("size", "wavelet", "mode"),
    [
        ((16, 16), "haar", "periodization"),
        ((16, 16), "haar", "symmetric"),
        ((16, 16), "db2", "periodization"),
        ((16, 12), "db2", "symmetric"),
        ((13, 10), "haar", "periodization"),
        ((13, 15), "haar", "symmetric"),
        ((15, 13), "db2", "periodization"),
        ((13, 14), "db2", "symmetric"),
        ((20, 21), "bior2.2", "reflect"),
    ],
)

inverse_matrix = functools.cache(helpers.inverse_matrix)
polynomial_model = functools.cache(helpers.polynomial_model)


def images(size: tuple[int, int], count: int = 3) -> np.ndarray:
    rng = np.random.default_rng(2)
    return rng.uniform(-1, 1, (count, *size, 2)).astype(np.float32)


def parameters(cls: type) -> dict:
    if cls in STATISTICS:
        return {"nb_samples": SAMPLES, "noise": NOISE}
    if cls is WaveletIntegratedGradients:
        return {"steps": STEPS, "baseline_value": BASELINE}
    return {}


def noise_draws(framework: str, x: np.ndarray, seed: int = 0) -> list[np.ndarray]:
    """The standard normal noise that the explainers draw, channels last."""
    backend = load_backend(framework)
    like = helpers.native(x, framework)
    like = like.double() if framework == "torch" else like
    shape = (1, *like.shape[1:])
    draws = [backend.to_numpy(backend.normal(shape, (seed, i), like)) for i in range(SAMPLES)]
    return [np.moveaxis(d, 1, -1) for d in draws] if framework == "torch" else draws


def explain(cls, framework, degree, x, wavelet, mode, **more):
    model, _ = polynomial_model(framework, x.shape[1:], degree)
    explainer = cls(
        model,
        wavelet=wavelet,
        mode=mode,
        level=LEVEL,
        **{
            "reducer": None,
            "batch_size": 4,
            "include_approximation": True,
            **parameters(cls),
            **more,
        },
    )
    targets = np.eye(2, dtype=np.float32)[[1, 0, 1]]
    return explainer.explain_wavelet(helpers.native(x, framework), targets).coefficients


def pull_back(gradient: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(W⁻¹)ᵀ times gradients (N, H, W, C): rows (N, C, coefficients)."""
    rows = np.moveaxis(gradient, -1, 1)
    return rows.reshape(*rows.shape[:2], -1) @ matrix


def target_weights(weights: np.ndarray) -> np.ndarray:
    return np.moveaxis(weights, -1, 0)[[1, 0, 1]]


@each_transform
@each_framework
@each_explainer
def test_on_a_linear_model_every_method_is_its_matrix_equation(cls, framework, size, wavelet, mode):
    x = images(size)
    _, weights = polynomial_model(framework, x.shape[1:], 1)
    gradient = pull_back(target_weights(weights), inverse_matrix(size, wavelet, mode, LEVEL))
    z = helpers.transform(x.astype(float), wavelet, mode, LEVEL)
    z0 = helpers.transform(np.full(x.shape, BASELINE), wavelet, mode, LEVEL)
    expected = {
        WaveletSaliency: np.abs(gradient),  # eq. 1
        WaveletGradientInput: gradient * z,
        WaveletSmoothGrad: np.abs(gradient),
        WaveletSquareGrad: gradient**2,
        WaveletVarGrad: 0 * gradient,
        WaveletIntegratedGradients: (z - z0) * gradient,  # eq. 3
    }[cls]

    actual = helpers.flatten(explain(cls, framework, 1, x, wavelet, mode), channels=True)

    assert actual.shape == expected.shape
    scale = np.abs(expected).max() or np.abs(gradient).max() ** 2
    assert np.abs(actual - expected).max() <= TOLERANCE[framework] * scale


@each_framework
@each_explainer
@pytest.mark.parametrize("reducer", ["mean", "sum", "min", "max"])
def test_the_reducer_acts_on_what_the_equation_yields(cls, framework, reducer):
    x = images((8, 8))
    kept = explain(cls, framework, 2, x, "haar", "periodization")
    reduced = explain(cls, framework, 2, x, "haar", "periodization", reducer=reducer)
    expected = getattr(helpers.flatten(kept, channels=True), reducer)(axis=1)
    assert helpers.relative_error(helpers.flatten(reduced, channels=False), expected) <= 1e-6


@each_explainer
@each_framework
def test_the_approximation_is_zero_unless_it_is_included(cls, framework):
    x = images((8, 8))
    included = explain(cls, framework, 2, x, "haar", "periodization")
    left_out = explain(cls, framework, 2, x, "haar", "periodization", include_approximation=False)
    assert np.abs(included[0]).max() > 0
    assert not left_out[0].any()
    for a, b in zip(helpers.bands(included)[1:], helpers.bands(left_out)[1:], strict=True):
        np.testing.assert_array_equal(a, b)


@each_statistic
@each_framework
def test_relative_noise_is_a_fraction_of_each_inputs_range(cls, framework):
    x = images((8, 8)) * np.array([1, 10, 0.1], np.float32).reshape(-1, 1, 1, 1)
    relative = explain(cls, framework, 2, x, "haar", "periodization", relative_noise=0.25)
    for i in range(len(x)):
        spread = 0.25 * float(np.ptp(x[i]))
        absolute = explain(cls, framework, 2, x, "haar", "periodization", noise=spread)
        for a, b in zip(helpers.bands(relative), helpers.bands(absolute), strict=True):
            np.testing.assert_allclose(a[i], b[i], rtol=1e-4, atol=1e-5 * np.abs(b[i]).max())


def test_normalize_band_divides_each_band_of_each_input_by_its_largest_magnitude():
    x = images((8, 8))
    x[1] = 0  # the gradient of the quadratic model vanishes there
    plain = explain(WaveletSaliency, "tensorflow", 2, x, "haar", "periodization")
    divided = explain(
        WaveletSaliency, "tensorflow", 2, x, "haar", "periodization", normalize="band"
    )
    for a, b in zip(helpers.bands(plain), helpers.bands(divided), strict=True):
        assert not b[1].any()
        for i in (0, 2):
            np.testing.assert_allclose(b[i], a[i] / np.abs(a[i]).max(), rtol=1e-6)


def test_normalize_band_keeps_the_sign_and_the_zero_approximation():
    x = images((8, 8))
    more = {"normalize": "band", "include_approximation": False, "reducer": "mean"}
    divided = explain(WaveletGradientInput, "torch", 2, x, "haar", "periodization", **more)
    assert not divided[0].any()
    for band in helpers.bands(divided)[1:]:
        np.testing.assert_allclose(np.abs(band).max(axis=(1, 2)), 1, rtol=1e-6)
    assert min(band.min() for band in helpers.bands(divided)) < 0
