"""Faithfulness on spectra and input fidelity, on coefficients and on a front end's outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch

from wam_xplique.attributions import WaveletSmoothGrad
from wam_xplique.metrics import (
    FaithfulnessOnSpectra,
    InputFidelity,
    WaveletDeletion,
    WaveletFaithfulness,
    WaveletMuFidelity,
)

from .helpers import (
    Network,
    case,
    each_framework,
    each_metric,
    each_shape,
    each_spectra,
    given,
    noise,
    places_of,
    random_explanation,
    reference,
    targets,
)

SIZE, MELS, FRAMES = 32, 4, 6


@each_shape
@each_framework
def test_equations_9_and_10(framework, shape):
    x, y, network = case(*shape, count=8)
    explanation = random_explanation(x, level=1)
    model, inputs, keep = network.model(framework), given(x, framework), 0.3
    places = places_of(explanation)
    is_top = places < round(keep * places.shape[-1])
    kept = np.concatenate([places >= 0, ~is_top, is_top], axis=1)
    before, without, alone = reference(network, x, explanation, kept).swapaxes(0, 1)
    drops, same = ((before - without) * y).sum(axis=1), before.argmax(1) == alone.argmax(1)
    faithfulness = FaithfulnessOnSpectra(model, inputs, y, 5, keep=keep)
    np.testing.assert_allclose(faithfulness.evaluate_samples(explanation), drops, atol=1e-5)
    assert faithfulness(explanation) == pytest.approx(np.median(drops), abs=1e-5)
    fidelity = InputFidelity(model, inputs, y, 5, keep=keep)
    np.testing.assert_array_equal(fidelity.evaluate_samples(explanation), same)
    assert fidelity(explanation) == pytest.approx(same.mean())
    np.testing.assert_array_equal(fidelity.detailed_evaluate(explanation), same)


def test_what_has_no_importance_is_no_part_of_the_important():
    x, y = noise(2, 16), np.ones((2, 1), np.float32)
    explanation = random_explanation(x, level=1)
    first = np.zeros((2, 8))
    first[0, 3] = first[1, 2] = -2.0
    first[1, 1] = -3.0
    explanation = replace(explanation, coefficients=[np.zeros((2, 8)), {"d": first}])
    energy = lambda x: (x**2).sum(1, keepdims=True)  # noqa: E731
    details = pywt.dwt(x, "haar", "periodization", axis=1)[1] ** 2
    expected = [details[0, 3], details[1, 1] + details[1, 2]]
    for keep in (0.5, 1.0, 2, 100):
        metric = FaithfulnessOnSpectra(energy, x, y, keep=keep)
        np.testing.assert_allclose(metric.evaluate_samples(explanation), expected, atol=1e-5)
    metric = FaithfulnessOnSpectra(energy, x, y, keep=1)
    found = metric.evaluate_samples(explanation)
    np.testing.assert_allclose(found, [details[0, 3], details[1, 1]], atol=1e-5)


@each_framework
def test_fidelity_is_no_matter_of_activations(framework):
    x, y, network = case(24, count=6)
    explanation, model = random_explanation(x), network.model(framework)
    how = {"keep": 0.2, "operator": "classification"}
    metrics = [
        InputFidelity(model, given(x, framework), y, activation=activation, **how)
        for activation in (None, "softmax", "sigmoid")
    ]
    expected, *others = (metric.evaluate_samples(explanation).tolist() for metric in metrics)
    assert 0 < np.mean(expected) < 1
    assert others == [expected, expected]


@each_framework
def test_fidelity_needs_classes(framework):
    x, y = noise(2, 24), np.ones((2, 1), np.float32)
    network = Network((24,))
    network.last = network.last[:, :1]
    metric = InputFidelity(network.model(framework), given(x, framework), y)
    with pytest.raises(ValueError, match="at least two classes"):
        metric(random_explanation(x))
    with pytest.raises(ValueError, match="operator must be None"):
        InputFidelity(network, x, y, operator=lambda model, x, y: model(x)[:, 0])


# --- behind a front end --------------------------------------------------------------------

TO_SEEN = noise(SIZE, MELS * FRAMES, seed=8) / 4


def front_end(framework: str) -> Any:
    """Something like a spectrogram: (N, T) to (N, mels, frames)."""
    if framework == "torch":
        return lambda x: ((x @ torch.tensor(TO_SEEN)) ** 2).reshape(-1, 1, MELS, FRAMES)
    if framework == "tensorflow":
        return lambda x: tf.reshape((x @ TO_SEEN) ** 2, (-1, MELS, FRAMES, 1))
    return lambda x: ((x @ TO_SEEN) ** 2).reshape(-1, MELS, FRAMES, 1)


def behind(framework: str, count: int = 4) -> tuple[np.ndarray, np.ndarray, Any, Any, Network]:
    """Waveforms, their targets, a model behind a front end, the front end, and the network."""
    network = Network((MELS, FRAMES, 1))
    x, y = noise(count, SIZE), targets(count)
    return x, y, network.model(framework), front_end(framework), network


def maps(framework: str, count: int = 4, seed: int = 9) -> np.ndarray:
    shape = (1, MELS, FRAMES) if framework == "torch" else (MELS, FRAMES, 1)
    return np.abs(noise(count, MELS * FRAMES, seed=seed)).reshape(count, *shape)


@each_framework
@each_metric
def test_coefficients_of_waveforms_behind_a_front_end(cls, framework):
    """As for a model that is both in one."""
    x, y, model, before, network = behind(framework)
    whole = lambda x: network(front_end("callable")(x))  # noqa: E731
    explanation = random_explanation(x)
    found = cls(model, x, y, front_end=before).evaluate_samples(explanation)
    expected = cls(whole, x, y).evaluate_samples(explanation)
    tolerance = 0.05 if cls is WaveletMuFidelity else 1e-4
    np.testing.assert_allclose(found, expected, atol=tolerance)


@each_framework
@each_metric
def test_a_front_ends_outputs_are_features_without_a_transform(cls, framework):
    x, y, model, before, network = behind(framework)
    is_mu = cls is WaveletMuFidelity
    options = {"grid_size": 3} if is_mu else {}
    metric = cls(model, x, y, front_end=before, domain="front_end", **options)
    found = metric.evaluate_samples(maps(framework))
    seen = front_end("callable")(x)
    expected = cls(network, seen, y, level=0, **options).evaluate_samples(maps("callable"))
    np.testing.assert_allclose(found, expected, atol=0.05 if is_mu else 1e-4)


@each_framework
def test_equations_9_and_10_on_a_front_ends_outputs(framework):
    x, y, model, before, network = behind(framework)
    importance = maps(framework)
    seen = front_end("callable")(x)
    flat = importance.reshape(4, -1)
    mask = (flat >= np.sort(flat, axis=1)[:, [-6]]).reshape(seen.shape)  # a quarter of 24
    drops = ((network(seen) - network(seen * ~mask)) * y).sum(1)
    same = network(seen).argmax(1) == network(seen * mask).argmax(1)
    for cls, expected in ((FaithfulnessOnSpectra, drops), (InputFidelity, same)):
        metric = cls(model, x, y, keep=0.25, front_end=before)
        np.testing.assert_allclose(metric.evaluate_samples(importance), expected, atol=1e-4)


@each_spectra
@pytest.mark.parametrize("framework", ["tensorflow", "torch"])
def test_an_explanation_of_both_sides_is_scored_on_either(cls, framework):
    x, y, model, before, _ = behind(framework)
    explainer = WaveletSmoothGrad(model, nb_samples=3, noise=0.01, level=2, front_end=before)
    explanation = explainer.explain_wavelet(x, y)
    by_default, of_front_end, of_waveform = (
        cls(model, x, y, keep=0.2, front_end=before, domain=domain).evaluate_samples(explanation)
        for domain in (None, "front_end", "wavelet")
    )
    np.testing.assert_allclose(by_default, of_front_end, rtol=1e-6)
    magnitude = np.abs(explanation.front_end)
    metric = cls(model, x, y, keep=0.2, front_end=before)
    np.testing.assert_allclose(metric.evaluate_samples(magnitude), of_front_end, rtol=1e-6)
    without = replace(explanation, front_end=None)
    np.testing.assert_allclose(metric.evaluate_samples(without), of_waveform, rtol=1e-6)
    if cls is FaithfulnessOnSpectra:
        assert np.abs(of_front_end - of_waveform).max() > 1e-3
    wavelets = WaveletFaithfulness(model, x, y, front_end=before)
    whole = wavelets.evaluate_samples(explanation)
    np.testing.assert_allclose(whole, wavelets.evaluate_samples(without), rtol=1e-6)


@pytest.mark.parametrize("framework", ["tensorflow", "torch"])
def test_a_baseline_of_a_front_ends_outputs(framework):
    x, y, model, before, network = behind(framework, 3)
    mean = lambda seen: 0 * seen + 0.5  # noqa: E731
    options = {"front_end": before, "domain": "front_end", "steps": 3}
    one, other = (
        WaveletDeletion(model, x, y, baseline_mode=b, **options).detailed_evaluate(
            maps(framework, 3)
        )
        for b in (mean, 0.5)
    )
    assert one == pytest.approx(other, abs=1e-6)
    constant = network(np.full((3, MELS, FRAMES, 1), 0.5, np.float32))
    assert one[MELS * FRAMES] == pytest.approx(float((constant * y).sum(1).mean()), abs=1e-5)
