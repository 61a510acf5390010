"""Volumes that hold one shape each, made by formula."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .data import check_least, in_turn, standardize

CLASSES = ("blob", "edge", "plate", "corner")
SIZE = 32
NOISE = 0.07
# In voxels of a volume of 32: shapes of different kinds overlap in size, so that no scale alone
# gives the class away.
LENGTHS, THICKNESSES, RADII = (9.0, 13.0), (1.2, 1.6, 2.0), (2.5, 4.0, 6.0)


def shapes(count: int, seed: int, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """
    Volumes with one shape each, at a random place and orientation, in noise.

    A "blob" is a ball, an "edge" a long bar, a "plate" thin and square, a "corner" three bars that
    meet at right angles. Each comes in three scales. Each volume is standardized by itself.

    `count` of each class, which come in turn: volumes (4 · count, size, size, size, 1), float32,
    and one-hot classes (4 · count, 4). The shapes grow with the `size`, of at least 16 voxels.
    """
    check_least("count", count, 1)
    check_least("size", size, 16)
    generator = np.random.default_rng(seed)
    volumes = [_volume(generator, name, size) for name in CLASSES * count]
    return np.stack(volumes), in_turn(CLASSES, count)


def _volume(generator: np.random.Generator, name: str, size: int) -> np.ndarray:
    """One volume (size, size, size, 1) with a shape of class `name`."""
    unit = size / SIZE
    centre = (size - 1) / 2 + generator.uniform(-3, 3, 3) * unit
    grid = np.moveaxis(np.indices((size, size, size)), 0, -1)
    points = (grid - centre) @ Rotation.random(None, generator).as_matrix()
    distance = _distance(generator, name, points / unit) * unit
    occupied = np.clip(0.5 - distance, 0, 1)
    noisy = occupied + NOISE * generator.standard_normal(occupied.shape)
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
