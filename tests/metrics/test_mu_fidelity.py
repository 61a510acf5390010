"""μ-Fidelity: an independent computation, exact correlations, seeds, grids."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from wam_xplique.algorithms.estimators import rank_correlations
from wam_xplique.algorithms.removal import RandomSets
from wam_xplique.metrics import WaveletMuFidelity

from .helpers import (
    case,
    each_framework,
    each_shape,
    flat,
    given,
    noise,
    of_linear,
    random_explanation,
    reference,
    targets,
)


@each_shape
@each_framework
def test_correlations_are_those_of_one_forward_at_a_time(framework, shape):
    x, y, network = case(*shape)
    explanation = random_explanation(x, level=1)
    metric = WaveletMuFidelity(
        network.model(framework), given(x, framework), y, 7, grid_size=None, nb_samples=12, seed=5
    )
    importance = flat(explanation.coefficients)
    count = importance.shape[1]
    sets = RandomSets(count, round(0.2 * count), seed=5)
    kept = np.ones((2, 12, count), bool)
    sums = np.empty((2, 12))
    for draw in range(12):
        kept[:, draw, sets.members(draw)] = False
        sums[:, draw] = importance[:, sets.members(draw)].sum(axis=1)
    drops = network(x)[:, np.newaxis] - reference(network, x, explanation, kept)
    pairs = zip(sums, (drops * y[:, np.newaxis]).sum(axis=-1), strict=True)
    expected = [spearmanr(*pair).statistic for pair in pairs]
    np.testing.assert_allclose(metric.evaluate_samples(explanation), expected, atol=0.02)


@pytest.mark.parametrize("grid_size", [None, 4])
def test_integrated_gradients_of_a_linear_model_are_perfect(grid_size):
    """Their sum over a set is the drop in score."""
    x, y, weights = noise(2, 16, 16, 1), np.ones((2, 1), np.float32), noise(256, 1, seed=4)
    explanation = of_linear(x, y @ weights.T, "haar", 2)
    for sign in (1, -1):
        model = lambda x, sign=sign: sign * x.reshape(len(x), -1) @ weights  # noqa: E731
        metric = WaveletMuFidelity(model, x, y, grid_size=grid_size, nb_samples=40)
        np.testing.assert_allclose(metric.evaluate_samples(explanation), sign, atol=1e-3)


def test_scores_that_do_not_vary_have_no_correlation():
    x, y = noise(2, 16), targets(2)
    metric = WaveletMuFidelity(lambda x: np.ones((len(x), 3)), x, y, grid_size=None, nb_samples=5)
    np.testing.assert_array_equal(metric.evaluate_samples(random_explanation(x)), 0)


def test_sets_follow_from_the_seed():
    x, y, network = case(24, count=5)
    explanation = random_explanation(x)

    def scores(seed: int, batch_size: int | None = 64) -> np.ndarray:
        metric = WaveletMuFidelity(
            network, x, y, batch_size, grid_size=None, nb_samples=20, seed=seed
        )
        return metric.evaluate_samples(explanation)

    np.testing.assert_array_equal(scores(0), scores(0))
    np.testing.assert_allclose(scores(0), scores(0, batch_size=3), atol=1e-12)
    assert np.abs(scores(0) - scores(1)).max() > 0.01


def test_sets_are_of_one_size_and_differ():
    sets = RandomSets(50, 10, seed=0)
    drawn = sets(np.arange(-1, 30))
    assert drawn.sum(axis=1).tolist() == [0] + [10] * 30
    assert len(np.unique(drawn, axis=0)) == 31
    repeated = sets(np.array([3, -1, 3]))
    np.testing.assert_array_equal(repeated, drawn[[4, 0, 4]])
    assert drawn[1:].any(axis=0).all()


def test_an_approximation_without_importance_takes_no_part_unless_asked():
    x, y = noise(2, 16, 16, 1), np.ones((2, 1), np.float32)
    means = lambda x: 1 + x.mean((1, 2))  # noqa: E731
    without = random_explanation(x, approximation=False)
    options = {"grid_size": None, "nb_samples": 10}
    metric = WaveletMuFidelity(means, x, y, **options)
    np.testing.assert_array_equal(metric.evaluate_samples(without), 0)  # details have no mean
    assert np.abs(metric.evaluate_samples(random_explanation(x))).min() > 0
    metric = WaveletMuFidelity(means, x, y, include_approximation=True, **options)
    assert np.abs(metric.evaluate_samples(without)).min() > 0


def test_rank_correlations_are_spearmans():
    x, y = np.round(noise(6, 30)), np.round(noise(6, 30, seed=1), 1)
    expected = [spearmanr(*rows).statistic for rows in zip(x, y, strict=True)]
    np.testing.assert_allclose(rank_correlations(x, y), expected)
    np.testing.assert_array_equal(rank_correlations(x, np.ones_like(y)), 0)
