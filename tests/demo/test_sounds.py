"""Sounds made by formula and by a synthesizer: their structure, and what a seed determines."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from wam_xplique.demo import sounds
from wam_xplique.demo.sounds import DemoError

WAVES, LABELS = sounds.sounds(20, seed=0)
TONES, CHIRPS, CLICKS, BURSTS = (WAVES[i::4] for i in range(4))

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed"
)


def test_classes_come_in_turn():
    assert (WAVES.shape, WAVES.dtype) == ((80, 8000), np.float32)
    assert (LABELS.shape, LABELS.dtype) == ((80, 4), np.float32)
    np.testing.assert_array_equal(LABELS.argmax(-1), [0, 1, 2, 3] * 20)
    np.testing.assert_array_equal(LABELS.sum(-1), 1)


def test_levels_differ_and_nothing_clips():
    peaks = np.abs(WAVES).max(-1)
    low, high = sounds.LEVELS
    assert (peaks > low - 5 * sounds.NOISE).all()
    assert (peaks < high + 5 * sounds.NOISE).all()
    assert peaks.max() > 3 * peaks.min()


def occupied(waves: np.ndarray) -> np.ndarray:
    """The share of frequencies that holds nearly all of the power of each waveform."""
    power = np.sort(np.abs(np.fft.rfft(waves)) ** 2, axis=-1)[:, ::-1].cumsum(-1)
    return (power < 0.9 * power[:, -1:]).mean(-1)


def crest(waves: np.ndarray) -> np.ndarray:
    """Peak over root mean square."""
    return np.abs(waves).max(-1) / np.sqrt((waves**2).mean(-1))


def test_tones_keep_to_one_pitch_and_the_others_do_not():
    for others in (CHIRPS, CLICKS, BURSTS):
        assert occupied(TONES).max() < 0.5 * occupied(others).min()


def test_clicks_are_short_and_bursts_in_between():
    assert np.median(crest(CLICKS)) > np.median(crest(BURSTS)) > np.median(crest(TONES))
    assert crest(TONES).max() < 2 < crest(CLICKS).min()


def test_chirps_slide_up_or_down_in_different_sounds():
    pieces = CHIRPS[:, 3000:7000].reshape(20, 80, 50)
    crossings = (np.diff(np.signbit(pieces), axis=-1) != 0).sum(-1)
    steps = np.median(np.diff(crossings[:, ::4], axis=-1), axis=-1)
    assert (steps > 0).any()
    assert (steps < 0).any()


def test_a_seed_determines_the_sounds():
    again, _ = sounds.sounds(20, seed=0)
    np.testing.assert_array_equal(again, WAVES)
    other, _ = sounds.sounds(20, seed=1)
    assert not np.allclose(other, WAVES, atol=0.05)
    assert len(np.unique(WAVES[:, 4000])) == len(WAVES)


def test_duration_and_sample_rate():
    assert sounds.sounds(1, 0, duration=0.5, sample_rate=16000)[0].shape == (4, 8000)
    for change in ({"count": 0}, {"duration": 0.01}, {"sample_rate": 100}):
        ((name, value),) = change.items()
        with pytest.raises(ValueError, match=rf"{name} must be at least .*, got {value}"):
            sounds.sounds(**{"count": 1, "seed": 0, **change})


@needs_espeak
def test_spoken_digits_are_determined_by_a_seed():
    waves, labels = sounds.spoken_digits(2, seed=0)
    assert (waves.shape, waves.dtype) == ((20, 8000), np.float32)
    np.testing.assert_array_equal(labels.argmax(-1), [*range(10)] * 2)
    assert (np.sqrt((waves**2).mean(-1)) > 2 * sounds.NOISE).all()
    np.testing.assert_array_equal(sounds.spoken_digits(2, seed=0)[0], waves)
    assert not np.allclose(sounds.spoken_digits(2, seed=1)[0], waves, atol=0.05)


@needs_espeak
@pytest.mark.parametrize("voice", sounds.VOICES)
def test_every_voice_has_its_variants(voice, tmp_path):
    def say(variant: str) -> bytes:
        path = tmp_path / "a.wav"
        command = ["espeak-ng", "-v", f"{voice}+{variant}", "-w", str(path), "one"]
        subprocess.run(command, check=True)
        return path.read_bytes()

    assert len({say(variant) for variant in sounds.VARIANTS}) == len(sounds.VARIANTS)


@needs_espeak
def test_what_is_said_longer_is_cut():
    assert sounds.spoken_digits(1, 0, duration=0.1, sample_rate=16000)[0].shape == (10, 1600)


@needs_espeak
def test_what_espeak_complains_of_is_told(monkeypatch):
    monkeypatch.setattr(sounds, "VOICES", ("nonsense",))
    with pytest.raises(DemoError, match=r"could not say 'zero': .*voice"):
        sounds.spoken_digits(1, 0)


def test_without_espeak_its_package_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(DemoError, match="apt-get install espeak-ng"):
        sounds.spoken_digits(1, 0)
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        sounds.spoken_digits(0, 0)
