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
from wam_xplique.coefficients import as_rows, flatten, unflatten

from ..metrics.helpers import given as given_to
from ..metrics.helpers import noise

SHAPES = ((32,), (16, 2), (8, 16, 3), (8, 4, 8, 2))
TARGETS = np.eye(2, dtype=np.float32)[[0, 1, 0]]

each_framework = pytest.mark.parametrize("framework", ["tensorflow", "torch"])
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{len(shape)}D")


class Scores(torch.nn.Module):
    """Two scores of inputs by a function of flat tensors, in PyTorch, channels last inside."""

    def __init__(self, function: Any):
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.movedim(1, -1) if x.ndim > 2 else x
        return self.function(x.flatten(1), torch)


def explained(function: Any, x: np.ndarray, framework: str) -> tuple[Any, Any]:
    """A model of the scores, and the inputs as it takes them."""
    if framework == "torch":
        return Scores(function).eval(), given_to(x, "torch")
    size = int(np.prod(x.shape[1:]))
    scores = keras.layers.Lambda(lambda x: function(tf.reshape(x, (-1, size)), tf))
    return keras.Sequential([keras.Input(x.shape[1:]), scores]), x


def native(weights: np.ndarray, framework: Any) -> Any:
    return weights if framework is tf else torch.tensor(weights)


def linear(weights: np.ndarray) -> Any:
    return lambda x, framework: x @ native(weights, framework)


def coefficients_of(x: np.ndarray, level: int) -> dict[str, np.ndarray]:
    """All coefficients of inputs with channels last, by PyWavelets."""
    axes = tuple(range(1, max(2, x.ndim - 1)))
    return flatten(pywt.wavedecn(x.astype(np.float64), "haar", "periodization", level, axes))


def worths(x: np.ndarray, weights: np.ndarray, per_channel: bool = False) -> np.ndarray:
    """What each mask (N, K) is worth to a linear score of the targets, by PyWavelets."""
    of_weights = coefficients_of(weights.T.reshape(2, *x.shape[1:]), 2)
    worth = {
        name: band * of_weights[name][TARGETS.argmax(1)]
        for name, band in coefficients_of(x, 2).items()
    }
    if not per_channel and x.ndim > 2:
        worth = {name: band.sum(-1) for name, band in worth.items()}
    return as_rows(worth)


@pytest.mark.parametrize("per_channel", [False, True], ids=["shared", "per channel"])
@each_framework
@each_shape
def test_of_a_linear_score_what_is_worth_less_than_it_costs_goes(framework, shape, per_channel):
    x, weights, alpha = noise(3, *shape), noise(int(np.prod(shape)), 2, seed=1), 20.0
    model, given = explained(linear(weights), x, framework)
    how = {"level": 2, "tolerance": 1e-4, "per_channel": per_channel}
    found = minimal_images(model, given, TARGETS, alpha=alpha, **how)
    worth = worths(x, weights, per_channel)
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
@each_shape
@pytest.mark.parametrize("keep", [0.5, 1.0])
def test_of_a_linear_score_the_worthiest_coefficients_keep_it(framework, shape, keep):
    """The fewest coefficients that sum to what is needed are the worthiest, at full strength."""
    weights = noise(int(np.prod(shape)), 2, seed=1)
    x = noise(3, *shape) + (TARGETS @ weights.T).reshape(3, *shape)  # most are worth something
    worth = worths(x, weights)
    total = worth.sum(1)
    needed = total - (1 - keep) * np.abs(total)
    model, given = explained(linear(weights), x, framework)
    found = minimal_images(model, given, TARGETS, keep, level=2, keep_probability=False)
    assert found.kept.all()
    assert (found.score >= needed - 1e-4 * np.abs(total)).all()
    mask = as_rows(flatten(found.mask))
    np.testing.assert_allclose(found.score, (mask * worth).sum(1), rtol=1e-4, atol=1e-4)
    for row, (own, least) in enumerate(zip(worth, needed, strict=True)):
        ranked = -np.sort(-own)
        sums = np.cumsum(ranked)
        count = int((sums >= least).argmax())
        spare = 0.05 if keep == 1 else 0.2
        assert set(mask[row]) <= {0.0, 1.0}
        assert count + 1 <= mask[row].sum() <= (1 + spare) * (count + 1) + 1


@each_framework
def test_of_a_quadratic_score_masks_end_between_nothing_and_all(framework):
    """−½‖x − t‖² is least changed where m = (z t − α/K) / z², within [0, 1]."""
    x, wanted, alpha = noise(3, 8, 8, 1), 0.7 * noise(64, seed=3), 6.0

    def function(flat: Any, framework: Any) -> Any:
        score = -0.5 * (flat - native(wanted, framework)) ** 2
        return score @ native(np.ones((64, 2), np.float32), framework)

    model, given = explained(function, x, framework)
    options = {"learning_rate": 0.01, "max_steps": 2000, "tolerance": 0}
    found = minimal_images(model, given, TARGETS, alpha=alpha, level=1, **options)
    z, t = (as_rows(coefficients_of(v, 1)) for v in (x, wanted.reshape(1, 8, 8, 1)))
    best = np.clip((z * t - alpha / 64) / z**2, 0, 1)
    clear = np.abs(z) > 0.3  # a coefficient near zero hardly matters
    np.testing.assert_allclose(as_rows(flatten(found.mask))[clear], best[clear], atol=0.03)
    assert np.mean((best > 0.05) & (best < 0.95)) > 0.05


@each_framework
def test_steps_are_those_of_nadam(framework):
    x, weights, alpha, rate = noise(3, 8, 8, 2), noise(128, 4, seed=1), 5.0, 0.03
    last = noise(4, 2, seed=2)

    def function(flat: Any, framework: Any) -> Any:
        hidden = framework.tanh(flat @ native(weights, framework) / 8)
        return hidden @ native(last, framework)

    model, given = explained(function, x, framework)
    options = {"learning_rate": rate, "max_steps": 12, "tolerance": 0, "per_channel": True}
    found = minimal_images(model, given, TARGETS, alpha=alpha, level=2, **options)
    z = coefficients_of(x, 2)
    mask = {name: np.ones_like(band) for name, band in z.items()}
    mean, square = ({name: np.zeros_like(band) for name, band in mask.items()} for _ in "ms")
    scores = []
    for step in range(1, 14):
        masked = unflatten({name: band * mask[name] for name, band in z.items()})
        image = pywt.waverecn(masked, "haar", "periodization", (1, 2))
        hidden = np.tanh(image.reshape(3, -1) @ weights / 8)
        scores.append((hidden @ last * TARGETS).sum(1))
        slope = (TARGETS @ last.T * (1 - hidden**2)) @ weights.T / 8
        for name, band in coefficients_of(slope.reshape(x.shape), 2).items():
            g = alpha / 128 - band * z[name]
            mean[name] = 0.9 * mean[name] + 0.1 * g
            square[name] = 0.999 * square[name] + 0.001 * g**2
            ahead = 0.9 * mean[name] / (1 - 0.9 ** (step + 1)) + 0.1 * g / (1 - 0.9**step)
            moved = rate * ahead / (np.sqrt(square[name] / (1 - 0.999**step)) + 1e-8)
            if step < 13:
                mask[name] = np.clip(mask[name] - moved, 0, 1)
    np.testing.assert_allclose(found.scores, np.stack(scores, 1), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(as_rows(flatten(found.mask)), as_rows(mask), atol=2e-3)
    lowest = alpha * as_rows(mask).mean(1) - scores[-1]
    np.testing.assert_allclose(found.curve[:, -1], lowest, rtol=1e-3, atol=1e-3)
    assert found.steps.tolist() == [12, 12, 12]


@each_framework
def test_the_probability_is_kept_besides_the_logit(framework):
    """Every class has the same features: fewer of them raise no logit, but the others' share."""
    x = np.abs(noise(3, 8, 8, 1)) + 0.1
    weights = np.abs(noise(64, 2, seed=1)) * [1, 0.5] / 8
    model, given = explained(linear(weights.astype(np.float32)), x, framework)
    targets = np.eye(2, dtype=np.float32)[[0, 1, 1]]
    found = minimal_images(model, given, targets, level=1)
    logits = found.images.reshape(3, -1) @ weights
    odds = logits @ [1, -1] * (targets @ [1, -1])
    before = x.reshape(3, -1) @ weights @ [1, -1] * (targets @ [1, -1])
    assert found.kept.all()
    assert (odds >= before - 1e-3).all()
    assert ((logits * targets).sum(1) >= found.original - 1e-3).all()
    expected = 1 / (1 + np.exp(-np.stack([before, odds], 1)))
    np.testing.assert_allclose(found.probability, expected, atol=1e-4)
    np.testing.assert_allclose(found.score, (logits * targets).sum(1), rtol=1e-4)


def test_probabilities_need_no_softmax(keras_model, images, targets):
    softmax = keras.Model(keras_model.inputs, keras.layers.Softmax()(keras_model.outputs[0]))
    found = minimal_images(softmax, images, targets, max_steps=2)
    given = (softmax(images).numpy() * targets).sum(1)
    np.testing.assert_allclose(found.probability[:, 0], given, rtol=1e-4)
    np.testing.assert_allclose(found.scores[:, 0], given, rtol=1e-4)


@each_framework
def test_negative_scores_lose_a_part_of_their_magnitude_and_no_step_is_told(framework):
    x = np.abs(noise(3, 16)) + 0.1
    weights = -np.ones((16, 2), np.float32)
    model, given = explained(linear(weights), x, framework)
    found = minimal_images(model, given, TARGETS, 0.5, level=1, max_steps=60)
    assert found.kept.all()  # nothing at all has the score 0, which is more
    assert (found.sparsity == 1).all()
    with pytest.warns(UserWarning, match=r"of inputs \[0, 1, 2\] are these inputs themselves"):
        still = minimal_images(model, given, TARGETS, 0.5, level=1, learning_rate=0.0)
    assert (still.best.tolist(), still.sparsity.tolist()) == ([0, 0, 0], [0, 0, 0])


def test_what_cannot_be_kept_is_told():
    x, weights = np.abs(noise(3, 16)), np.ones((16, 2), np.float32)
    model, given = explained(linear(weights), x, "torch")
    found = minimal_images(model, given, TARGETS, 1.5, level=1, max_steps=30)
    assert not found.kept.any()
    np.testing.assert_allclose(found.score, x.sum(1), rtol=1e-4)  # the most there is
    assert "not kept" in found.plot().axes[1].get_title()


@each_framework
def test_the_best_mask_is_kept_and_tolerance_0_takes_all_steps(framework):
    x, weights = noise(3, 8, 8, 1), noise(64, 2, seed=1)
    model, given = explained(linear(weights), x, framework)
    options = {"alpha": 20.0, "level": 1, "learning_rate": 0.5, "max_steps": 60}
    found = minimal_images(model, given, TARGETS, tolerance=0, **options)
    assert found.steps.tolist() == [60] * 3
    np.testing.assert_array_equal(found.best, found.curve.argmin(1))
    np.testing.assert_allclose(found.score, found.scores[range(3), found.best], rtol=1e-4)
    mask = as_rows(flatten(found.mask)).mean(1)
    np.testing.assert_allclose(mask, found.norms[range(3), found.best], rtol=1e-5)
    early = minimal_images(model, given, TARGETS, tolerance=0.1, **options)
    assert (early.steps < 60).all()


@each_framework
def test_values_beyond_the_range_are_clipped_and_have_no_gradient(framework):
    """A checkerboard without its details is 0.5; without its mean it would go below 0."""
    board = np.indices((8, 8)).sum(0)[np.newaxis, ..., np.newaxis] % 2
    x = np.repeat(board, 3, 0).astype(np.float32)
    weights = np.repeat(board.reshape(64, 1), 2, 1).astype(np.float32)
    model, given = explained(linear(weights), x, framework)
    how = {"value_range": (0, 1), "level": 1, "keep_probability": False}
    seen = minimal_images(model, given, TARGETS, 0.9, **how)
    assert 0 <= seen.images.min() <= seen.images.max() <= 1
    clipped = (seen.images.reshape(3, -1) @ weights * TARGETS).sum(1)
    np.testing.assert_allclose(seen.score, clipped, rtol=1e-4)
    assert seen.kept.all()


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
    how = {"alpha": 0.3, "wavelet": "db2", "level": 2, "max_steps": 25}
    found = [minimal_images(model, images, targets, **how) for model in (keras_model, torch_model)]
    np.testing.assert_allclose(*(f.scores for f in found), atol=2e-3)
    assert found[0].images.shape == images.shape


def test_operator_output_layer_and_front_end_are_honoured(keras_model, images, targets):
    def negative(model: Any, x: Any, y: Any) -> Any:
        return -tf.reduce_sum(model(x) * y, axis=-1)

    plain = minimal_images(keras_model, images, targets, max_steps=3)
    turned = minimal_images(keras_model, images, targets, max_steps=3, operator=negative)
    np.testing.assert_allclose(turned.original, -plain.original, rtol=1e-5)
    logits = minimal_images(keras_model, images, targets, max_steps=1, output_layer="logits")
    cut = keras.Model(keras_model.inputs, keras_model.get_layer("logits").output)
    expected = (cut(images).numpy() * targets).sum(1)
    np.testing.assert_allclose(logits.original, expected, rtol=1e-4)
    dimmed = minimal_images(keras_model, images, targets, max_steps=1, front_end=lambda x: 0.5 * x)
    expected = (keras_model(images / 2) * targets).numpy().sum(1)
    np.testing.assert_allclose(dimmed.original, expected, rtol=1e-4)


def test_sparsity_rises_and_the_score_falls_along_the_front(torch_model, images, targets):
    front = pareto_front(torch_model, images, targets, (0.01, 0.3, 10.0), max_steps=25)
    assert (np.diff(front.sparsity.mean(1)) > 0).all()
    assert front.score[0].mean() > front.score[-1].mean()
    table = front.to_dataframe()
    assert len(table) == 3 * 4
    of_one = table[table["alpha"] == 0.3]["sparsity"]
    np.testing.assert_allclose(of_one, front.sparsity[1], rtol=1e-6)
    one = minimal_images(torch_model, images, targets, alpha=0.3, max_steps=25)
    np.testing.assert_allclose(front.score[1], one.score, rtol=1e-5)
    (ax,) = front.plot().axes
    assert {text.get_text() for text in ax.texts} >= {"α = 0.01", "α = 0.3", "α = 10"}
    front = pareto_front(torch_model, images, targets, keeps=(0.5, 1.0), max_steps=80)
    assert front.sparsity[0].mean() > front.sparsity[1].mean()
    assert front.to_dataframe()["keep"].tolist() == [0.5] * 4 + [1.0] * 4
    assert "keep = 0.5" in {text.get_text() for text in front.plot().axes[0].texts}
    for alphas in ((), (3.0, 1.0), (1.0, 1.0), ((1.0, 2.0),)):
        with pytest.raises(ValueError, match="alphas must be one or more rising numbers"):
            pareto_front(torch_model, images, targets, alphas)


@each_shape
def test_the_result_is_a_table_and_a_picture(shape):
    x, weights = noise(3, *shape), noise(int(np.prod(shape)), 2)
    model, given = explained(linear(weights), x, "tensorflow")
    found = minimal_images(model, given, TARGETS, level=1, max_steps=2)
    names = ["sparsity", "strength", "original", "score", "probability before", "probability"]
    assert [*found.to_dataframe()] == [*names, "kept", "multiplier", "steps"]
    figure = found.plot(most=2)
    assert len(figure.axes) == 2 * (2 if len(shape) == 4 else 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": -0.5}, "keep must be a finite number of at least 0, got -0.5"),
        ({"alpha": -1.0}, "alpha must be a finite number of at least 0, got -1.0"),
        ({"learning_rate": -0.1}, "learning_rate must be"),
        ({"max_steps": 0}, "max_steps must be an integer of at least 1, got 0"),
        ({"tolerance": "small"}, "tolerance must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"wavelet": "none"}, "none"),
        ({"level": 9}, "level=9 does not fit"),
        ({"value_range": (1, 0)}, "value_range must be two finite numbers, the lower first"),
        ({"value_range": (0, 0.5)}, "must hold all inputs, which go from .* to 0.99"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused(keras_model, images, targets, options, message):
    with pytest.raises(ValueError, match=message):
        minimal_images(keras_model, images, targets, **options)


def test_scores_without_gradients_or_not_finite_are_refused(images, targets):
    with pytest.raises(TypeError, match="needs gradients"):
        minimal_images(lambda x: x.mean((1, 2)), images, targets)
    x = -np.ones((3, 8, 8, 1), np.float32)
    model, given = explained(lambda flat, framework: flat[:, :2].detach(), x, "torch")
    with pytest.raises(ValueError, match="no gradient"):
        minimal_images(model, given, TARGETS)
    model, given = explained(lambda flat, framework: framework.sqrt(flat[:, :2]), x, "tensorflow")
    with pytest.raises(ValueError, match=r"NaN or infinite scores .* \[0, 1, 2\] at step 0"):
        minimal_images(model, given, TARGETS)


@each_framework
def test_no_size_of_alpha_inputs_or_scores_stops_the_search(framework):
    x, weights = noise(2, 16), noise(16, 2, seed=1)
    for size in (1e-12, 1.0, 1e12, 1e25):  # of float32, whose squares it does not hold
        model, given = explained(linear((weights * size).astype(np.float32)), x, framework)
        found = minimal_images(model, given, TARGETS[:2], alpha=3 * size, max_steps=60)
        if size == 1e-12:
            want = found.sparsity
            assert ((want > 0) & (want < 1)).all()
        np.testing.assert_allclose(found.sparsity, want, atol=0.07)
    model, given = explained(linear(weights), x, framework)
    for alpha in (1e20, 1e38, 1e39, 1e300):
        found = minimal_images(model, given, TARGETS[:2], alpha=alpha, max_steps=40)
        assert found.sparsity.tolist() == [1, 1]
        assert np.isfinite(found.curve).all()
