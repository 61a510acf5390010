"""Intervals of scores over the inputs: the formulas, how often they hold the truth, too few."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from wam_xplique.metrics import (
    FaithfulnessOnSpectra,
    InputFidelity,
    MatchedFaithfulness,
    WaveletDeletion,
)

from .helpers import Network, each_metric, noise, random_explanation, targets


@each_metric
@pytest.mark.parametrize("confidence", [0.5, 0.99])
def test_an_interval_holds_the_score(cls, confidence):
    x, y = noise(12, 24), targets(12)
    metric, explanation = cls(Network((24,)), x, y), random_explanation(x)
    score, low, high = metric.interval(explanation, confidence)
    assert score == metric(explanation)
    assert low <= score <= high
    assert low < high


@pytest.mark.parametrize("cls", [WaveletDeletion, MatchedFaithfulness])
def test_that_of_a_mean_is_students(cls):
    x, y = noise(6, 24), targets(6)
    metric, explanation = cls(Network((24,)), x, y), random_explanation(x)
    expected = scipy.stats.ttest_1samp(metric.evaluate_samples(explanation), 0)
    found = metric.interval(explanation, 0.9)
    np.testing.assert_allclose(found[1:], expected.confidence_interval(0.9))


def test_that_of_a_share_is_wilsons():
    x, y = noise(20, 24), targets(20)
    metric, explanation = InputFidelity(Network((24,)), x, y), random_explanation(x)
    share, low, high = metric.interval(explanation)
    z2 = scipy.stats.norm.ppf(0.975) ** 2
    centre = (share + z2 / 40) / (1 + z2 / 20)
    margin = np.sqrt(z2 * (share * (1 - share) / 20 + z2 / 1600)) / (1 + z2 / 20)
    np.testing.assert_allclose((low, high), (centre - margin, centre + margin))


def test_that_of_a_median_is_of_the_order_statistics():
    """Of 12 values, the 3rd to the 10th hold the median in 96% of the cases (binomial tails)."""
    x, y = noise(12, 24), targets(12)
    metric, explanation = FaithfulnessOnSpectra(Network((24,)), x, y), random_explanation(x)
    ordered = np.sort(metric.evaluate_samples(explanation))
    assert metric.interval(explanation)[1:] == (ordered[2], ordered[9])


@pytest.mark.parametrize("cls", [WaveletDeletion, FaithfulnessOnSpectra])
def test_too_few_inputs_have_none(cls):
    x = noise(1, 24)
    metric = cls(Network((24,)), x, targets(1))
    with pytest.raises(ValueError, match=r"1 inputs are too few for .* confidence=0\.95"):
        metric.interval(random_explanation(x))


@pytest.mark.parametrize("confidence", [0, 1.0, None, 95])
def test_confidence_is_a_fraction(confidence):
    metric = WaveletDeletion(Network((24,)), noise(2, 24), targets(2))
    with pytest.raises(ValueError, match="confidence must be a number between 0 and 1, got"):
        metric.interval(noise(2, 24), confidence)
