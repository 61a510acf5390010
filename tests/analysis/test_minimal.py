"""Minimal images, against minima in closed form and Nadam written out in NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch

from wam_xplique.analysis import minimal_images, pareto_front
from wam_xplique.coefficients import as_rows, flatten

SHAPES = ((32,), (16, 2), (8, 16, 3), (8, 4, 8, 2))
FRAMEWORKS = ("tensorflow", "torch")
TARGETS = np.eye(2, dtype=np.float32)[[0, 1, 0]]

each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{len(shape)}D")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class Scores(torch.nn.Module):
    """Two scores of inputs by a function of flat tensors, in PyTorch, channels last inside."""

    def __init__(self, function: Any):
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.movedim(1, -1) if x.ndim > 2 else x
        return self.function(x.flatten(1), torch)


class KerasScores(keras.layers.Layer):
    def __init__(self, function: Any):
        super().__init__()
        self.function = function

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.function(tf.reshape(x, (tf.shape(x)[0], -1)), tf)


def explained(function: Any, x: np.ndarray, framework: str) -> tuple[Any, Any]:
    """A model of the scores, and the inputs as it takes them."""
    if framework == "torch":
        given = np.moveaxis(x, -1, 1) if x.ndim > 2 else x
        return Scores(function).eval(), torch.tensor(given.copy())
    inputs = keras.Input(x.shape[1:])
    return keras.Model(inputs, KerasScores(function)(inputs)), x


def linear(weights: np.ndarray) -> Any:
    def function(x: Any, framework: Any) -> Any:
        w = weights if framework is tf else torch.tensor(weights)
        return x @ w

    return function


def coefficients_of(x: np.ndarray, level: int) -> np.ndarray:
    """All coefficients (N, K) of inputs with channels last, by PyWavelets."""
    axes = tuple(range(1, max(2, x.ndim - 1)))
    z = pywt.wavedecn(x.astype(np.float64), "haar", "periodization", level, axes)
    return as_rows(flatten(z))


@each_framework
@each_shape
def test_of_a_linear_score_what_is_worth_less_than_it_costs_goes(framework, shape):
    x, weights, alpha = noise(3, *shape), noise(int(np.prod(shape)), 2, seed=1), 20.0
    model, given = explained(linear(weights), x, framework)
    found = minimal_images(model, given, TARGETS, alpha, level=2, tolerance=1e-4)
    of_weights = coefficients_of(weights.T.reshape(2, *shape), 2)[TARGETS.argmax(1)]
    worth = coefficients_of(x, 2) * of_weights
    cost = alpha / worth.shape[1]
    clear = np.abs(worth - cost) > 0.1 * cost
    mask = as_rows(flatten(found.mask))
    np.testing.assert_array_equal(mask[clear], (worth > cost)[clear])
    np.testing.assert_allclose(found.sparsity, (mask == 0).mean(1))
    np.testing.assert_allclose(found.score, (mask * worth).sum(1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.original, worth.sum(1), rtol=1e-4, atol=1e-4)
    assert found.images.shape == x.shape
    scores = (found.images.reshape(3, -1) @ weights * TARGETS).sum(1)
    np.testing.assert_allclose(found.score, scores, rtol=1e-4, atol=1e-4)


@each_framework
def test_of_a_quadratic_score_masks_end_between_nothing_and_all(framework):
    """−½‖x − t‖² is least changed where m = (z t − α/K) / z², within [0, 1]."""
    x, wanted, alpha = noise(3, 8, 8, 1), 0.7 * noise(64, seed=3), 6.0

    def function(flat: Any, framework: Any) -> Any:
        t = wanted if framework is tf else torch.tensor(wanted)
        score = -0.5 * ((flat - t) ** 2)
        score = tf.reduce_sum(score, 1) if framework is tf else score.sum(1)
        return framework.stack([score, score], 1)

    model, given = explained(function, x, framework)
    found = minimal_images(
        model, given, TARGETS, alpha, level=1, learning_rate=0.01, max_steps=2000, tolerance=0.0
    )
    z, t = coefficients_of(x, 1), coefficients_of(wanted.reshape(1, 8, 8, 1), 1)
    best = np.clip((z * t - alpha / 64) / z**2, 0, 1)
    clear = np.abs(z) > 0.3  # a coefficient near zero hardly matters
    np.testing.assert_allclose(as_rows(flatten(found.mask))[clear], best[clear], atol=0.03)
    assert np.mean((best > 0.05) & (best < 0.95)) > 0.05


@each_framework
def test_steps_are_those_of_nadam(framework):
    x, weights, alpha, rate = noise(3, 8, 8, 2), noise(128, 4, seed=1), 5.0, 0.03
    last = noise(4, 2, seed=2)

    def function(flat: Any, framework: Any) -> Any:
        a, b = (w if framework is tf else torch.tensor(w) for w in (weights, last))
        return framework.tanh(flat @ a / 8) @ b

    model, given = explained(function, x, framework)
    found = minimal_images(
        model, given, TARGETS, alpha, level=2, learning_rate=rate, max_steps=12, tolerance=0.0
    )
    z = pywt.wavedecn(x.astype(np.float64), "haar", "periodization", 2, (1, 2))
    mask = {name: np.ones_like(band) for name, band in flatten(z).items()}
    mean, square = ({name: np.zeros_like(band) for name, band in mask.items()} for _ in "ms")
    scores = []
    for step in range(1, 14):
        image = pywt.waverecn(
            [
                z[0] * mask["approximation"],
                *(
                    {key: band * mask[f"{number}.{key}"] for key, band in level.items()}
                    for number, level in enumerate(z[1:], start=1)
                ),
            ],
            "haar",
            "periodization",
            (1, 2),
        )
        hidden = np.tanh(image.reshape(3, -1) @ weights / 8)
        scores.append((hidden @ last * TARGETS).sum(1))
        slope = (TARGETS @ last.T * (1 - hidden**2)) @ weights.T / 8
        pulled = pywt.wavedecn(slope.reshape(x.shape), "haar", "periodization", 2, (1, 2))
        for name, band in flatten(pulled).items():
            g = alpha / 128 - band * flatten(z)[name]
            mean[name] = 0.9 * mean[name] + 0.1 * g
            square[name] = 0.999 * square[name] + 0.001 * g**2
            ahead = 0.9 * mean[name] / (1 - 0.9 ** (step + 1)) + 0.1 * g / (1 - 0.9**step)
            moved = rate * ahead / (np.sqrt(square[name] / (1 - 0.999**step)) + 1e-8)
            if step < 13:
                mask[name] = np.clip(mask[name] - moved, 0, 1)
    np.testing.assert_allclose(found.scores, np.stack(scores, 1), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(as_rows(flatten(found.mask)), as_rows(mask), atol=2e-3)
    np.testing.assert_allclose(found.curve[:, -1], alpha * as_rows(mask).mean(1) - scores[-1],
                               rtol=1e-3, atol=1e-3)  # fmt: skip
    assert found.steps.tolist() == [12, 12, 12]


def test_an_input_does_not_depend_on_its_batch(keras_model, torch_model, images, targets):
    for model in (keras_model, torch_model):
        options = {"alpha": 0.5, "max_steps": 40, "tolerance": 0.1}
        whole = minimal_images(model, images, targets, batch_size=None, **options)
        parts = minimal_images(model, images, targets, batch_size=2, **options)
        assert whole.steps.tolist() == parts.steps.tolist()
        np.testing.assert_allclose(whole.images, parts.images, atol=1e-3)
        last = whole.scores.shape[1]
        np.testing.assert_allclose(whole.scores, parts.scores[:, :last], atol=1e-4)
        assert len(set(whole.steps.tolist())) > 1
        for scores, norms, steps in zip(whole.scores, whole.norms, whole.steps, strict=True):
            assert np.ptp(scores[steps:]) < 1e-5
            assert np.ptp(norms[steps:]) == 0


def test_both_frameworks_agree(keras_model, torch_model, images, targets):
    found = [
        minimal_images(model, images, targets, 0.3, wavelet="db2", level=2, max_steps=25)
        for model in (keras_model, torch_model)
    ]
    np.testing.assert_allclose(*(f.scores for f in found), atol=2e-3)
    assert found[0].images.shape == images.shape


def test_operator_output_layer_and_front_end_are_honoured(keras_model, images, targets):
    def negative(model: Any, x: Any, y: Any) -> Any:
        return -tf.reduce_sum(model(x) * y, axis=-1)

    plain = minimal_images(keras_model, images, targets, 0.0, max_steps=3)
    turned = minimal_images(keras_model, images, targets, 0.0, max_steps=3, operator=negative)
    np.testing.assert_allclose(turned.original, -plain.original, rtol=1e-5)
    logits = minimal_images(keras_model, images, targets, max_steps=1, output_layer="logits")
    cut = keras.Model(keras_model.inputs, keras_model.get_layer("logits").output)
    expected = cut(images).numpy()
    np.testing.assert_allclose(logits.original, (expected * targets).sum(1), rtol=1e-4)
    dimmed = minimal_images(keras_model, images, targets, max_steps=1, front_end=lambda x: 0.5 * x)
    np.testing.assert_allclose(
        dimmed.original, (keras_model(images / 2) * targets).numpy().sum(1), rtol=1e-4
    )


def test_sparsity_rises_and_the_score_falls_along_the_front(torch_model, images, targets):
    front = pareto_front(torch_model, images, targets, (0.01, 0.3, 10.0), max_steps=25)
    assert (np.diff(front.sparsity.mean(1)) > 0).all()
    assert front.score[0].mean() > front.score[-1].mean()
    table = front.to_dataframe()
    assert len(table) == 3 * 4
    np.testing.assert_allclose(
        table[table["alpha"] == 0.3]["sparsity"], front.sparsity[1], rtol=1e-6
    )
    one = minimal_images(torch_model, images, targets, 0.3, max_steps=25)
    np.testing.assert_allclose(front.score[1], one.score, rtol=1e-5)
    (ax,) = front.plot().axes
    assert {text.get_text() for text in ax.texts} >= {"α = 0.01", "α = 0.3", "α = 10"}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{len(shape)}D")
def test_the_result_is_a_table_and_a_picture(shape):
    x, weights = noise(3, *shape), noise(int(np.prod(shape)), 2)
    model, given = explained(linear(weights), x, "tensorflow")
    found = minimal_images(model, given, TARGETS, level=1, max_steps=2)
    assert list(found.to_dataframe().columns) == ["sparsity", "original", "score", "steps"]
    figure = found.plot(most=2)
    assert len(figure.axes) == 2 * (2 if len(shape) == 4 else 3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alpha": -1.0}, ValueError, "alpha must be a finite number of at least 0, got -1.0"),
        ({"alpha": np.nan}, ValueError, "alpha must be"),
        ({"learning_rate": -0.1}, ValueError, "learning_rate must be"),
        ({"max_steps": 0}, ValueError, "max_steps must be an integer of at least 1, got 0"),
        ({"tolerance": "small"}, ValueError, "tolerance must be"),
        ({"batch_size": 0}, ValueError, "batch_size must be"),
        ({"wavelet": "none"}, ValueError, "none"),
        ({"level": 9}, ValueError, "level=9 does not fit"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_are_refused(keras_model, images, targets, options, error, message):
    with pytest.raises(error, match=message):
        minimal_images(keras_model, images, targets, **options)


def test_what_has_no_gradient_is_refused(images, targets):
    with pytest.raises(TypeError, match="needs gradients"):
        minimal_images(lambda x: x.mean((1, 2)), images, targets)

    class Rounded(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.detach().mean((2, 3))

    with pytest.raises(ValueError, match="no gradient"):
        minimal_images(Rounded().eval(), torch.rand(2, 3, 8, 8), np.eye(3)[:2])


def test_scores_that_are_not_finite_are_told():
    def function(flat: Any, framework: Any) -> Any:
        return framework.sqrt(flat[:, :2])

    x = -np.ones((3, 8, 8, 1), np.float32)
    model, given = explained(function, x, "tensorflow")
    with pytest.raises(ValueError, match=r"NaN or infinite scores .* \[0, 1, 2\] at step 0"):
        minimal_images(model, given, TARGETS)


@pytest.mark.parametrize("alphas", [(), (3.0, 1.0), (1.0, 1.0), ((1.0, 2.0),)])
def test_weights_of_a_front_must_rise(keras_model, images, targets, alphas):
    with pytest.raises(ValueError, match="alphas must be one or more rising numbers"):
        pareto_front(keras_model, images, targets, alphas)
