"""WAM-SG's two averages, how sure they are, and draws until they stand."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from scipy.stats import spearmanr

from wam_xplique.attributions import WaveletSmoothGrad, WaveletSquareGrad, WaveletVarGrad
from wam_xplique.backends.registry import load_backend

from ..conftest import SIZE
from .helpers import (
    FRAMEWORKS,
    bands,
    counting_model,
    each_framework,
    each_statistic,
    flatten,
    inverse_matrix,
    native,
    relative_error,
)

LEVEL, SAMPLES, NOISE = 2, 7, 0.4
PLAIN = {"wavelet": "db2", "mode": "symmetric", "level": LEVEL, "include_approximation": True}
WAM_SG = {**PLAIN, "nb_samples": SAMPLES, "noise": NOISE, "batch_size": 4}


def explicit(framework: str, model: object, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gradients (N, C, coefficients) of the scores of W⁻¹(z) with respect to z, by autograd."""
    matrix = inverse_matrix((SIZE, SIZE), "db2", "symmetric", LEVEL).astype(np.float32)
    z = flatten(pywt.wavedecn(x, "db2", "symmetric", LEVEL, (1, 2)), True).astype(np.float32)
    if framework == "torch":
        z = torch.tensor(z, requires_grad=True)
        images = (z @ torch.tensor(matrix.T)).reshape(len(x), -1, SIZE, SIZE)
        (model(images) * torch.tensor(y)).sum().backward()
        return z.grad.numpy()
    z = tf.Variable(z)
    with tf.GradientTape() as tape:
        images = tf.reshape(z @ matrix.T, (len(x), -1, SIZE, SIZE))
        score = tf.reduce_sum(model(tf.transpose(images, (0, 2, 3, 1))) * y)
    return tape.gradient(score, z).numpy()


@pytest.fixture(scope="module", params=FRAMEWORKS)
def drawn(request, models, images, targets):
    """The gradients (draws, N, C, coefficients) of the draws, and what made them."""
    framework = request.param
    backend, like = load_backend(framework), native(images, framework)
    found = []
    for i in range(SAMPLES):
        draw = backend.to_numpy(backend.normal((1, *like.shape[1:]), (0, i), like))
        draw = np.moveaxis(draw, 1, -1) if framework == "torch" else draw
        found.append(explicit(framework, models[framework], images + NOISE * draw, targets))
    return framework, np.stack(found)


@pytest.mark.parametrize("average", ["magnitude", "gradient"])
def test_it_averages_explicit_gradients(average, drawn, models, images, targets):
    framework, gradients = drawn
    values = np.abs(gradients) if average == "magnitude" else gradients
    explainer = WaveletSmoothGrad(models[framework], average=average, reducer=None, **WAM_SG)
    explanation = explainer.explain_wavelet(native(images, framework), targets)
    actual = flatten(explanation.coefficients, channels=True)
    errors = flatten(explanation.standard_error, channels=True)
    assert relative_error(actual, values.mean(axis=0)) < 1e-3
    expected = values.std(axis=0, ddof=1) / np.sqrt(SAMPLES)
    assert relative_error(errors, expected) < 1e-3
    assert (explanation.draws == SAMPLES).all()


def test_the_bands_of_each_draw_are_divided_by_their_maxima(drawn, models, images, targets):
    framework, gradients = drawn
    template = pywt.wavedecn(np.zeros((SIZE, SIZE)), "db2", "symmetric", LEVEL)
    ends = np.cumsum([band.size for band in bands(template)])[:-1]
    by_band = np.split(np.abs(gradients).mean(axis=2), ends, axis=-1)
    divided = [(band / band.max(axis=-1, keepdims=True)).mean(axis=0) for band in by_band]
    expected = np.concatenate(divided, axis=-1)
    explainer = WaveletSmoothGrad(models[framework], normalize="band", **WAM_SG)
    explanation = explainer.explain_wavelet(native(images, framework), targets)
    actual = flatten(explanation.coefficients, channels=False)
    assert relative_error(actual, expected) < 1e-3
    assert np.corrcoef(actual.ravel(), expected.ravel())[0, 1] > 0.9999


def test_with_the_gradients_averaged_the_bands_are_divided_in_the_end(models, images, targets):
    how = {**WAM_SG, "average": "gradient"}
    plain, divided = (
        WaveletSmoothGrad(models["torch"], normalize=to, **how).explain_wavelet(images, targets)
        for to in (None, "band")
    )
    for name in ("coefficients", "standard_error"):
        found = plain.coefficients, getattr(plain, name), getattr(divided, name)
        for of, a, b in zip(*map(bands, found), strict=True):
            largest = np.abs(of).max(axis=(1, 2), keepdims=True)
            np.testing.assert_allclose(b, a / largest, rtol=1e-5)


@each_statistic
def test_an_interval_of_the_shares_is_there_unless_signs_or_extremes_forbid_it(
    cls, models, images, targets
):
    def interval(**more):
        explainer = cls(models["torch"], **{**WAM_SG, **more})
        return explainer.explain_wavelet(images[:2], targets[:2])

    explanation = interval()
    found, shares = explanation.scale_interval(), explanation.scale_importance()
    assert found.shape == (2, LEVEL + 1, 2)
    assert (found[..., 0] < shares).all()
    assert (shares < found[..., 1]).all()
    narrow = explanation.scale_interval(confidence=0.5)
    assert (np.ptp(narrow, axis=-1) < np.ptp(found, axis=-1)).all()
    details = interval(include_approximation=False).scale_interval()
    assert np.isnan(details[:, 0]).all()  # left out
    assert interval(reducer="max").scale_interval() is None
    if cls is WaveletSmoothGrad:
        assert interval(average="gradient").scale_interval() is None
    with pytest.raises(ValueError, match=r"confidence must be a number between 0 and 1, got 95"):
        explanation.scale_interval(95)


def test_too_few_draws_have_no_error(models, images, targets):
    for cls, draws in ((WaveletSmoothGrad, 1), (WaveletSquareGrad, 1), (WaveletVarGrad, 3)):
        explainer = cls(models["torch"], **{**WAM_SG, "nb_samples": draws})
        explanation = explainer.explain_wavelet(images, targets)
        assert explanation.standard_error is None
        assert explanation.scale_interval() is None


@pytest.mark.usefixtures("steady")
@each_framework
@each_statistic
def test_until_draws_on_along_the_same_sequence_with_no_gradient_twice(cls, framework):
    model, rows = counting_model(framework)
    rng = np.random.default_rng(0)
    x = rng.random((4, 16, 16, 3), dtype=np.float32) * np.array([0, 0.1, 1, 9]).reshape(-1, 1, 1, 1)
    x, y = x.astype(np.float32), np.eye(3, dtype=np.float32)[[0, 2, 0, 2]]
    options = {"noise": 0.3, "batch_size": 5, "level": 2}
    explainer = cls(model, nb_samples=4, until={"standard_error": 0.15}, **options)
    rows.clear()
    explanation = explainer.explain_wavelet(x, y)
    per_draw = 2 if cls is WaveletVarGrad else 1
    samples = explanation.draws * per_draw
    assert sum(rows) == samples.sum()
    if framework == "torch" and cls is not WaveletVarGrad:  # whose gradients are 2x, in closed form
        assert samples[0] > samples[3] == 4
    errors, values = (
        flatten(found, channels=False)
        for found in (explanation.standard_error, explanation.coefficients)
    )
    assert (np.linalg.norm(errors, axis=1) <= 0.15 * np.linalg.norm(values, axis=1)).all()
    for i, count in enumerate(samples):
        alone = cls(model, nb_samples=int(count), **options)
        expected = alone.explain_wavelet(x[i : i + 1], y[i : i + 1])
        one = [b[i : i + 1] for b in bands(explanation.coefficients)]
        for a, b in zip(one, bands(expected.coefficients), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6 * np.abs(values).max())


def test_until_a_rank_correlation_foretells_that_of_other_noise(models, images, targets):
    explanations = [
        WaveletSmoothGrad(
            models["torch"], nb_samples=4, noise=3.0, until={"rank_correlation": 0.9}, seed=seed
        ).explain_wavelet(images, targets)
        for seed in (0, 1)
    ]
    assert (explanations[0].draws > 4).all()
    rows = [flatten(e.coefficients, channels=False) for e in explanations]
    chosen = rows[0][0] > 0  # without the approximation, which is 0
    between = [spearmanr(a[chosen], b[chosen]).statistic for a, b in zip(*rows, strict=True)]
    assert min(between) > 0.85
