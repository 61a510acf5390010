"""Faithfulness among features of like magnitude: a slow reference, closed forms, controls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import pywt

from wam_xplique.coefficients import flatten, map_bands, pack
from wam_xplique.metrics import MatchedFaithfulness, WaveletFaithfulness, control

from .helpers import (
    bands,
    case,
    each_framework,
    each_shape,
    given,
    keeping,
    noise,
    random_explanation,
)


def magnitudes(x: np.ndarray, explanation, number: int) -> list[tuple[int, int, float]]:
    """Band, place and magnitude of an input's coefficients, in all channels where they are one."""
    axes = tuple(range(1, 1 + explanation.ndim))
    found = bands(pywt.wavedecn(x, explanation.wavelet, explanation.mode, explanation.level, axes))
    features = []
    for index, band in enumerate(found):
        rank = bands(explanation.coefficients)[index].ndim
        sizes = np.abs(band[number])
        sizes = sizes if band.ndim == rank else sizes.sum(axis=-1)
        features += [(index, place, size) for place, size in enumerate(sizes.ravel().tolist())]
    return features


@each_shape
@each_framework
@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_scores_are_those_of_halves_that_are_cut_one_by_one(baseline, framework, shape):
    x, y, network = case(*shape, count=3)
    explanation, groups = random_explanation(x), 4
    expected = np.empty(3)
    for number in range(3):
        features = magnitudes(x - baseline, explanation, number)
        order = sorted(features, key=lambda feature: -feature[2])
        upper, lower = set(), set()
        size = len(order) // groups
        for start in range(0, len(order), size):
            group = [(index, place) for index, place, _ in order[start : start + size]]
            group.sort(key=lambda f: -abs(bands(explanation.coefficients)[f[0]][number].flat[f[1]]))
            upper |= set(group[: size // 2])
            lower |= set(group[size // 2 :])
        one, other = (
            (network(keeping(x, explanation, number, half, baseline))[0] * y[number]).sum()
            for half in (upper, lower)
        )
        expected[number] = one - other
    metric = MatchedFaithfulness(
        network.model(framework), given(x, framework), y, 4, baseline_mode=baseline, groups=groups
    )
    np.testing.assert_allclose(metric.evaluate_samples(explanation), expected, atol=2e-5)
    assert metric(explanation) == pytest.approx(expected.mean(), abs=2e-5)


@pytest.mark.parametrize("groups", [1, 8, 32, 500])
@pytest.mark.parametrize("level", [0, 2])
def test_who_knows_what_the_model_looks_at_has_the_whole_score(level, groups):
    """It looks at every second coefficient in the order of magnitude."""
    x, y = noise(1, 128), np.ones((1, 1), np.float32)

    def mosaic(x: np.ndarray) -> np.ndarray:
        return pack(pywt.wavedecn(x, "haar", "periodization", level, axes=(1,)), (1,))

    looked_at = np.argsort(np.argsort(-np.abs(mosaic(x)))) % 2 == 0
    weights = noise(1, 128, seed=1) * looked_at
    model = lambda x: (mosaic(x) * weights).sum(axis=1, keepdims=True)  # noqa: E731
    slices = pywt.coeffs_to_array(
        pywt.wavedecn(x, "haar", "periodization", level, axes=(1,)), axes=(1,)
    )[1]
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
