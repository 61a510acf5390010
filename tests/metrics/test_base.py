"""What all metrics share: batches of forwards, what repeats and is compiled, intervals."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

from wam_xplique.metrics import (
    FaithfulnessOnSpectra,
    InputFidelity,
    MatchedFaithfulness,
    WaveletDeletion,
    WaveletFaithfulness,
    WaveletMuFidelity,
)

from .helpers import (
    case,
    counted,
    each_metric,
    few,
    given,
    noise,
    random_explanation,
    targets,
)

SHAPE = (16, 16, 3)


def forwards(cls: Any) -> int:
    """The perturbed inputs of an input."""
    name = cls.__name__
    each = {"WaveletMuFidelity": 21, "WaveletFaithfulness": 22}
    return each.get(name, 11 if name.startswith("Wavelet") else 2)


@pytest.mark.usefixtures("steady")
@each_metric
@pytest.mark.parametrize("framework", ["callable", "tensorflow", "torch"])
@pytest.mark.parametrize(("count", "batch_size"), [(1, 4), (5, 8), (11, 4), (3, None)])
def test_perturbed_inputs_fill_the_batches(cls, framework, count, batch_size):
    x, y = noise(count, *SHAPE), targets(count)
    model, rows = counted(framework)
    metric = cls(model, given(x, framework), y, batch_size, **few(cls))
    explanation = random_explanation(x)
    rows.clear()
    metric(explanation)
    total = count * forwards(cls)
    assert sum(rows) == total
    assert max(rows) == min(batch_size or total, total // (1 + (cls is WaveletFaithfulness)))
    calls = math.ceil(total / batch_size) if batch_size else 1
    # One batch that is not full at the end: of the last block of inputs, of each of two curves.
    assert len(rows) <= calls + 1 + (cls is WaveletFaithfulness)


@each_metric
def test_batches_do_not_matter(cls):
    x, y, network = case(*SHAPE, count=5)
    explanation = random_explanation(x)
    expected = cls(network, x, y, None, **few(cls)).evaluate_samples(explanation)
    for batch_size in (1, 3, 64):
        found = cls(network, x, y, batch_size, **few(cls)).evaluate_samples(explanation)
        tolerance = 1e-2 if cls is WaveletMuFidelity else 1e-6
        np.testing.assert_allclose(found, expected, atol=tolerance)
    np.testing.assert_array_equal(
        cls(network, x, y, None, **few(cls)).evaluate_samples(explanation), expected
    )


def test_an_inputs_score_is_its_own():
    x, y, network = case(*SHAPE, count=4)
    values = noise(4, 16, 16, seed=1)
    together = WaveletDeletion(network, x, y).evaluate_samples(values)
    assert np.ptp(together) > 0
    for number in range(4):
        alone = WaveletDeletion(network, x[[number]], y[[number]])
        assert alone(values[[number]]) == pytest.approx(together[number], abs=1e-6)


def test_a_device_that_is_too_small_is_found_out_once(caplog):
    x, y, network = case(*SHAPE, count=3)
    rows = []

    def small(x: np.ndarray) -> np.ndarray:
        rows.append(len(x))
        if len(x) > 4:
            raise MemoryError
        return network(x)

    explanation = random_explanation(x)
    metric = WaveletDeletion(small, x, y, 16)
    with caplog.at_level(logging.WARNING, "wam_xplique"):
        found = metric.evaluate_samples(explanation)
        assert [count for count in rows if count > 4] == [16, 8]
        rows.clear()
        metric.evaluate_samples(explanation)
    assert max(rows) == 4
    assert len(caplog.records) == 1
    expected = WaveletDeletion(network, x, y).evaluate_samples(explanation)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.raises(MemoryError):
        WaveletDeletion(lambda x: small(np.repeat(x, 5, axis=0)), x, y)(explanation)


def test_large_inputs_are_compiled_to_the_same_scores():
    x, y, network = case(64, 64, 3, count=3)
    explanation = random_explanation(x, "db2", 2, "symmetric")
    expected = WaveletDeletion(network, x, y, steps=4).evaluate_samples(explanation)
    metric = WaveletDeletion(network.model("tensorflow"), x, y, 6, steps=4)
    np.testing.assert_allclose(metric.evaluate_samples(explanation), expected, atol=1e-5)


def test_models_with_scores_that_are_not_finite_are_refused():
    x, y = noise(2, 16), targets(2)
    metric = WaveletDeletion(lambda x: np.log(np.abs(x[:, :3]) - 0.1), x, y)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="NaN or infinite scores for"):
        metric(random_explanation(x))


def test_progress_is_shown_on_request(capsys):
    x, y, network = case(16)
    WaveletDeletion(network, x, y)(random_explanation(x))
    assert capsys.readouterr().err == ""
    WaveletDeletion(network, x, y, verbose=True)(random_explanation(x))
    assert "22/22" in capsys.readouterr().err


# --- intervals -----------------------------------------------------------------------------


@each_metric
@pytest.mark.parametrize("confidence", [0.5, 0.99])
def test_an_interval_holds_the_score(cls, confidence):
    x, y, network = case(24, count=12)
    metric, explanation = cls(network, x, y), random_explanation(x)
    score, low, high = metric.interval(explanation, confidence)
    assert score == metric(explanation)
    assert low <= score <= high
    assert low < high


@pytest.mark.parametrize("cls", [WaveletDeletion, MatchedFaithfulness])
def test_that_of_a_mean_is_students(cls):
    x, y, network = case(24, count=6)
    metric, explanation = cls(network, x, y), random_explanation(x)
    expected = scipy.stats.ttest_1samp(metric.evaluate_samples(explanation), 0)
    found = metric.interval(explanation, 0.9)
    np.testing.assert_allclose(found[1:], expected.confidence_interval(0.9))


def test_that_of_a_share_is_wilsons():
    x, y, network = case(24, count=20)
    metric, explanation = InputFidelity(network, x, y), random_explanation(x)
    share, low, high = metric.interval(explanation)
    z2 = scipy.stats.norm.ppf(0.975) ** 2
    centre = (share + z2 / 40) / (1 + z2 / 20)
    margin = np.sqrt(z2 * (share * (1 - share) / 20 + z2 / 1600)) / (1 + z2 / 20)
    np.testing.assert_allclose((low, high), (centre - margin, centre + margin))


def test_that_of_a_median_is_of_the_order_statistics():
    """Of 12 values, the 3rd to the 10th hold the median in 96% of the cases (binomial tails)."""
    x, y, network = case(24, count=12)
    metric, explanation = FaithfulnessOnSpectra(network, x, y), random_explanation(x)
    ordered = np.sort(metric.evaluate_samples(explanation))
    assert metric.interval(explanation)[1:] == (ordered[2], ordered[9])


@pytest.mark.parametrize("cls", [WaveletDeletion, FaithfulnessOnSpectra])
def test_too_few_inputs_have_none_and_confidence_is_a_fraction(cls):
    x, y, network = case(24, count=1)
    metric, explanation = cls(network, x, y), random_explanation(x)
    with pytest.raises(ValueError, match=r"1 inputs are too few for .* confidence=0\.95"):
        metric.interval(explanation)
    for confidence in (0, 1.0, None, 95):
        with pytest.raises(ValueError, match="confidence must be a number between 0 and 1, got"):
            metric.interval(explanation, confidence)
