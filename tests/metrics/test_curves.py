"""Deletion, insertion and faithfulness: a slow reference, closed forms, steps and ties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import pywt
import scipy.special
from scipy.integrate import trapezoid

from wam_xplique.metrics import WaveletDeletion, WaveletFaithfulness, WaveletInsertion

from .helpers import (
    bands,
    case,
    each_curve,
    each_framework,
    each_shape,
    flat,
    given,
    noise,
    of_linear,
    places_of,
    random_explanation,
    reference,
)


def check_curves(metric: Any, known: Any, explanation: Any, baseline: Any = 0.0) -> Any:
    """The steps of a metric's curves, and the curves of the slow reference, which are the same."""
    (network, x, y), (steps, curves) = known, metric.curves(explanation)
    is_first = places_of(explanation) < steps[:, np.newaxis]
    kept = is_first if isinstance(metric, WaveletInsertion) else ~is_first
    outputs = reference(network, x, explanation, kept, baseline)
    expected = (outputs * y[:, np.newaxis]).sum(axis=-1)
    np.testing.assert_allclose(curves, expected, atol=2e-5)
    return steps, expected


@each_shape
@each_framework
@each_curve
def test_curves_are_those_of_one_forward_at_a_time(cls, framework, shape):
    x, y, network = case(*shape, count=3)
    explanation = random_explanation(x, level=1 if len(shape) == 4 else 2)
    metric = cls(network.model(framework), given(x, framework), y, steps=4, batch_size=5)
    steps, expected = check_curves(metric, (network, x, y), explanation)
    areas = trapezoid(expected, axis=1) / 4
    np.testing.assert_allclose(metric.evaluate_samples(explanation), areas, atol=2e-5)
    assert metric.evaluate(explanation) == metric(explanation)
    assert metric(explanation) == pytest.approx(areas.mean(), abs=2e-5)
    found = metric.detailed_evaluate(explanation)
    assert list(found) == steps.tolist()
    np.testing.assert_allclose(list(found.values()), expected.mean(axis=0), atol=2e-5)


@pytest.mark.parametrize("wavelet", ["db2", "bior2.2"])
@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
@each_curve
def test_other_wavelets_modes_and_odd_sizes(cls, mode, wavelet):
    x, y, network = case(13, 18, 2)
    explanation = random_explanation(x, wavelet, 1, mode, channels=True)
    check_curves(cls(network, x, y, steps=3), (network, x, y), explanation)


@each_curve
@pytest.mark.parametrize("framework", ["tensorflow", "torch"])
def test_baselines(framework, cls):
    x, y, network = case(8, 12, 3, count=3)
    axis = 2 if framework == "torch" else 1
    for baseline_mode, baseline in (
        (0.5, 0.5),
        (lambda x: (x.flip(2) if axis == 2 else np.flip(x, 1)) ** 2, np.flip(x, 1) ** 2),
        (lambda x: x.mean((axis, axis + 1), keepdims=True), x.mean((1, 2), keepdims=True)),
    ):
        metric = cls(network.model(framework), given(x, framework), y, 4, baseline_mode, steps=3)
        check_curves(metric, (network, x, y), random_explanation(x), baseline)


@pytest.mark.parametrize("wavelet", ["haar", "db4"])
def test_the_closed_form_of_a_linear_model(wavelet):
    """Each coefficient z removed lowers the score by z ∂f/∂z, in the order of the explanation."""
    x, y = noise(3, 16, 16, 1), np.eye(2, dtype=np.float32)[[0, 1, 1]]
    weights = noise(256, 2, seed=5)
    model = lambda x: x.reshape(len(x), -1) @ weights  # noqa: E731
    explanation = of_linear(x, y @ weights.T, wavelet, 1)
    drops = flat(explanation.coefficients)
    drops = np.take_along_axis(drops, np.argsort(-np.abs(drops), axis=1), 1)
    lost = np.concatenate([np.zeros((3, 1)), np.cumsum(drops, axis=1)], axis=1)
    total = lost[:, -1:]
    steps, deleted = WaveletDeletion(model, x, y, steps=-1).curves(explanation)
    assert steps.tolist() == list(range(257))
    np.testing.assert_allclose(deleted, total - lost, atol=1e-4)
    _, inserted = WaveletInsertion(model, x, y, steps=-1).curves(explanation)
    np.testing.assert_allclose(inserted, lost, atol=1e-4)
    faithfulness = WaveletFaithfulness(model, x, y, steps=-1).evaluate_samples(explanation)
    expected = trapezoid(2 * lost - total, axis=1) / 256
    np.testing.assert_allclose(faithfulness, expected, atol=1e-4)


def test_faithfulness_is_insertion_minus_deletion():
    x, y, network = case(8, 12, 3, count=3)
    explanation = random_explanation(x)
    inserted, deleted, both = (
        cls(network, x, y).evaluate_samples(explanation)
        for cls in (WaveletInsertion, WaveletDeletion, WaveletFaithfulness)
    )
    np.testing.assert_allclose(both, inserted - deleted)
    found = WaveletFaithfulness(network, x, y).detailed_evaluate(explanation)
    np.testing.assert_array_equal(found, both)


@each_curve
def test_a_part_of_the_path(cls):
    x, y, network = case(24)
    explanation = random_explanation(x)
    whole = cls(network, x, y, steps=-1).detailed_evaluate(explanation)
    part = cls(network, x, y, steps=-1, max_percentage_perturbed=0.3)
    assert part.detailed_evaluate(explanation) == pytest.approx(
        {step: score for step, score in whole.items() if step <= 7}, abs=1e-6
    )
    # More steps than features are as many as features.
    many = cls(network, x, y, steps=1000).detailed_evaluate(explanation)
    assert many == pytest.approx(whole, abs=1e-6)


def removed(explanation: Any, x: np.ndarray, seed: int = 0) -> list[int]:
    """The numbers of the coefficients, details first, in the order in which they are removed."""
    z = bands(pywt.wavedecn(x, "haar", "periodization", 2, axes=(1,)))
    energy = lambda x: (x**2).sum(1, keepdims=True)  # noqa: E731
    metric = WaveletDeletion(energy, x, np.ones((1, 1)), steps=-1, level=2, seed=seed)
    drops = -np.diff(metric.curves(explanation)[1][0])
    distances = np.abs(drops[:, np.newaxis] - np.concatenate(z, axis=1) ** 2)
    assert distances.min(axis=1).max() < 1e-4
    return distances.argmin(axis=1).tolist()


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_a_constant_map_has_a_random_order(value):
    x = noise(1, 32)
    constant = np.full((1, 32), value, np.float32)
    first, second = (removed(constant, x, seed) for seed in (0, 1))
    assert sorted(first) == sorted(second) == list(range(32))
    assert first == removed(constant, x, 0) != second
    for order in (first, second):
        assert abs(np.corrcoef(order, np.arange(32))[0, 1]) < 0.5
        assert sorted(order[-8:]) != list(range(24, 32))


def test_equals_are_shuffled_and_an_approximation_not_measured_comes_last():
    x = noise(1, 32)
    details = [{"d": np.zeros((1, 8))}, {"d": np.zeros((1, 16))}]
    details[1]["d"][0, :4] = 1
    explanation = replace(random_explanation(x), coefficients=[np.zeros((1, 8)), *details])
    order = removed(explanation, x)
    groups = [set(order[:4]), set(order[4:24]), set(order[24:])]
    assert groups == [set(range(8, 12)), {*range(8), *range(12, 24)}, set(range(24, 32))]
    assert order != sorted(order)
    # One that has been measured, of which a part is zero, is among equals.
    explanation.coefficients[0][0, 0] = 2
    order = removed(explanation, x)
    assert order[0] == 24
    assert set(order[25:]) != set(range(25, 32))


def test_relative_areas_are_of_curves_divided_by_their_maxima():
    """f = s (4 − s) of the sum s of n pixels inserted: 0, 3, 4, 3, 0; then four times that."""
    x, y = np.ones((2, 4), np.float32), np.array([[1.0], [4.0]])
    order = np.arange(4.0)[np.newaxis].repeat(2, axis=0)

    def model(x: np.ndarray) -> np.ndarray:
        s = x.sum(axis=1, keepdims=True)
        return s * (4 - s)

    metric = WaveletInsertion(model, x, y, steps=-1, level=0)
    np.testing.assert_allclose(metric.evaluate_samples(order), [2.5, 10])
    metric = WaveletInsertion(model, x, y, steps=-1, level=0, relative=True)
    np.testing.assert_allclose(metric.evaluate_samples(order), [0.625, 0.625])
    assert metric.detailed_evaluate(order) == {0: 0, 1: 0.75, 2: 1, 3: 0.75, 4: 0}
    first = lambda x: x[:, :2].sum(axis=1, keepdims=True)  # noqa: E731
    metric = WaveletFaithfulness(first, 2 * x, y, steps=-1, level=0, relative=True)
    # Inserted 0, 0, 0, ½, 1, deleted 1, 1, 1, ½, 0.
    np.testing.assert_allclose(metric.evaluate_samples(order), [1 / 4 - 3 / 4] * 2)


def test_relative_areas_need_positive_curves():
    x, y = noise(2, 16), np.array([[1.0], [-1.0]])
    metric = WaveletDeletion(lambda x: (x**2).sum(1, keepdims=True), x, y, relative=True, level=0)
    with pytest.raises(ValueError, match=r"maximum, which must be positive.*inputs \[1\]"):
        metric(np.abs(x))


@each_curve
def test_an_approximation_that_is_held_stays(cls):
    x, y = noise(2, 16, 16, 1), np.ones((2, 1), np.float32)
    model = lambda x: x.mean((1, 2))  # noqa: E731
    metric = cls(model, x, y, steps=3, include_approximation=False)
    steps, curves = metric.curves(random_explanation(x))
    assert steps[-1] == 256 - 16
    np.testing.assert_allclose(curves, np.repeat(model(x), 4, axis=1), atol=1e-6)


@pytest.mark.parametrize("included", [True, False])
def test_an_approximation_may_be_removed_where_it_has_importance(included):
    x, y, network = case(24)
    explanation = random_explanation(x, approximation=included)
    metrics = (WaveletDeletion(network, x, y, include_approximation=i) for i in (None, included))
    one, other = (metric.evaluate_samples(explanation) for metric in metrics)
    np.testing.assert_array_equal(one, other)


@each_framework
def test_activations_come_before_the_operator(framework):
    x, y, network = case(8, 12, 3, count=3)
    explanation = random_explanation(x)
    options = {"steps": 3, "operator": "classification"}
    for activation, function in {
        "softmax": lambda x: scipy.special.softmax(network(x), axis=1),
        "sigmoid": lambda x: scipy.special.expit(network(x)),
    }.items():
        options["activation"] = activation
        metric = WaveletDeletion(network.model(framework), given(x, framework), y, **options)
        expected = WaveletDeletion(function, x, y, steps=3).evaluate_samples(explanation)
        np.testing.assert_allclose(metric.evaluate_samples(explanation), expected, atol=1e-6)
