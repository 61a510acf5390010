"""Crops of scikit-image's photographs of textures, and what all the toy data share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from skimage import data

CLASSES = ("brick", "grass", "gravel")
CROP = 64


def photograph(name: str) -> np.ndarray:
    """The photograph of a texture, (H, W, 1), with zero mean and unit variance."""
    return standardize(getattr(data, name)()[..., np.newaxis])


def crops(half: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
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
    return np.stack(images), in_turn(CLASSES, count)


def standardize(image: np.ndarray) -> np.ndarray:
    """`image` with zero mean and unit variance."""
    image = image.astype(np.float32)
    return (image - image.mean()) / image.std()


def in_turn(classes: Sequence[str], count: int) -> np.ndarray:
    """One-hot classes (classes · count, classes), in turn."""
    return np.tile(np.eye(len(classes), dtype=np.float32), (count, 1))


def check_least(name: str, value: float, lowest: float) -> None:
    """Check that an argument is no less than its least value."""
    if value < lowest:
        raise ValueError(f"{name} must be at least {lowest}, got {value!r}.")
