"""Targets told from what is mixed with them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import pywt

from wam_xplique import WaveletExplanation
from wam_xplique.analysis import mix, noise_experiment, overlap_experiment
from wam_xplique.attributions import WaveletGradientInput

TIME = np.arange(512) / 512
LOW = np.sin(2 * np.pi * 4 * TIME)[np.newaxis].repeat(2, axis=0).astype(np.float32)
HIGH = np.sign(np.sin(2 * np.pi * 128 * TIME + 0.1))[np.newaxis].repeat(2, axis=0)
TARGETS = np.eye(2, dtype=np.float32)


class Oracle:
    """Importance 1 for the details of one level and the approximation, 0 for the others."""

    def __init__(self, levels: tuple[int, ...], wavelet: str = "db4"):
        self.levels, self.wavelet = levels, wavelet

    def explain_wavelet(self, inputs: Any, targets: Any) -> WaveletExplanation:
        bands = enumerate(pywt.wavedec(inputs, self.wavelet, "periodization", 4, axis=1))
        first, *others = (np.full(band.shape, 1.0 * (n in self.levels)) for n, band in bands)
        bands = [first, *({"d": band} for band in others)]
        return WaveletExplanation(bands, self.wavelet, "periodization", inputs.shape, 1)


@pytest.mark.parametrize("snr", [-6.0, 0.0, 10.0])
def test_mixtures_have_the_ratio_asked_for(snr):
    others = np.random.default_rng(0).standard_normal(LOW.shape) * [[3.0], [0.01]]
    mixtures, added = mix(LOW, others, snr)
    np.testing.assert_allclose(mixtures - LOW, added, atol=1e-6)
    ratio = 10 * np.log10((LOW**2).sum(axis=1) / (added.astype(float) ** 2).sum(axis=1))
    np.testing.assert_allclose(ratio, snr, atol=1e-4)


def test_an_explanation_that_hears_the_target_keeps_it():
    """The target lies in the approximation, what overlaps it in the finest details."""
    right = overlap_experiment(Oracle((0,)), LOW, HIGH, TARGETS, keep=1.0)
    wrong = overlap_experiment(Oracle((3, 4)), LOW, HIGH, TARGETS, keep=1.0)
    np.testing.assert_allclose(right.snr_before, 0, atol=1e-4)
    assert (right.kept_share > 0.95).all()
    assert (right.improvement > 8).all()
    assert (wrong.kept_share < 0.05).all()
    assert (wrong.improvement < 0).all()


def test_keeping_everything_changes_nothing():
    everything = overlap_experiment(Oracle((0, 1, 2, 3, 4)), LOW, HIGH, TARGETS, keep=1.0)
    np.testing.assert_allclose(everything.reconstructions, everything.mixtures, atol=1e-5)
    np.testing.assert_allclose(everything.improvement, 0, atol=1e-3)
    np.testing.assert_allclose(everything.kept_share, 0.5, atol=1e-3)


def test_white_noise_spreads_over_the_levels():
    """It has one sixteenth of its energy in the approximation of four levels: 12 dB less."""
    found = noise_experiment(Oracle((0,), "haar"), LOW, TARGETS, keep=1.0, seed=1)
    np.testing.assert_allclose(found.kept_share, 16 / 17, atol=0.03)
    noise = found.mixtures - LOW
    np.testing.assert_allclose((noise**2).mean(axis=1), (LOW**2).mean(axis=1), rtol=1e-4)
    other, same = (noise_experiment(Oracle((0,)), LOW, TARGETS, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(found.mixtures, same.mixtures)
    assert (found.mixtures != other.mixtures).any()


def test_a_model_of_low_frequencies_is_heard():
    """Its score is the inner product with the target: gradient x input finds it in the noise."""
    inputs = keras.Input((512,))
    layer = keras.layers.Dense(2, use_bias=False)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.stack([LOW[0], LOW[0]], axis=1)])
    explainer = WaveletGradientInput(model, wavelet="db4", level=4, include_approximation=True)
    found = noise_experiment(explainer, LOW, TARGETS, keep=0.05)
    assert (found.improvement > 6).all()
    assert (found.kept_share > 0.85).all()


def test_no_coefficient_of_importance_keeps_nothing():
    silent = overlap_experiment(Oracle(()), LOW, HIGH, TARGETS)
    np.testing.assert_array_equal(silent.reconstructions, 0)
    np.testing.assert_array_equal(silent.kept_share, 0)
    np.testing.assert_allclose(silent.snr_after, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"waveforms": LOW[0]}, r"waveforms must be of one shape \(N, T\)"),
        ({"others": HIGH[:, :-1]}, r"others must be of one shape \(N, T\)"),
        ({"waveforms": LOW * [[1], [0]]}, r"waveforms must be finite and not silent.*\[1\]"),
        ({"others": HIGH * [[np.nan], [1]]}, r"others must be finite and not silent.*\[0\]"),
        ({"snr": np.inf}, "snr must be a number of dB from -120 to 120, got inf"),
    ],
)
def test_bad_mixtures_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        mix(**{"waveforms": LOW, "others": HIGH, **change})


def test_the_result_is_a_table_and_a_picture():
    found = overlap_experiment(Oracle((0,)), LOW, HIGH, TARGETS, keep=1.0)
    table = found.to_dataframe()
    assert list(table.columns) == ["snr_before", "snr_after", "improvement", "kept_share"]
    np.testing.assert_array_equal(table["improvement"], found.snr_after - found.snr_before)
    figure = found.plot(most=1)
    mixture, left = figure.axes
    np.testing.assert_array_equal(mixture.lines[0].get_ydata(), found.mixtures[0])
    np.testing.assert_array_equal(left.lines[0].get_ydata(), found.reconstructions[0])
    assert left.get_title() == f"its most important part\n{found.snr_after[0]:.1f} dB"
