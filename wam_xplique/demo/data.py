"""Toy data: crops of photographs of textures, volumes with a shape each, and sounds."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import wavfile
from scipy.spatial.transform import Rotation
from skimage import data
from tqdm.auto import tqdm

from ..checks import check_integer, check_number
from ..datasets import fit_duration, resample

CLASSES = ("brick", "grass", "gravel")
CROP = 64

SHAPES = ("blob", "edge", "plate", "corner")
VOLUME_SIZE, VOLUME_NOISE = 32, 0.07
# In voxels of a volume of 32: shapes of different kinds overlap in size, so that no scale alone
# gives the class away.
LENGTHS, THICKNESSES, RADII = (9.0, 13.0), (1.2, 1.6, 2.0), (2.5, 4.0, 6.0)

SOUNDS = ("tone", "chirp", "click", "burst")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SAMPLE_RATE, SOUND_NOISE, SOUND_LEVELS = 8000, 0.005, (0.1, 0.8)
VOICES = ("en-us", "en-gb-scotland", "en-gb-x-rp", "en-029")
VARIANTS = ("m1", "m3", "m7", "f1", "f2", "f4")
SPEEDS, PITCHES = (120, 200), (20, 80)

Data = tuple[np.ndarray, np.ndarray]
"""Inputs (N, ...), float32, and their one-hot classes (N, classes)."""


class DemoError(ValueError):
    """The demo cannot go on, and says why."""


def photograph(name: str) -> np.ndarray:
    """The photograph of a texture, (H, W, 1), with zero mean and unit variance."""
    return standardize(getattr(data, name)()[..., np.newaxis])


def crops(half: str, count: int, seed: int) -> Data:
    """
    Random crops from one half of each photograph: "left" (to train) or "right" (held out).

    `count` of each class, which come in turn: images (3 · count, 64, 64, 1) and one-hot classes
    (3 · count, 3). Each crop is standardized by itself: brightness and contrast do not give its
    class away.
    """
    generator = np.random.default_rng(seed)
    images = []
    for name in CLASSES * count:
        picture = getattr(data, name)()
        middle = picture.shape[1] // 2
        picture = picture[:, :middle] if half == "left" else picture[:, middle:]
        top, left = generator.integers(0, np.array(picture.shape) - CROP + 1)
        images.append(standardize(picture[top : top + CROP, left : left + CROP, np.newaxis]))
    return np.stack(images), _in_turn(CLASSES, count)


def standardize(image: np.ndarray) -> np.ndarray:
    """`image` with zero mean and unit variance."""
    image = image.astype(np.float32)
    return (image - image.mean()) / image.std()


def shapes(count: int, seed: int, size: int = VOLUME_SIZE) -> Data:
    """
    Volumes with one shape each, at a random place and orientation, in noise.

    A "blob" is a ball, an "edge" a long bar, a "plate" thin and square, a "corner" three bars that
    meet at right angles. Each comes in three scales. Each volume is standardized by itself.

    `count` of each class, which come in turn: volumes (4 · count, size, size, size, 1), float32,
    and one-hot classes (4 · count, 4). The shapes grow with the `size`, of at least 16 voxels.
    """
    check_integer("count", count, lowest=1)
    check_integer("size", size, lowest=16)
    generator = np.random.default_rng(seed)
    volumes = [_volume(generator, name, size) for name in SHAPES * count]
    return np.stack(volumes), _in_turn(SHAPES, count)


def sounds(count: int, seed: int, duration: float = 1.0, sample_rate: int = SAMPLE_RATE) -> Data:
    """
    Synthetic sounds of four classes, over faint noise.

    A "tone" keeps its pitch, a "chirp" slides by some two octaves, again and again; a "click" is a
    train of clicks, a "burst" a few bursts of band-limited noise. Pitch, onset and level are
    random.

    `count` of each class, which come in turn: waveforms (4 · count, T), float32 in [-1, 1], of a
    duration of at least 0.1 seconds and at least 4000 samples a second; one-hot classes
    (4 · count, 4).
    """
    check_integer("count", count, lowest=1)
    check_number("duration", duration, lowest=0.1)
    check_integer("sample_rate", sample_rate, lowest=4000)
    generator = np.random.default_rng(seed)
    time = np.arange(round(duration * sample_rate)) / sample_rate
    waveforms = [
        _at_random_level(generator, _MAKERS[name](generator, time, sample_rate))
        for name in SOUNDS * count
    ]
    return np.stack(waveforms), _in_turn(SOUNDS, count)


def spoken_digits(count: int, seed: int, verbose: bool = False) -> Data:
    """
    English digits said by the speech synthesizer espeak-ng, over faint noise.

    Voice, speed, pitch, onset and level are random. `count` of each digit, in turn: waveforms
    (10 · count, T) of a second, float32 in [-1, 1], what is longer being cut; one-hot digits
    (10 · count, 10). A `DemoError` tells that espeak-ng is not installed, or fails.
    """
    check_integer("count", count, lowest=1)
    if shutil.which("espeak-ng") is None:
        raise DemoError(
            "spoken_digits needs the program espeak-ng, which is not installed; on Debian and "
            "Ubuntu: apt-get install espeak-ng."
        )
    generator = np.random.default_rng(seed)
    waveforms = []
    for word in tqdm(DIGITS * count, desc="speak", unit="digit", disable=not verbose):
        spoken = resample(*_speak(word, generator), SAMPLE_RATE)
        room = max(0, SAMPLE_RATE - len(spoken))
        late = np.pad(spoken, (int(generator.integers(0, room + 1)), 0))
        waveforms.append(_at_random_level(generator, fit_duration(late, SAMPLE_RATE, 1.0)))
    return np.stack(waveforms), _in_turn(DIGITS, count)


def _in_turn(classes: Sequence[str], count: int) -> np.ndarray:
    """One-hot classes (classes · count, classes), in turn."""
    return np.tile(np.eye(len(classes), dtype=np.float32), (count, 1))


def _volume(generator: np.random.Generator, name: str, size: int) -> np.ndarray:
    """One volume (size, size, size, 1) with a shape of class `name`."""
    unit = size / VOLUME_SIZE
    centre = (size - 1) / 2 + generator.uniform(-3, 3, 3) * unit
    grid = np.moveaxis(np.indices((size, size, size)), 0, -1)
    points = (grid - centre) @ Rotation.random(None, generator).as_matrix()
    distance = _distance(generator, name, points / unit) * unit
    occupied = np.clip(0.5 - distance, 0, 1)
    noisy = occupied + VOLUME_NOISE * generator.standard_normal(occupied.shape)
    return standardize(noisy[..., np.newaxis])


def _distance(generator: np.random.Generator, name: str, points: np.ndarray) -> np.ndarray:
    """Distance of points (..., 3) from a shape around the origin, below 0 inside."""
    length, thickness = generator.uniform(*LENGTHS), generator.choice(THICKNESSES)
    if name == "blob":
        return np.linalg.norm(points, axis=-1) - generator.choice(RADII)
    if name == "corner":
        ends = np.where(np.eye(3, dtype=bool), length, thickness)
        return np.min([_box(points, -thickness, end) for end in ends], axis=0)
    end = np.array([length, length if name == "plate" else thickness, thickness])
    return _box(points, -end, end)


def _box(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.maximum(low - points, points - high).max(axis=-1)


def _speak(word: str, generator: np.random.Generator) -> tuple[np.ndarray, int]:
    """A word as said by a random voice, float32, and its sample rate."""
    voice = f"{generator.choice(VOICES)}+{generator.choice(VARIANTS)}"
    speed, pitch = generator.integers(*SPEEDS), generator.integers(*PITCHES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "word.wav"
        how = ["-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(path)]
        done = subprocess.run(["espeak-ng", *how, word], capture_output=True, text=True)
        if done.returncode or not path.exists():
            raise DemoError(f"espeak-ng could not say {word!r}: {done.stderr.strip()}")
        sample_rate, samples = wavfile.read(path)
    return samples.astype(np.float32) / np.iinfo(samples.dtype).max, sample_rate


def _chirp(generator: np.random.Generator, time: np.ndarray, sample_rate: int) -> np.ndarray:
    """Slides of a fifth of a second, one after the other, all up or all down."""
    progress = np.mod(time / generator.uniform(0.15, 0.25), 1)
    octaves = generator.uniform(1.5, 2.5) * generator.choice([-1, 1])
    return _tone(generator, time, sample_rate, octaves * (progress - 0.5))


def _tone(
    generator: np.random.Generator, time: np.ndarray, sample_rate: int, octaves: Any = 0.0
) -> np.ndarray:
    """A sine from a random onset to the end, off its random pitch by octaves (T,)."""
    pitch = np.exp(generator.uniform(np.log(400), np.log(sample_rate / 8)))
    phase = 2 * np.pi * np.cumsum(np.full(len(time), pitch) * 2**octaves) / sample_rate
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


_MAKERS: dict[str, Callable[..., np.ndarray]]
_MAKERS = {"tone": _tone, "chirp": _chirp, "click": _click, "burst": _burst}


def _at_random_level(generator: np.random.Generator, waveform: np.ndarray) -> np.ndarray:
    """`waveform` with a random peak, over faint noise."""
    level = np.exp(generator.uniform(*np.log(SOUND_LEVELS))) / max(np.abs(waveform).max(), 1e-9)
    noise = SOUND_NOISE * generator.standard_normal(len(waveform))
    return np.clip(level * waveform + noise, -1, 1).astype(np.float32)
