"""Toy data: their structure, and what a seed determines."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from wam_xplique.demo import data
from wam_xplique.demo.data import DemoError, shapes, sounds, spoken_digits

CROPS, VOLUMES, WAVES = data.crops("right", 5, seed=0), shapes(6, seed=0), sounds(20, seed=0)
TONES, CHIRPS, CLICKS, BURSTS = (WAVES[0][i::4] for i in range(4))

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed"
)


@pytest.mark.parametrize(
    ("made", "shape", "classes"),
    [
        (CROPS, (64, 64, 1), data.CLASSES),
        (VOLUMES, (32, 32, 32, 1), data.SHAPES),
        (WAVES, (8000,), data.SOUNDS),
    ],
)
def test_classes_come_in_turn(made, shape, classes):
    values, labels = made
    assert (values.shape[1:], values.dtype) == (shape, np.float32)
    expected = np.eye(len(classes), dtype=np.float32)
    np.testing.assert_array_equal(labels, np.tile(expected, (len(values) // len(classes), 1)))
    assert labels.dtype == np.float32


@pytest.mark.parametrize(("values", "tolerance"), [(CROPS[0], 1e-4), (VOLUMES[0], 1e-3)])
def test_images_and_volumes_are_standardized_one_by_one(values, tolerance):
    flat = values.reshape(len(values), -1)
    np.testing.assert_allclose(flat.mean(1), 0, atol=tolerance)
    np.testing.assert_allclose(flat.std(1), 1, atol=tolerance)


def test_a_seed_determines_the_data():
    for make, (values, _) in ((shapes, VOLUMES), (sounds, WAVES)):
        np.testing.assert_array_equal(make(1, seed=0)[0], values[:4])
        assert not np.allclose(make(1, seed=1)[0], values[:4], atol=0.05)
        assert not np.allclose(values[:4], values[4:8], atol=0.05)
    assert len(np.unique(WAVES[0][:, 4000])) == len(WAVES[0])
    np.testing.assert_array_equal(data.crops("right", 5, seed=0)[0], CROPS[0])
    assert not np.allclose(data.crops("left", 5, seed=0)[0], CROPS[0])  # the other half


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (shapes, {"count": 0}),
        (shapes, {"size": 8}),
        (sounds, {"count": 0}),
        (sounds, {"duration": 0.01}),
        (sounds, {"sample_rate": 100}),
        (spoken_digits, {"count": 0}),
    ],
)
def test_too_few_or_too_small_are_refused(make, change):
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=rf"{name} must be .* of at least .*, got {value}"):
        make(**{"count": 1, "seed": 0, **change})


def axes_of(volume: np.ndarray) -> np.ndarray:
    """Lengths of the principal axes of what is brighter than half, the longest first."""
    bright = volume[..., 0]
    places = np.argwhere(bright > (bright.min() + bright.max()) / 2)
    return np.sqrt(np.linalg.eigvalsh(np.cov(places.T))[::-1])


def test_shapes_extend_along_as_many_axes_as_their_class_says():
    for blob, edge, plate, corner in VOLUMES[0].reshape(6, 4, 32, 32, 32, 1):
        first, second, third = axes_of(blob)
        assert third > 0.8 * first
        first, second, third = axes_of(edge)
        assert second < 0.5 * first
        first, second, third = axes_of(plate)
        assert second > 0.6 * first
        assert third < 0.5 * second
        first, second, third = axes_of(corner)
        assert third < 0.8 * second < 2 * third


def test_shapes_grow_with_the_volume():
    small, _ = shapes(1, seed=0, size=16)
    assert small.shape == (4, 16, 16, 16, 1)
    np.testing.assert_allclose(2 * axes_of(small[0]), axes_of(VOLUMES[0][0]), rtol=0.3)


def test_sounds_are_as_long_as_asked_and_their_levels_differ_without_clipping():
    assert sounds(1, 0, duration=0.5, sample_rate=16000)[0].shape == (4, 8000)
    peaks = np.abs(WAVES[0]).max(-1)
    low, high = data.SOUND_LEVELS
    assert (peaks > low - 5 * data.SOUND_NOISE).all()
    assert (peaks < high + 5 * data.SOUND_NOISE).all()
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


@needs_espeak
def test_spoken_digits_are_determined_by_a_seed_and_cut_to_the_duration():
    waves, labels = spoken_digits(2, seed=0)
    assert (waves.shape, waves.dtype) == ((20, 8000), np.float32)
    np.testing.assert_array_equal(labels.argmax(-1), [*range(10)] * 2)
    assert (np.sqrt((waves**2).mean(-1)) > 2 * data.SOUND_NOISE).all()
    np.testing.assert_array_equal(spoken_digits(2, seed=0)[0], waves)
    assert not np.allclose(spoken_digits(2, seed=1)[0], waves, atol=0.05)


@needs_espeak
@pytest.mark.parametrize("voice", data.VOICES)
def test_every_voice_has_its_variants(voice, tmp_path):
    def say(variant: str) -> bytes:
        path = tmp_path / "a.wav"
        command = ["espeak-ng", "-v", f"{voice}+{variant}", "-w", str(path), "one"]
        subprocess.run(command, check=True)
        return path.read_bytes()

    assert len({say(variant) for variant in data.VARIANTS}) == len(data.VARIANTS)


@needs_espeak
def test_what_espeak_complains_of_is_told(monkeypatch):
    monkeypatch.setattr(data, "VOICES", ("nonsense",))
    with pytest.raises(DemoError, match=r"could not say 'zero': .*voice"):
        spoken_digits(1, 0)


def test_without_espeak_its_package_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(DemoError, match="apt-get install espeak-ng"):
        spoken_digits(1, 0)
