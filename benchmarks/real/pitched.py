"""Sounds of known pitch, and the octave bands that hold it."""

from __future__ import annotations

import math

import numpy as np
from scipy import signal

PITCHES = (80.0, 1000.0)
"""Lowest and highest pitch of the tones, in Hz."""
NOISE, LOUDER = (4000.0, 8000.0), 2.6
"""The octave of the noise in Hz, and its energy in that of the sound."""
HARMONICS = 4
"""A band is right where it holds one of so many first harmonics, the pitch being the first."""

VOWELS = {
    "a": ((730, 60), (1090, 90), (2440, 120)),
    "e": ((530, 60), (1840, 100), (2480, 120)),
    "i": ((270, 50), (2290, 100), (3010, 120)),
    "o": ((570, 60), (840, 80), (2410, 120)),
    "u": ((300, 50), (870, 80), (2240, 120)),
}
"""Formants (of men: Peterson & Barney, 1952), and bandwidths such as vowels have, in Hz."""
SUNG = (90.0, 320.0)
"""Lowest and highest pitch of the vowels, in Hz."""


def tones(count: int, samples: int, rate: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Harmonic tones, of which nothing reaches the octave of the noise.

    Parameters
    ----------
    count
        Number of tones.
    samples, rate
        Samples of each, and samples per second.
    seed
        Seed of their pitches (log-uniform), phases, and decays: over the harmonics, the k-th has
        an amplitude of k^-d with d between 0.5 and 1.5; over time, of a factor of up to e^2.56.

    Returns
    -------
    waveforms
        Array (count, samples).
    pitches
        Hz (count,).
    """
    generator = np.random.default_rng(seed)
    pitches = np.exp(generator.uniform(np.log(PITCHES[0]), np.log(PITCHES[1]), count))
    time, fastest = np.arange(samples) / rate, 2.56 * rate / samples
    waveforms = np.zeros((count, samples))
    for waveform, pitch in zip(waveforms, pitches, strict=True):
        slope = generator.uniform(0.5, 1.5)
        for k in range(1, min(12, math.ceil(NOISE[0] / pitch) - 1) + 1):
            phase, decay = generator.uniform(0, 2 * np.pi), generator.uniform(0, fastest)
            wave = np.sin(2 * np.pi * k * pitch * time + phase)
            waveform += k**-slope * np.exp(-decay * time) * wave
    return waveforms, pitches


def vowels(count: int, samples: int, rate: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Sung vowels: pulses of a glottis, through the resonances of a mouth; the vowels in turn.

    Parameters
    ----------
    count
        Number of vowels.
    samples, rate
        Samples of each, and samples per second.
    seed
        Seed of their pitches (log-uniform), of the phase, and of the tilt of the source.

    Returns
    -------
    waveforms
        Array (count, samples).
    pitches
        Hz (count,).
    """
    generator = np.random.default_rng(seed)
    pitches = np.exp(generator.uniform(np.log(SUNG[0]), np.log(SUNG[1]), count))
    settled = rate // 10  # the resonances ring in before the sound begins
    time = np.arange(samples + settled) / rate
    waveforms = []
    for pitch, formants in zip(pitches, (list(VOWELS.values()) * count)[:count], strict=True):
        start, tilt = generator.uniform(0, 1), generator.uniform(1.0, 1.5)
        harmonics = np.arange(1, math.ceil(rate / 2 / pitch))
        phases = 2 * np.pi * np.outer(harmonics, pitch * time + start)
        sound = (harmonics**-tilt) @ np.cos(phases)  # no harmonic is aliased
        for centre, width in formants:
            radius = np.exp(-np.pi * width / rate)
            poles = [1, -2 * radius * np.cos(2 * np.pi * centre / rate), radius**2]
            sound = signal.lfilter([sum(poles)], poles, sound)
        waveforms.append(sound[settled:])
    return np.stack(waveforms), pitches


def under_noise(waveforms: np.ndarray, rate: int, seed: int) -> np.ndarray:
    """Waveforms (N, T) with noise of one octave, of more energy than theirs."""
    noise = np.random.default_rng(seed).standard_normal(waveforms.shape)
    spectrum = np.fft.rfft(noise)
    frequencies = np.fft.rfftfreq(waveforms.shape[1], 1 / rate)
    spectrum[:, (frequencies < NOISE[0]) | (frequencies > NOISE[1])] = 0
    noise = np.fft.irfft(spectrum, waveforms.shape[1])
    energy, of_noise = ((x**2).sum(axis=1, keepdims=True) for x in (waveforms, noise))
    return waveforms + np.sqrt(LOUDER * energy / of_noise) * noise


def octaves(rate: int, level: int) -> np.ndarray:
    """The bands of a wavelet transform in Hz, (level + 1, 2), the approximation first."""
    edges = rate / 2.0 ** np.arange(level + 1, 0, -1)
    return np.stack([np.append(0, edges[:-1]), edges], axis=1)


def right_bands(
    pitches: np.ndarray, rate: int, level: int, harmonics: int = HARMONICS
) -> np.ndarray:
    """Whether bands (N, level + 1), the approximation first, hold one of the first harmonics."""
    bands = octaves(rate, level)
    present = pitches[:, np.newaxis] * np.arange(1, harmonics + 1)
    inside = (present[..., np.newaxis] >= bands[:, 0]) & (present[..., np.newaxis] < bands[:, 1])
    return np.any(inside, axis=1)
