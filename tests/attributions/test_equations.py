"""Each method against its equation, of signals, images and volumes, written out with matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import pywt

from wam_xplique.attributions import (
    WaveletGradientInput,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    WaveletSquareGrad,
    WaveletVarGrad,
)
from wam_xplique.backends.registry import load_backend

from .helpers import (
    STATISTICS,
    bands,
    each_explainer,
    each_framework,
    each_statistic,
    flatten,
    inverse_matrix,
    native,
    polynomial_model,
    relative_error,
)

LEVEL, BASELINE, SAMPLES, STEPS, NOISE = 2, 0.3, 7, 5, 0.4
TOLERANCE = {"tensorflow": 2e-5, "torch": 1e-9}  # the PyTorch models here are of double precision
Y = np.eye(2, dtype=np.float32)[[1, 0, 1]]
IMAGE = (8, 8, 2)
CASES = [  # shape of an input, wavelet, mode, level
    ((21,), "db2", "symmetric", 2),
    ((19, 2), "haar", "periodization", 2),
    ((16, 16, 2), "haar", "periodization", 2),
    ((16, 16, 2), "haar", "symmetric", 2),
    ((16, 16, 2), "db2", "periodization", 2),
    ((16, 12, 2), "db2", "symmetric", 2),
    ((13, 10, 2), "haar", "periodization", 2),
    ((13, 15, 2), "haar", "symmetric", 2),
    ((15, 13, 2), "db2", "periodization", 2),
    ((13, 14, 2), "db2", "symmetric", 2),
    ((20, 21, 2), "bior2.2", "reflect", 2),
    ((7, 5, 6, 2), "haar", "symmetric", 2),
    ((6, 7, 9, 2), "db2", "periodization", 1),
]


def uniform(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(2).uniform(-1, 1, (3, *shape)).astype(np.float32)


def noise_draws(framework: str, x: np.ndarray) -> list[np.ndarray]:
    """The standard normal noise that the explainers draw, channels last."""
    backend, like = load_backend(framework), native(x, framework)
    like = like.double() if framework == "torch" else like
    shape = (1, *like.shape[1:])
    draws = [backend.to_numpy(backend.normal(shape, (0, i), like)) for i in range(SAMPLES)]
    return [np.moveaxis(d, 1, -1) for d in draws] if framework == "torch" else draws


def explain(cls: type, framework: str, x: np.ndarray, **more: Any) -> list[Any]:
    """The coefficients on a quadratic model."""
    parameters = {"level": LEVEL, "reducer": None, "batch_size": 4, "include_approximation": True}
    if cls in STATISTICS:
        parameters |= {"nb_samples": SAMPLES, "noise": NOISE}
    if cls is WaveletIntegratedGradients:
        parameters |= {"steps": STEPS, "baseline_value": BASELINE}
    model, _ = polynomial_model(framework, x.shape[1:], 2)
    return cls(model, **(parameters | more)).explain_wavelet(native(x, framework), Y).coefficients


@pytest.mark.parametrize(("shape", "wavelet", "mode", "level"), CASES, ids=str)
@each_framework
@each_explainer
def test_every_method_is_its_equation(cls, framework, shape, wavelet, mode, level):
    x = uniform(shape)
    actual = explain(cls, framework, x, wavelet=wavelet, mode=mode, level=level)
    channels = bool(shape[1:])
    space = shape[:-1] if channels else shape
    matrix = inverse_matrix(space, wavelet, mode, level)
    weights = np.moveaxis(polynomial_model(framework, shape, 2)[1], -1, 0)[[1, 0, 1]]
    x64 = x.astype(float)

    def pulled(gradient: np.ndarray) -> np.ndarray:
        """(W⁻¹)ᵀ times gradients: rows (N, C, coefficients)."""
        rows = np.moveaxis(gradient, -1, 1) if channels else gradient
        return rows.reshape(3, -1, matrix.shape[0]) @ matrix

    def transformed(values: np.ndarray) -> np.ndarray:
        z = pywt.wavedecn(values, wavelet, mode, level, range(1, 1 + len(space)))
        return flatten(z, channels).reshape(3, -1, matrix.shape[1])

    def noisy() -> np.ndarray:
        draws = noise_draws(framework, x)
        return np.stack([pulled(2 * weights * (x64 + NOISE * draw)) for draw in draws])

    expected = {
        WaveletSaliency: lambda: np.abs(pulled(2 * weights * x64)),  # eq. 1
        WaveletGradientInput: lambda: pulled(2 * weights * x64) * transformed(x64),
        WaveletSmoothGrad: lambda: np.abs(noisy()).mean(0),
        WaveletSquareGrad: lambda: (noisy() ** 2).mean(0),
        WaveletVarGrad: lambda: noisy().var(0, ddof=1),
        # eq. 3; the gradient is linear on the path, so both quadratures are exact
        WaveletIntegratedGradients: lambda: (
            transformed(x64 - BASELINE) * pulled(weights * (x64 + BASELINE))
        ),
    }[cls]()
    rows = flatten(actual, channels).reshape(expected.shape)
    assert relative_error(rows, expected) <= TOLERANCE[framework]


@each_framework
@each_explainer
def test_the_reducer_and_the_approximation_act_on_what_the_equation_yields(cls, framework):
    x = uniform(IMAGE)
    kept = explain(cls, framework, x)
    for reducer in ("mean", "sum", "min", "max"):
        reduced = explain(cls, framework, x, reducer=reducer)
        expected = getattr(flatten(kept, channels=True), reducer)(axis=1)
        assert relative_error(flatten(reduced, channels=False), expected) <= 1e-6
    left_out = explain(cls, framework, x, include_approximation=False)
    assert np.abs(kept[0]).max() > 0
    assert not left_out[0].any()
    for a, b in zip(bands(kept)[1:], bands(left_out)[1:], strict=True):
        np.testing.assert_array_equal(a, b)


@each_statistic
@each_framework
def test_relative_noise_is_a_fraction_of_each_inputs_range(cls, framework):
    x = uniform(IMAGE) * np.array([1, 10, 0.1], np.float32).reshape(-1, 1, 1, 1)
    relative = explain(cls, framework, x, relative_noise=0.25)
    for i in range(len(x)):
        absolute = explain(cls, framework, x, noise=0.25 * float(np.ptp(x[i])))
        for a, b in zip(bands(relative), bands(absolute), strict=True):
            np.testing.assert_allclose(a[i], b[i], rtol=1e-4, atol=1e-5 * np.abs(b[i]).max())


@pytest.mark.filterwarnings("error")
def test_normalize_band_divides_each_band_of_each_input_by_its_largest_magnitude():
    x = uniform(IMAGE)
    x[1] = 0  # the gradient of the quadratic model vanishes there
    plain = explain(WaveletGradientInput, "tensorflow", x)
    divided = explain(WaveletGradientInput, "tensorflow", x, normalize="band")
    assert min(band.min() for band in bands(divided)) < 0
    for a, b in zip(bands(plain), bands(divided), strict=True):
        assert not b[1].any()
        for i in (0, 2):
            np.testing.assert_allclose(b[i], a[i] / np.abs(a[i]).max(), rtol=1e-6)
    more = {"normalize": "band", "include_approximation": False, "reducer": "mean"}
    details = explain(WaveletGradientInput, "torch", uniform(IMAGE), **more)
    assert not details[0].any()
    for band in bands(details)[1:]:
        np.testing.assert_allclose(np.abs(band).max(axis=(1, 2)), 1, rtol=1e-6)
