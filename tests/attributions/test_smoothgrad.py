"""WAM-SG's two averages, how sure they are, and draws until they stand."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from scipy.stats import spearmanr

from wam_xplique import WaveletExplanation
from wam_xplique.attributions import WaveletSmoothGrad, WaveletSquareGrad, WaveletVarGrad
from wam_xplique.backends.registry import load_backend

from ..conftest import SIZE
from . import helpers
from .helpers import counting_model, each_framework, each_statistic, native

LEVEL, SAMPLES, NOISE = 2, 7, 0.4
PLAIN = {"wavelet": "db2", "mode": "symmetric", "level": LEVEL, "include_approximation": True}
WAM_SG = {**PLAIN, "nb_samples": SAMPLES, "noise": NOISE, "batch_size": 4}


@pytest.fixture(scope="module")
def models(keras_model, torch_model) -> dict:
    return {"tensorflow": keras_model, "torch": torch_model}


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    """The inverse transform."""
    return helpers.inverse_matrix((SIZE, SIZE), "db2", "symmetric", LEVEL).astype(np.float32)


def explicit(
    framework: str, model: object, x: np.ndarray, y: np.ndarray, matrix: np.ndarray
) -> np.ndarray:
    """Gradients (N, C, coefficients) of the scores of W⁻¹(z) with respect to z, by autograd."""
    z = helpers.transform(x, "db2", "symmetric", LEVEL).astype(np.float32)
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


@pytest.fixture(scope="module", params=helpers.FRAMEWORKS)
def drawn(request, models, images, targets, matrix):
    """The gradients (draws, N, C, coefficients) of the draws, and what made them."""
    framework = request.param
    like = models[framework]
    draws = [
        np.moveaxis(d, 1, -1) if framework == "torch" else d for d in noises(framework, images)
    ]
    found = [explicit(framework, like, images + NOISE * d, targets, matrix) for d in draws]
    return framework, np.stack(found)


def noises(framework: str, x: np.ndarray) -> list[np.ndarray]:
    """The standard normal noise that the explainers draw."""
    backend, like = load_backend(framework), native(x, framework)
    shape = (1, *like.shape[1:])
    return [backend.to_numpy(backend.normal(shape, (0, i), like)) for i in range(SAMPLES)]


def by_band(rows: np.ndarray) -> list[np.ndarray]:
    """Rows of coefficients, cut into their bands."""
    template = pywt.wavedecn(np.zeros((SIZE, SIZE)), "db2", "symmetric", LEVEL)
    sizes = [band.size for band in helpers.bands(template)]
    return np.split(rows, np.cumsum(sizes)[:-1], axis=-1)


@pytest.mark.parametrize("average", ["magnitude", "gradient"])
def test_it_averages_explicit_gradients(average, drawn, models, images, targets):
    framework, gradients = drawn
    values = np.abs(gradients) if average == "magnitude" else gradients
    explainer = WaveletSmoothGrad(models[framework], average=average, reducer=None, **WAM_SG)
    explanation = explainer.explain_wavelet(native(images, framework), targets)
    actual = helpers.flatten(explanation.coefficients, channels=True)
    errors = helpers.flatten(explanation.standard_error, channels=True)
    assert helpers.relative_error(actual, values.mean(axis=0)) < 1e-3
    expected = values.std(axis=0, ddof=1) / np.sqrt(SAMPLES)
    assert helpers.relative_error(errors, expected) < 1e-3
    assert (explanation.draws == SAMPLES).all()


def test_the_bands_of_each_draw_are_divided_by_their_maxima(drawn, models, images, targets):
    framework, gradients = drawn
    expected = []
    for band in by_band(np.abs(gradients).mean(axis=2)):
        expected.append((band / band.max(axis=-1, keepdims=True)).mean(axis=0))
    explainer = WaveletSmoothGrad(models[framework], normalize="band", **WAM_SG)
    explanation = explainer.explain_wavelet(native(images, framework), targets)
    actual = helpers.flatten(explanation.coefficients, channels=False)
    assert helpers.relative_error(actual, np.concatenate(expected, axis=-1)) < 1e-3
    assert np.corrcoef(actual.ravel(), np.concatenate(expected, axis=-1).ravel())[0, 1] > 0.9999


def test_with_the_gradients_averaged_the_bands_are_divided_in_the_end(models, images, targets):
    arguments = {**WAM_SG, "average": "gradient"}
    plain, divided = (
        WaveletSmoothGrad(models["torch"], normalize=normalize, **arguments).explain_wavelet(
            images, targets
        )
        for normalize in (None, "band")
    )
    for attribute in ("coefficients", "standard_error"):
        pairs = zip(*(helpers.bands(getattr(e, attribute)) for e in (plain, divided)), strict=True)
        for (a, b), of in zip(pairs, helpers.bands(plain.coefficients), strict=True):
            largest = np.abs(of).max(axis=(1, 2), keepdims=True)
            np.testing.assert_allclose(b, a / largest, rtol=1e-5)


@each_statistic
def test_an_interval_of_the_shares_is_there_unless_signs_or_extremes_forbid_it(
    cls, models, images, targets
):
    def interval(**more):
        explainer = cls(models["torch"], **{**WAM_SG, **more})
        return explainer.explain_wavelet(images, targets)

    explanation = interval()
    found, shares = explanation.scale_interval(), explanation.scale_importance()
    assert found.shape == (4, LEVEL + 1, 2)
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
    target = {"standard_error": 0.15}
    explainer = cls(model, nb_samples=4, until=target, **options)
    rows.clear()
    explanation = explainer.explain_wavelet(x, y)
    per_draw = 2 if cls is WaveletVarGrad else 1
    samples = explanation.draws * per_draw
    assert sum(rows) == samples.sum()
    if framework == "torch" and cls is not WaveletVarGrad:  # whose gradients are 2x, in closed form
        assert samples[0] > samples[3] == 4
    errors, values = (
        helpers.flatten(bands, channels=False)
        for bands in (explanation.standard_error, explanation.coefficients)
    )
    assert (np.linalg.norm(errors, axis=1) <= 0.15 * np.linalg.norm(values, axis=1)).all()
    for i, count in enumerate(samples):
        alone = cls(model, nb_samples=int(count), **options)
        expected = alone.explain_wavelet(x[i : i + 1], y[i : i + 1])
        one = [b[i : i + 1] for b in helpers.bands(explanation.coefficients)]
        for a, b in zip(one, helpers.bands(expected.coefficients), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6 * np.abs(values).max())


def test_until_a_rank_correlation_foretells_that_of_other_noise(models, images, targets):
    explanations = [
        WaveletSmoothGrad(
            models["torch"], nb_samples=4, noise=3.0, until={"rank_correlation": 0.9}, seed=seed
        ).explain_wavelet(images, targets)
        for seed in (0, 1)
    ]
    assert (explanations[0].draws > 4).all()
    rows = [helpers.flatten(e.coefficients, channels=False) for e in explanations]
    chosen = rows[0][0] > 0  # without the approximation, which is 0
    between = [spearmanr(a[chosen], b[chosen]).statistic for a, b in zip(*rows, strict=True)]
    assert min(between) > 0.85


def test_bad_targets_and_averages_are_refused(models):
    with pytest.raises(ValueError, match="average must be one of"):
        WaveletSmoothGrad(models["torch"], average="magnitudes")
    for until in ({}, {"delta": 0.1}, {"rank_correlation": 1.1}, {"standard_error": -1}, 0.9):
        with pytest.raises(ValueError, match="until"):
            WaveletSmoothGrad(models["torch"], until=until)


def test_it_is_saved_with_its_errors(models, images, targets, tmp_path):
    explainer = WaveletSmoothGrad(models["torch"], average="gradient", **WAM_SG)
    square = WaveletSquareGrad(models["torch"], **WAM_SG)
    for explanation in (e.explain_wavelet(images, targets) for e in (explainer, square)):
        explanation.save(tmp_path / "e.npz")
        loaded = WaveletExplanation.load(tmp_path / "e.npz")
        assert loaded.signed is explanation.signed
        for a, b in zip(
            *(helpers.bands(e.standard_error) for e in (loaded, explanation)), strict=True
        ):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(loaded.draws, explanation.draws)
        if explanation.scale_error is not None:
            np.testing.assert_array_equal(loaded.scale_interval(), explanation.scale_interval())
