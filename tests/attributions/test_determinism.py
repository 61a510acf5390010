"""What an explanation depends on, and what it must not; how much work it takes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import torch

from wam_xplique.attributions import (
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    WaveletSquareGrad,
    WaveletVarGrad,
)

from .helpers import (
    STATISTICS,
    bands,
    counting_model,
    each_explainer,
    each_framework,
    each_statistic,
    explanation_error,
    native,
    noise,
    polynomial_model,
    quick,
    relative_error,
)


@each_explainer
@each_framework
def test_the_seed_alone_determines_the_explanation_bit_for_bit(
    cls, framework, models, images, targets
):
    given = images.copy(), targets.copy()
    one, same, other = (cls(models[framework], seed=seed, **quick(cls)) for seed in (7, 7, 8))
    first = one(*given).numpy()
    np.testing.assert_array_equal(one(*given), first)
    np.testing.assert_array_equal(same(*given), first)
    if cls in STATISTICS:
        assert relative_error(other(*given), first) > 1e-3
    for left, before in zip(given, (images, targets), strict=True):
        np.testing.assert_array_equal(left, before)


@each_statistic
@each_framework
def test_the_global_random_state_is_neither_read_nor_changed(
    cls, framework, models, images, targets
):
    def seeded(seed: int) -> None:
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        tf.random.set_seed(seed)

    def state() -> tuple:
        return np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002

    explainer = cls(models[framework], **quick(cls))
    seeded(0)
    before = state()
    first = explainer(images, targets).numpy()
    for value, kept in zip(state(), before, strict=True):
        np.testing.assert_array_equal(value, kept)
    seeded(1)
    np.testing.assert_array_equal(explainer(images, targets), first)


@each_explainer
@each_framework
def test_an_explanation_does_not_depend_on_batches_and_neighbours(
    cls, framework, models, images, targets
):
    def explainer(batch_size, **more):
        return cls(models[framework], batch_size=batch_size, **quick(cls), **more)

    expected = explainer(None).explain_wavelet(images, targets)
    for batch_size in (1, 3, 4, 7):
        found = explainer(batch_size).explain_wavelet(images, targets)
        assert explanation_error(found, expected) <= 1e-4
    cases = [(images, 1e-4, {})]
    if cls in STATISTICS:
        scales = np.array([1, 100, 0.01, 5], np.float32).reshape(-1, 1, 1, 1)
        cases += [(images * scales, 1e-3, {"relative_noise": 0.1})]
    for x, tolerance, more in cases:
        explain = explainer(3, **more)
        together = explain(x, targets).numpy()
        turned = explain(x[::-1], targets[::-1])
        assert relative_error(turned, together[::-1]) <= tolerance
        for i in (slice(i, i + 1) for i in range(len(x))):
            assert relative_error(explain(x[i], targets[i]), together[i]) <= tolerance


@each_framework
def test_relative_noise_makes_the_method_equivariant_to_the_inputs_scale(framework):
    """On x², whose gradient is linear, an input k times as large has gradients k times as large."""
    model, _ = polynomial_model(framework, (8, 8, 2), 2)
    x = noise(2, 8, 8, 2)
    explainer = WaveletSmoothGrad(model, relative_noise=0.3, nb_samples=5)
    once, thrice = (explainer(native(k * x, framework), np.eye(2)) for k in (1, 3))
    assert relative_error(thrice, 3 * np.asarray(once)) <= 1e-5


@each_statistic
@each_framework
def test_without_noise_a_statistic_is_that_of_the_plain_gradient(
    cls, framework, models, images, targets
):
    model = models[framework]
    still = cls(model, noise=0, reducer=None, nb_samples=4).explain_wavelet(images, targets)
    kept = WaveletSaliency(model, reducer=None).explain_wavelet(images, targets)
    pairs = zip(bands(still.coefficients)[1:], bands(kept.coefficients)[1:], strict=True)
    for found, size in pairs:
        of = {WaveletSmoothGrad: size, WaveletSquareGrad: size**2, WaveletVarGrad: 0 * size**2}
        atol = 1e-5 * size.max() ** (1 if cls is WaveletSmoothGrad else 2)
        np.testing.assert_allclose(np.abs(found), of[cls], atol=atol)


@pytest.mark.usefixtures("steady")
@each_framework
@each_explainer
def test_batch_size_bounds_every_call_and_no_gradient_is_taken_twice(cls, framework):
    x, y = noise(5, 16, 16, 3), np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]]
    ends = 2 if cls is WaveletIntegratedGradients else 0  # the scores of x and x₀
    cost = sum(quick(cls).values()) or 1
    for batch_size in (1, 2, 3, 8, 32, None):
        model, rows = counting_model(framework)
        explainer = cls(model, batch_size=batch_size, **quick(cls))
        assert not rows, "what constructs it runs nothing"
        explainer(x, y)
        assert sum(rows) == (cost + ends) * len(x)
        assert max(rows) <= (batch_size or sum(rows))
    assert len(rows) == 1 + ends


@pytest.mark.usefixtures("steady")
@each_framework
def test_batches_are_filled_across_samples_and_draws(framework):
    """5 inputs x 50 draws in batches of 32: 6 draws of all inputs at once, 9 calls in all."""
    model, rows = counting_model(framework)
    WaveletSmoothGrad(model, batch_size=32)(noise(5, 16, 16, 3), np.eye(3)[[0, 1, 2, 0, 1]])
    assert rows == [30] * 8 + [10]
