"""How sure a mean over noise is, against closed forms: gradients that are normal."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from wam_xplique import WaveletExplanation
from wam_xplique.algorithms import sampling
from wam_xplique.algorithms.batching import BatchSize
from wam_xplique.algorithms.gradients import GradientProblem
from wam_xplique.algorithms.perturbations import GaussianNoise
from wam_xplique.backends.registry import load_backend
from wam_xplique.coefficients import WaveletTransform, as_rows, flatten

SIGMA, SAMPLES, RUNS = 0.7, 20, 200
X = np.random.default_rng(0).standard_normal((2, 8, 8, 1)) * np.linspace(0.2, 2, 8)[:, np.newaxis]
TRANSFORM = WaveletTransform("haar", 2, "periodization", (1, 2))
PROBLEM = GradientProblem(
    load_backend("numpy"), lambda x, y: (x,), X, np.ones(2), TRANSFORM, BatchSize(7)
)
Z = as_rows(flatten(TRANSFORM.forward(X)))  # the gradients are these, and SIGMA times normal noise
FOLDED = SIGMA * scipy.stats.foldnorm(np.abs(Z) / SIGMA).mean()
STATISTICS = {
    "magnitude": (sampling.smooth_grad, FOLDED),
    "square": (sampling.square_grad, Z**2 + SIGMA**2),
    "variance": (sampling.var_grad, np.full_like(Z, SIGMA**2)),
}
OF_LEVEL = np.repeat(np.arange(3), [4, 3 * 4, 3 * 16])

each_statistic = pytest.mark.parametrize("name", STATISTICS)


@functools.cache
def sample(name: str, seed: int) -> sampling.Attribution:
    noise = GaussianNoise(SAMPLES, SIGMA, seed=seed)
    return STATISTICS[name][0](PROBLEM, noise).attribution()


@each_statistic
def test_intervals_of_shares_cover_the_true_shares(name):
    """95% of them, to some 4 standard errors of 400 intervals; those of a variance are wider."""
    truth = STATISTICS[name][1]
    sums = np.stack([truth[:, level == OF_LEVEL].sum(1) for level in range(3)], axis=-1)
    shares = (sums / sums.sum(1, keepdims=True))[..., np.newaxis]
    covered = []
    for seed in range(RUNS):
        found = sample(name, seed)
        interval = WaveletExplanation(
            found.coefficients,
            "haar",
            "periodization",
            X.shape,
            2,
            scale_error=sampling.scale_errors(found, 2),
            draws=found.draws,
        ).scale_interval(0.95)
        covered.append((interval[..., :1] <= shares) & (shares <= interval[..., 1:]))
    rate = np.mean(covered, axis=(0, 1))[:, 0]
    assert (rate > 0.91).all()
    assert name == "variance" or (rate < 0.985).all()


@each_statistic
def test_standard_errors_are_the_spread_over_seeds(name):
    runs = [sample(name, seed) for seed in range(RUNS)]
    values, errors = (
        np.stack([as_rows(flatten(getattr(run, field))) for run in runs])
        for field in ("coefficients", "standard_error")
    )
    truth = STATISTICS[name][1]
    ratio = np.mean(errors**2, axis=0) / values.var(axis=0, ddof=1)
    lower, upper = (1.7, 2.5) if name == "variance" else (0.95, 1.05)
    assert lower < ratio.mean() < upper  # pairs of draws double the variance of a normal variance
    assert np.abs(values.mean(axis=0) - truth).max() < 5 * np.sqrt(values.var(axis=0).max() / RUNS)


def test_moments_merge_to_those_of_all():
    backend = load_backend("numpy")
    values = [
        [np.random.default_rng(i).normal(1e6, 1, (size, 3, 4))] for i, size in enumerate((1, 4, 2))
    ]
    merged = sum(
        (sampling.Moments.of(backend, v) for v in values[1:]),
        sampling.Moments.of(backend, values[0]),
    )
    together = np.concatenate([v[0] for v in values])
    np.testing.assert_allclose(merged.mean[0], together.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(merged.variance()[0], together.var(axis=0, ddof=1), rtol=1e-6)


def test_inputs_that_stand_in_different_rounds_have_their_errors_from_one_draw_on():
    def rows(found):
        values, errors = found.coefficients, found.standard_error
        return as_rows(flatten(values)), None if errors is None else as_rows(flatten(errors))

    unlike = replace(PROBLEM, x=X * np.array([1, 9]).reshape(2, 1, 1, 1))
    start, target = GaussianNoise(1, SIGMA), {"standard_error": 0.1}
    found = sampling.until_stable(sampling.smooth_grad, unlike, start, target, rows)
    assert found.draws[0] > found.draws[1] > 1
    values, errors = (np.linalg.norm(part, axis=1) for part in rows(found))
    assert (errors <= 0.1 * values).all()
