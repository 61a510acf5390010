"""CREPE hears what is there, and sounds of known pitch are what they are said to be."""

import numpy as np
import pytest
import torch

from wam_xplique.benchmarks.real import crepe, pitched


def hear(network, waveforms):
    with torch.no_grad():
        return crepe.heard(network(torch.tensor(crepe.normalize(waveforms))).numpy())


@pytest.mark.parametrize("name", crepe.SIZES)
def test_pure_tones_are_heard(name):
    pitches = np.geomspace(60, 1500, 24)
    time = np.arange(crepe.FRAME) / crepe.SAMPLE_RATE
    waves = np.sin(2 * np.pi * pitches[:, np.newaxis] * time + 1)
    assert np.abs(crepe.cents(hear(crepe.load_crepe(name), waves), pitches)).max() < 50


def test_an_unknown_network_is_an_error():
    with pytest.raises(ValueError, match=r"one of .*tiny.*got 'huge'"):
        crepe.load_crepe("huge")


@pytest.mark.parametrize("make", [pitched.tones, pitched.vowels])
def test_sounds_have_their_pitch_and_repeat_by_their_seed(make):
    """The lag that a long sound is most like itself at is its period."""
    waveforms, pitches = make(5, 8000, 16000, 0)
    for waveform, pitch in zip(waveforms, pitches, strict=True):
        lags = np.arange(int(16000 / pitch * 0.75), int(16000 / pitch * 1.25) + 2)
        likeness = [np.dot(waveform[:-lag], waveform[lag:]) for lag in lags]
        assert lags[np.argmax(likeness)] == pytest.approx(16000 / pitch, abs=1)
    np.testing.assert_array_equal(make(5, 8000, 16000, 0)[0], waveforms)


def test_noise_is_louder_and_in_its_own_octave():
    waveforms, _ = pitched.tones(4, 1024, 16000, 0)
    noise = pitched.under_noise(waveforms, 16000, 0) - waveforms
    assert np.sum(noise**2, 1) == pytest.approx(2.6 * np.sum(waveforms**2, 1))
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    assert np.allclose(spectrum[:, : 1024 // 4].sum(1), 0)  # below 4 kHz


def test_right_bands_hold_the_first_harmonics():
    # Bands: to 125 Hz, 125-250, 250-500, 500-1000, 1-2 kHz, 2-4 kHz, 4-8 kHz.
    right = pitched.right_bands(np.array([100.0, 300.0, 900.0]), 16000, 6)
    assert right.astype(int).tolist() == [
        [1, 1, 1, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 0, 0],
        [0, 0, 0, 1, 1, 1, 0],
    ]
    own = pitched.right_bands(np.array([100.0, 300.0, 900.0]), 16000, 6, harmonics=1)
    assert own.argmax(axis=1).tolist() == [0, 2, 3]
    assert own.sum() == 3
