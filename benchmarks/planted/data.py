"""Inputs whose class is decided by a component planted at a known scale, orientation and place.

A component is a block of equal coefficients of random sign in one band: a grating. Its band is the
input's class, its place is random. Distractors, as large and as strong, lie in other bands and
at other places, whatever the class. Images lie over natural photographs, signals and volumes over
noise whose power falls with the frequency as theirs does.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from skimage import data

from wam_xplique.coefficients import WaveletTransform, map_bands

PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket", "hubble_deep_field", "coins")
SIZES = {1: (1024,), 2: (64, 64), 3: (32, 32, 32)}
DEPTH = 3


class Band(NamedTuple):
    """A level, 1 being the finest, and an orientation: "ad", "da" or "dd" for images."""

    level: int
    orientation: str

    def __str__(self) -> str:
        return f"{self.level} {self.orientation}"


class Kind(NamedTuple):
    """The bands that decide the class, those of the distractors, and the side of a component."""

    classes: tuple[Band, ...]
    distractors: tuple[Band, ...]
    side: int


KINDS = {
    1: Kind((Band(1, "d"), Band(3, "d")), (Band(2, "d"),), 64),
    2: Kind(
        (Band(1, "ad"), Band(1, "da"), Band(3, "ad"), Band(3, "da")),
        (Band(2, "ad"), Band(2, "da"), Band(2, "dd"), Band(1, "dd"), Band(3, "dd")),
        16,
    ),
    3: Kind(
        (Band(1, "aad"), Band(1, "daa"), Band(3, "aad"), Band(3, "daa")),
        (Band(2, "aad"), Band(2, "ada"), Band(2, "daa"), Band(2, "ddd")),
        16,
    ),
}


@dataclass(frozen=True)
class Planted:
    """
    Inputs, and what was planted in them.

    Parameters
    ----------
    inputs
        Signals (N, T, 1), images (N, H, W, 1) or volumes (N, D, H, W, 1), float32.
    labels
        One-hot classes (N, classes).
    components
        What decides the class, of the inputs' shape: the inputs are the sum of these and of what
        tells nothing.
    bands
        The band of each component.
    """

    inputs: np.ndarray
    labels: np.ndarray
    components: np.ndarray
    bands: tuple[Band, ...]

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def removed(self) -> np.ndarray:
        """The inputs without the components."""
        return self.inputs - self.components


def plant(
    ndim: int,
    count: int,
    seed: int,
    half: str = "left",
    strength: float = 1.5,
    nb_distractors: int = 2,
    wavelet: str = "haar",
) -> Planted:
    """
    Make inputs of each class.

    Parameters
    ----------
    ndim
        1 for signals, 2 for images, 3 for volumes.
    count
        Inputs of each class, at least 1.
    seed
        Seed of all that is random.
    half
        "left" or "right": of the photographs, so that inputs may be held out.
    strength
        Root mean square of a component where it lies, in standard deviations of an input: the
        weaker, the harder.
    nb_distractors
        Number of distractors.
    wavelet
        The orthogonal wavelet whose coefficients are planted.

    Returns
    -------
    planted
        The inputs, the classes in turn.

    Raises
    ------
    ValueError
        If an argument is none of these.
    """
    _check(ndim, count, half, strength, nb_distractors)
    kind, size = KINDS[ndim], SIZES[ndim]
    generator = np.random.default_rng([seed, ndim, half == "right"])
    backgrounds, components = [], []
    bands = kind.classes * count
    for band in bands:
        corners = places(generator, size, kind.side, 1 + nb_distractors)
        others = [kind.distractors[i] for i in generator.integers(len(kind.distractors), size=9)]
        parts = [
            _component(generator, size, one, place, kind.side, wavelet) * strength
            for one, place in zip([band, *others], corners, strict=False)
        ]
        backgrounds.append(background(generator, size, half) + sum(parts[1:]))
        components.append(parts[0])
    planted, rest = (
        np.stack(x)[..., np.newaxis].astype(np.float32) for x in (components, backgrounds)
    )
    labels = np.tile(np.eye(len(kind.classes), dtype=np.float32), (count, 1))
    return Planted(planted + rest, labels, planted, bands)


def _component(
    generator: np.random.Generator,
    size: Sequence[int],
    band: Band,
    place: Sequence[int],
    side: int,
    wavelet: str,
) -> np.ndarray:
    """A block of coefficients of one band, as an input of unit mean square within `side`."""
    transform = WaveletTransform(wavelet, DEPTH, "periodization", tuple(range(len(size))))
    coefficients = map_bands(np.zeros_like, transform.forward(np.zeros(size)))
    step = 2**band.level
    block = tuple(slice(start // step, (start + side) // step) for start in place)
    coefficients[1 + DEPTH - band.level][band.orientation][block] = generator.choice((-1.0, 1.0))
    component = transform.inverse(coefficients, size)
    return component * np.sqrt(side ** len(size) / np.square(component).sum())


def places(
    generator: np.random.Generator, size: Sequence[int], side: int, count: int
) -> list[tuple[int, ...]]:
    """Corners of blocks that do not overlap, on a grid of their side."""
    grid = [n // side for n in size]
    numbers = generator.choice(int(np.prod(grid)), size=count, replace=False)
    return [tuple(int(i) * side for i in np.unravel_index(n, grid)) for n in numbers]


def background(generator: np.random.Generator, size: Sequence[int], half: str) -> np.ndarray:
    """A crop of a half of a photograph, or noise, of mean 0 and deviation 1."""
    values = _crop(generator, size, half) if len(size) == 2 else _noise(generator, size)
    return (values - values.mean()) / max(values.std(), 1e-6)


def _crop(generator: np.random.Generator, size: Sequence[int], half: str) -> np.ndarray:
    grey = _photograph(str(generator.choice(PHOTOGRAPHS)))
    middle = grey.shape[1] // 2
    grey = grey[:, :middle] if half == "left" else grey[:, middle:]
    room: list[int] = [n - side + 1 for n, side in zip(grey.shape, size, strict=True)]
    top, left = generator.integers(0, room)
    return grey[top : top + size[0], left : left + size[1]]


@functools.cache
def _photograph(name: str) -> np.ndarray:
    picture = getattr(data, name)().astype(float)
    return picture.mean(axis=-1) if picture.ndim == 3 else picture


def _noise(generator: np.random.Generator, size: Sequence[int]) -> np.ndarray:
    """Noise whose amplitude falls as one over the frequency."""
    squares = [np.square(np.fft.fftfreq(n)) for n in size]
    radius = np.sqrt(sum(np.meshgrid(*squares, indexing="ij")))
    radius.flat[0] = np.inf
    return np.fft.ifftn(np.fft.fftn(generator.standard_normal(size)) / radius).real


def _check(ndim: int, count: int, half: str, strength: float, nb_distractors: int) -> None:
    if ndim not in KINDS:
        raise ValueError(f"ndim must be 1, 2 or 3, got {ndim!r}.")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count!r}.")
    if half not in ("left", "right"):
        raise ValueError(f'half must be "left" or "right", got {half!r}.')
    if not 0 < strength < np.inf:
        raise ValueError(f"strength must be a positive, finite number, got {strength!r}.")
    if not 0 <= nb_distractors <= 7:
        raise ValueError(f"nb_distractors must be from 0 to 7, got {nb_distractors!r}.")
