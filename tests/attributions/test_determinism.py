"""What an explanation depends on, and what it must not; how much work it takes."""

from __future__ import annotations

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

from .helpers import (
    counting_model,
    each_explainer,
    each_framework,
    each_statistic,
    explanation_error,
    quick,
    relative_error,
)


@pytest.fixture
def models(keras_model, torch_model) -> dict:
    return {"tensorflow": keras_model, "torch": torch_model}


@pytest.fixture(scope="module")
def small_images() -> np.ndarray:
    return np.random.default_rng(1).random((5, 16, 16, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def small_targets() -> np.ndarray:
    return np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]]


@each_explainer
@each_framework
def test_the_same_seed_gives_the_same_explanation_bit_for_bit(
    cls, framework, models, images, targets
):
    one, other = (cls(models[framework], seed=7, **quick(cls)) for _ in range(2))
    first = one(images, targets).numpy()
    np.testing.assert_array_equal(one(images, targets), first)
    np.testing.assert_array_equal(other(images, targets), first)


@each_statistic
@each_framework
def test_another_seed_gives_another_explanation(cls, framework, models, images, targets):
    one, other = (
        cls(models[framework], seed=seed, **quick(cls))(images, targets) for seed in (0, 1)
    )
    assert relative_error(one, other) > 1e-3


@each_statistic
@each_framework
def test_the_global_random_state_is_neither_read_nor_changed(
    cls, framework, models, images, targets
):
    import tensorflow as tf
    import torch

    explainer = cls(models[framework], **quick(cls))
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    tf.random.set_seed(0)
    first = explainer(images, targets).numpy()
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    tf.random.set_seed(1)
    np.testing.assert_array_equal(explainer(images, targets), first)
    np.random.seed(0)  # noqa: NPY002
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.manual_seed(0).get_state(), torch_state)


@each_explainer
@each_framework
def test_the_batch_size_does_not_change_the_explanation(cls, framework, models, images, targets):
    def explain(batch_size):
        explainer = cls(models[framework], batch_size=batch_size, **quick(cls))
        return explainer.explain_wavelet(images, targets)

    expected = explain(None)
    for batch_size in (1, 3, 4, 7, 32):
        assert explanation_error(explain(batch_size), expected) <= 1e-4


@each_explainer
@each_framework
def test_an_explanation_does_not_depend_on_what_it_is_batched_with(
    cls, framework, models, images, targets
):
    explainer = cls(models[framework], batch_size=3, **quick(cls))
    together = explainer(images, targets).numpy()
    for i in range(len(images)):
        alone = explainer(images[i : i + 1], targets[i : i + 1])
        assert relative_error(alone, together[i : i + 1]) <= 1e-4
    turned = explainer(images[::-1], targets[::-1])
    assert relative_error(turned, together[::-1]) <= 1e-4


@each_statistic
@each_framework
def test_relative_noise_does_not_look_at_the_rest_of_the_batch(cls, framework, models, images):
    x = images * np.array([1, 100, 0.01, 5], np.float32).reshape(-1, 1, 1, 1)
    y = np.eye(3)[[0, 1, 2, 0]]
    explainer = cls(models[framework], relative_noise=0.1, nb_samples=4)
    together = explainer(x, y).numpy()
    for i in range(len(x)):
        assert relative_error(explainer(x[i : i + 1], y[i : i + 1]), together[i : i + 1]) <= 1e-3


@each_framework
def test_relative_noise_makes_the_method_equivariant_to_the_inputs_scale(framework):
    """On x², whose gradient is linear, an input k times as large has gradients k times as large."""
    from .helpers import native, polynomial_model

    model, _ = polynomial_model(framework, (8, 8, 2), 2)
    x = np.random.default_rng(0).random((2, 8, 8, 2), dtype=np.float32)
    y = np.eye(2)
    explainer = WaveletSmoothGrad(model, relative_noise=0.3, nb_samples=5)
    once, thrice = (np.asarray(explainer(native(k * x, framework), y)) for k in (1, 3))
    assert relative_error(thrice, 3 * once) <= 1e-5


@each_statistic
@each_framework
def test_without_noise_a_statistic_is_that_of_the_plain_gradient(
    cls, framework, models, images, targets
):
    model = models[framework]
    still = cls(model, noise=0, reducer=None, nb_samples=4).explain_wavelet(images, targets)
    kept = WaveletSaliency(model, reducer=None).explain_wavelet(images, targets)
    for level, expected in zip(still.coefficients[1:], kept.coefficients[1:], strict=True):
        for key, magnitude in expected.items():
            wanted = {
                WaveletSmoothGrad: magnitude,
                WaveletSquareGrad: magnitude**2,
                WaveletVarGrad: 0 * magnitude,
            }[cls]
            atol = 1e-5 * (magnitude.max() if cls is WaveletSmoothGrad else magnitude.max() ** 2)
            np.testing.assert_allclose(np.abs(level[key]), wanted, atol=atol)


COSTS = [
    (WaveletSaliency, {}, 1),
    (WaveletGradientInput, {}, 1),
    (WaveletSmoothGrad, {"nb_samples": 50}, 50),
    (WaveletSquareGrad, {"nb_samples": 11}, 11),
    (WaveletVarGrad, {"nb_samples": 11}, 11),
    (WaveletIntegratedGradients, {"steps": 13}, 13 + 2),
]


@pytest.mark.usefixtures("steady")
@each_framework
@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 8, 32, None])
@pytest.mark.parametrize(
    ("cls", "arguments", "cost"), COSTS, ids=lambda v: getattr(v, "__name__", "")
)
def test_batch_size_bounds_every_call_and_no_gradient_is_taken_twice(
    cls, arguments, cost, batch_size, framework, small_images, small_targets
):
    model, rows = counting_model(framework)
    explainer = cls(model, batch_size=batch_size, **arguments)
    rows.clear()
    explainer(small_images, small_targets)

    assert sum(rows) == cost * len(small_images)
    assert max(rows) <= (batch_size or sum(rows))
    if batch_size is None:
        ends = 2 if cls is WaveletIntegratedGradients else 0  # the scores of x and x₀
        assert len(rows) == 1 + ends


@pytest.mark.usefixtures("steady")
@each_framework
def test_batches_are_filled_across_samples_and_draws(framework, small_images, small_targets):
    """5 inputs x 50 draws in batches of 32: 6 draws of all inputs at once, 9 calls in all."""
    model, rows = counting_model(framework)
    WaveletSmoothGrad(model, batch_size=32)(small_images, small_targets)
    assert rows == [30] * 8 + [10]


@each_framework
def test_constructing_an_explainer_runs_nothing(framework):
    model, rows = counting_model(framework)
    for cls in (WaveletSaliency, WaveletSmoothGrad, WaveletIntegratedGradients):
        cls(model)
    assert not rows
