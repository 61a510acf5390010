"""Faithfulness among features of like magnitude: a slow reference, closed forms, controls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import pywt

from wam_xplique.coefficients import flatten, map_bands
from wam_xplique.metrics import MatchedFaithfulness, WaveletFaithfulness, control

from .helpers import (
    bands,
    case,
    each_framework,
    each_shape,
    flat,
    given,
    noise,
    random_explanation,
    reference,
)


@each_shape
@each_framework
@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_scores_are_those_of_halves_that_are_cut_one_by_one(baseline, framework, shape):
    x, y, network = case(*shape, count=3)
    e, groups = random_explanation(x), 4
    z = bands(pywt.wavedecn(x - baseline, e.wavelet, e.mode, e.level, e.transform.axes))
    pairs = zip(map(np.abs, z), bands(e.coefficients), strict=True)
    sizes = [a.reshape(*b.shape, -1).sum(axis=-1).reshape(3, -1) for a, b in pairs]
    order = np.argsort(-np.concatenate(sizes, axis=1), axis=1)
    kept = np.zeros((3, 2, order.shape[1]), bool)
    for number, importance in enumerate(np.abs(flat(e.coefficients))):
        for group in np.split(order[number], groups):
            upper, lower = np.split(group[np.argsort(-importance[group])], 2)
            kept[number, 0, upper] = kept[number, 1, lower] = True
    upper, lower = (reference(network, x, e, kept, baseline) * y[:, np.newaxis]).sum(axis=-1).T
    expected = upper - lower
    metric = MatchedFaithfulness(
        network.model(framework), given(x, framework), y, 4, baseline_mode=baseline, groups=groups
    )
    np.testing.assert_allclose(metric.evaluate_samples(e), expected, atol=2e-5)
    assert metric(e) == pytest.approx(expected.mean(), abs=2e-5)


@pytest.mark.parametrize("groups", [1, 8, 32, 500])
@pytest.mark.parametrize("level", [0, 2])
def test_who_knows_what_the_model_looks_at_has_the_whole_score(level, groups):
    """It looks at every second coefficient in the order of magnitude."""
    x, y = noise(1, 128), np.ones((1, 1), np.float32)

    def mosaic(x: np.ndarray) -> tuple[np.ndarray, list[Any]]:
        z = pywt.wavedecn(x, "haar", "periodization", level, axes=(1,))
        return pywt.coeffs_to_array(z, axes=(1,))

    z, slices = mosaic(x)
    looked_at = np.argsort(np.argsort(-np.abs(z))) % 2 == 0
    weights = noise(1, 128, seed=1) * looked_at
    model = lambda x: (mosaic(x)[0] * weights).sum(axis=1, keepdims=True)  # noqa: E731
    known = pywt.array_to_coeffs(looked_at.astype(float), slices)
    explanation = replace(random_explanation(x, level=level), coefficients=known)
    metric = MatchedFaithfulness(model, x, y, groups=groups)
    assert metric(explanation) == pytest.approx(model(x).item(), abs=1e-4)


@pytest.mark.parametrize("level", [0, 3])
def test_controls_know_nothing_where_energy_alone_is_faithful(level):
    """The model is the energy of a random half of the coefficients."""
    x, y = noise(12, 32, 32, 1), np.ones((12, 1), np.float32)
    transform = random_explanation(x, level=level).transform
    drawn = control("random", x[:1], transform, seed=9).coefficients
    known = map_bands(lambda band: np.repeat(band > 0.5, len(x), axis=0), drawn)
    truth = replace(random_explanation(x, level=level), coefficients=known)

    def model(x: np.ndarray) -> np.ndarray:
        z = pywt.wavedecn(x[..., 0], "haar", "periodization", level, (1, 2))
        seen = map_bands(lambda band, chosen: band**2 * chosen[0], z, known)
        return sum(band.sum(axis=(1, 2)) for band in flatten(seen).values())[:, np.newaxis]

    matched = MatchedFaithfulness(model, x, y, groups=64)
    best = matched(truth)
    assert best > 0.5 * model(x).mean()
    controls = [control(name, x, transform) for name in ("random", "magnitude", "coarse", "centre")]
    for blind in controls:
        assert abs(matched(blind)) < 0.15 * best
    constant = MatchedFaithfulness(model, x, y, groups=64, level=level)
    assert abs(constant(np.ones(x.shape[:3]))) < 0.15 * best
    faithfulness = WaveletFaithfulness(model, x, y)
    assert faithfulness(controls[1]) > 0.7 * faithfulness(truth)


def test_an_approximation_that_takes_no_part_is_in_both_halves():
    x, y = noise(2, 16, 16, 1), np.ones((2, 1), np.float32)
    means = lambda x: x.mean((1, 2))  # noqa: E731
    without = random_explanation(x, approximation=False)
    scores = MatchedFaithfulness(means, x, y).evaluate_samples(without)
    np.testing.assert_allclose(scores, 0, atol=1e-6)
    metric = MatchedFaithfulness(means, x, y, include_approximation=True)
    assert np.abs(metric.evaluate_samples(without)).min() > 1e-3


def test_opposite_explanations_have_opposite_scores():
    x, y, network = case(24, count=4)
    maps = noise(4, 24, seed=3)
    metric = MatchedFaithfulness(network, x, y, level=0, groups=3)
    np.testing.assert_allclose(metric.evaluate_samples(maps), -metric.evaluate_samples(-maps))
