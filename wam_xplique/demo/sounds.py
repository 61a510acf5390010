"""Sounds of known structure: synthetic ones, and digits that a speech synthesizer says."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from tqdm.auto import tqdm

from ..datasets import fit_duration, resample
from .data import check_least, in_turn

CLASSES = ("tone", "chirp", "click", "burst")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SAMPLE_RATE = 8000
NOISE = 0.005
LEVELS = (0.1, 0.8)
VOICES = ("en-us", "en-gb-scotland", "en-gb-x-rp", "en-029")
VARIANTS = ("m1", "m3", "m7", "f1", "f2", "f4")
SPEEDS, PITCHES = (120, 200), (20, 80)


class DemoError(ValueError):
    """The demo cannot go on, and says why."""


Maker = Callable[[np.random.Generator, np.ndarray, int], np.ndarray]


def sounds(
    count: int, seed: int, duration: float = 1.0, sample_rate: int = SAMPLE_RATE
) -> tuple[np.ndarray, np.ndarray]:
    """
    Synthetic sounds of four classes, over faint noise.

    A "tone" keeps its pitch, a "chirp" slides by some two octaves, again and again; a "click" is a
    train of clicks, a "burst" a few bursts of band-limited noise. Pitch, onset and level are
    random.

    `count` of each class, which come in turn: waveforms (4 · count, T), float32 in [-1, 1], of a
    duration of at least 0.1 seconds and at least 4000 samples a second; one-hot classes
    (4 · count, 4).
    """
    check_least("count", count, 1)
    check_least("duration", duration, 0.1)
    check_least("sample_rate", sample_rate, 4000)
    generator = np.random.default_rng(seed)
    time = np.arange(round(duration * sample_rate)) / sample_rate
    waveforms = [
        _at_random_level(generator, make(generator, time, sample_rate))
        for _ in range(count)
        for make in _MAKERS
    ]
    return np.stack(waveforms), in_turn(CLASSES, count)


def spoken_digits(
    count: int,
    seed: int,
    duration: float = 1.0,
    sample_rate: int = SAMPLE_RATE,
    verbose: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """
    English digits said by the speech synthesizer espeak-ng, over faint noise.

    Voice, speed, pitch, onset and level are random. `count` of each digit, in turn: waveforms
    (10 · count, T), float32 in [-1, 1], what is said longer being cut; one-hot digits
    (10 · count, 10). A `DemoError` tells that espeak-ng is not installed, or fails.
    """
    check_least("count", count, 1)
    program = shutil.which("espeak-ng")
    if program is None:
        raise DemoError(
            "spoken_digits needs the program espeak-ng, which is not installed; on Debian and "
            "Ubuntu: apt-get install espeak-ng."
        )
    generator = np.random.default_rng(seed)
    waveforms = []
    for word in tqdm(DIGITS * count, desc="speak", unit="digit", disable=not verbose):
        spoken = resample(*_speak(program, word, generator), sample_rate)
        room = max(0, round(duration * sample_rate) - len(spoken))
        late = np.pad(spoken, (int(generator.integers(0, room + 1)), 0))
        waveforms.append(_at_random_level(generator, fit_duration(late, sample_rate, duration)))
    return np.stack(waveforms), in_turn(DIGITS, count)


def _speak(program: str, word: str, generator: np.random.Generator) -> tuple[np.ndarray, int]:
    """A word as said by a random voice, float32, and its sample rate."""
    voice = f"{generator.choice(VOICES)}+{generator.choice(VARIANTS)}"
    speed, pitch = generator.integers(*SPEEDS), generator.integers(*PITCHES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "word.wav"
        command = [program, "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(path), word]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not path.exists():
            raise DemoError(f"espeak-ng could not say {word!r}: {done.stderr.strip()}")
        sample_rate, samples = wavfile.read(path)
    return samples.astype(np.float32) / np.iinfo(samples.dtype).max, sample_rate


def _tone(generator: np.random.Generator, time: np.ndarray, sample_rate: int) -> np.ndarray:
    return _sine(generator, time, sample_rate, np.zeros_like(time))


def _chirp(generator: np.random.Generator, time: np.ndarray, sample_rate: int) -> np.ndarray:
    """Slides of a fifth of a second, one after the other, all up or all down."""
    progress = np.mod(time / generator.uniform(0.15, 0.25), 1)
    octaves = generator.uniform(1.5, 2.5) * generator.choice([-1, 1])
    return _sine(generator, time, sample_rate, octaves * (progress - 0.5))


def _sine(
    generator: np.random.Generator, time: np.ndarray, sample_rate: int, octaves: np.ndarray
) -> np.ndarray:
    """A sine from a random onset to the end, off its random pitch by octaves (T,)."""
    pitch = np.exp(generator.uniform(np.log(400), np.log(sample_rate / 8)))
    phase = 2 * np.pi * np.cumsum(pitch * 2**octaves) / sample_rate
    onset = generator.uniform(0, 0.3) * time[-1]
    fade = np.clip((time - onset) / 0.01, 0, 1) * np.clip((time[-1] - time) / 0.01, 0, 1)
    return fade * np.sin(phase + generator.uniform(0, 2 * np.pi))


def _click(generator: np.random.Generator, time: np.ndarray, sample_rate: int) -> np.ndarray:
    """Clicks of a millisecond or two, at even times."""
    period = generator.uniform(0.04, 0.09)
    since = np.mod(time - generator.uniform(0, period), period)
    decay, pitch = generator.uniform(0.0005, 0.001), generator.uniform(0.1, 0.3) * sample_rate
    return np.exp(-since / decay) * np.cos(2 * np.pi * pitch * since)


def _burst(generator: np.random.Generator, time: np.ndarray, sample_rate: int) -> np.ndarray:
    """Bursts of a tenth of a second, of noise two octaves wide."""
    spectrum = np.fft.rfft(generator.standard_normal(len(time)))
    frequency = np.fft.rfftfreq(len(time), 1 / sample_rate)
    lowest = generator.uniform(300, sample_rate / 8)
    spectrum[(frequency < lowest) | (frequency > 4 * lowest)] = 0
    width = generator.uniform(0.03, 0.06)
    centres = generator.uniform(0.1, 0.9, generator.integers(2, 5)) * time[-1]
    envelope = np.exp(-(((time - centres[:, np.newaxis]) / width) ** 2)).max(axis=0)
    return envelope * np.fft.irfft(spectrum, len(time))


def _at_random_level(generator: np.random.Generator, waveform: np.ndarray) -> np.ndarray:
    """`waveform` with a random peak, over faint noise."""
    level = np.exp(generator.uniform(*np.log(LEVELS))) / max(np.abs(waveform).max(), 1e-9)
    noise = NOISE * generator.standard_normal(len(waveform))
    return np.clip(level * waveform + noise, -1, 1).astype(np.float32)


_MAKERS: tuple[Maker, ...] = (_tone, _chirp, _click, _burst)
