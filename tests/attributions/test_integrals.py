"""WAM-IG: baselines, how far the integral has converged, steps until it has; signed maps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from wam_xplique import WaveletExplanation
from wam_xplique.attributions import (
    WaveletGradientInput,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
)

from .helpers import counting_model, each_framework, flatten, native, polynomial_model

SHAPE = (8, 12, 2)
X = np.random.default_rng(5).uniform(0.2, 1, (3, *SHAPE)).astype(np.float32)
Y = np.eye(2, dtype=np.float32)[[0, 1, 0]]
WHOLE = {"level": 2, "reducer": "sum", "include_approximation": True}


def score(degree: int, x: np.ndarray) -> np.ndarray:
    """The scores of a polynomial model but for its bias, in closed form."""
    _, weights = polynomial_model("torch", SHAPE, degree)
    return np.einsum("nhwc,hwck,nk->n", x.astype(float) ** degree, weights, Y)


def explain(framework: str, degree: int, x: np.ndarray = X, **more) -> WaveletExplanation:
    """The explanation; arrays are channels last here, and handed in as the framework has them."""

    def placed(value):
        if isinstance(value, list):
            return [placed(one) for one in value]
        return np.moveaxis(value, -1, -3) if framework == "torch" and np.ndim(value) > 2 else value

    model, _ = polynomial_model(framework, SHAPE, degree)
    if "baseline_value" in more:
        more["baseline_value"] = placed(more["baseline_value"])
    explainer = WaveletIntegratedGradients(model, **{**WHOLE, **more})
    return explainer.explain_wavelet(native(x, framework), Y)


@each_framework
def test_the_delta_is_the_relative_error_of_the_sum_whatever_is_shown(framework):
    """Four times x³ at the middle of the way from 0 is half of x⁴."""
    with pytest.warns(UserWarning, match=r"inputs \[0, 1, 2\].*more than 10%.*until="):
        rough = explain(framework, 4, steps=1)
    np.testing.assert_allclose(rough.convergence_delta, 0.5, rtol=1e-4)
    total = flatten(rough.coefficients, channels=False).sum(axis=1)
    np.testing.assert_allclose(total, 0.5 * score(4, X), rtol=1e-4)
    shown = {"reducer": "max", "include_approximation": False, "normalize": "band"}
    with pytest.warns(UserWarning, match="10%"):
        other = explain(framework, 4, steps=1, **shown)
    np.testing.assert_allclose(other.convergence_delta, rough.convergence_delta, rtol=1e-5)


@each_framework
def test_gauss_legendre_is_exact_where_the_trapezoid_is_not(framework):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert explain(framework, 4, steps=2).convergence_delta.max() < 1e-4
    trapezoid = explain(framework, 4, steps=9, quadrature="trapezoid").convergence_delta
    np.testing.assert_allclose(trapezoid, 1 / 64, rtol=1e-3)  # of 4 α³, 1 / steps² too much


@each_framework
def test_until_doubles_the_steps_of_those_that_need_it(framework):
    model, rows = counting_model(framework)
    x = np.random.default_rng(0).random((2, 16, 16, 3), dtype=np.float32)
    explainer = WaveletIntegratedGradients(
        model, steps=2, quadrature="trapezoid", until={"delta": 1e-3}, batch_size=3
    )
    rows.clear()
    explanation = explainer.explain_wavelet(x, np.eye(3, dtype=np.float32)[:2])
    assert (explanation.convergence_delta <= 1e-3).all()
    assert max(rows) <= 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        finer = explain(framework, 4, steps=1, until={"delta": 0.02})
    assert finer.convergence_delta.max() <= 0.02
    np.testing.assert_allclose(
        finer.mosaic(), explain(framework, 4, steps=2).mosaic(), rtol=1e-3, atol=1e-5
    )


@each_framework
def test_baselines_are_numbers_arrays_or_sets(framework):
    half, third = X[0] / 2, X / 3

    def explained(baseline):
        return explain(framework, 3, baseline_value=baseline, steps=3)

    for baseline in (half, third):  # one of all, one of each
        total = flatten(explained(baseline).coefficients, channels=False).sum(axis=1)
        x0 = np.broadcast_to(baseline, X.shape)
        np.testing.assert_allclose(total, score(3, X) - score(3, x0), rtol=1e-3)
    for baselines in ([0.1, half], np.stack([half, third[1]])):
        found = explained(baselines)
        means = np.mean([explained(one).mosaic() for one in baselines], axis=0)
        np.testing.assert_allclose(found.mosaic(), means, rtol=1e-4, atol=1e-6)
        assert found.convergence_delta.max() < 1e-3


def test_baselines_have_their_channels_where_the_inputs_have_them_and_may_be_the_inputs():
    model, _ = polynomial_model("torch", SHAPE, 3)
    last = WaveletIntegratedGradients(model, baseline_value=X[0] / 2, steps=3, **WHOLE)
    assert last.explain_wavelet(X, Y).convergence_delta.max() < 1e-3
    with pytest.raises(ValueError, match="baseline_value must be"):
        last.explain_wavelet(native(X, "torch"), Y)
    unchanged = explain("torch", 4, baseline_value=X, steps=2)
    np.testing.assert_array_equal(unchanged.convergence_delta, 0)
    with pytest.raises(ValueError, match=r"baseline_value must be .*\(5, 5\)"):
        explain("torch", 1, baseline_value=np.zeros((5, 5)))


@pytest.mark.parametrize(("wavelet", "level"), [("haar", 2), ("db2", 1)])
def test_signed_maps_add_up_to_what_the_score_gains(wavelet, level):
    explanation = explain("torch", 3, steps=3, wavelet=wavelet, mode="symmetric", level=level)
    signed = explanation.pixels(signed=True)
    assert signed.shape == (3, 8, 12, 1)
    assert signed.min() < 0 < signed.max()
    np.testing.assert_allclose(signed.sum(axis=(1, 2, 3)), score(3, X), rtol=1e-3)


def test_a_coefficient_of_haar_is_shared_by_its_own_pixels():
    bands = {key: np.zeros((1, 2, 3)) for key in ("ad", "da", "dd")}
    bands["da"][0, 1, 2] = -16
    explanation = WaveletExplanation(
        [np.zeros((1, 2, 3)), bands, {k: np.zeros((1, 4, 6)) for k in bands}],
        "haar",
        "periodization",
        (1, 8, 12, 1),
        2,
        signed=True,
    )
    expected = np.zeros((1, 8, 12, 1))
    expected[:, 4:, 8:] = -1
    np.testing.assert_array_equal(explanation.pixels(signed=True), expected)


def test_only_methods_with_a_sign_have_signed_maps():
    model, _ = polynomial_model("torch", SHAPE, 2)
    for cls, more, signed in (
        (WaveletGradientInput, {}, True),
        (WaveletSmoothGrad, {"average": "gradient"}, True),
        (WaveletSmoothGrad, {}, False),
        (WaveletSaliency, {}, False),
    ):
        explanation = cls(model, level=2, **more).explain_wavelet(native(X, "torch"), Y)
        if signed:
            assert explanation.pixels(signed=True).min() < 0
        else:
            with pytest.raises(ValueError, match="needs a method whose equation has a sign"):
                explanation.pixels(signed=True)
