"""Crops of scikit-image's photographs of textures."""

from __future__ import annotations

import numpy as np
from skimage import data

CLASSES = ("brick", "grass", "gravel")
CROP = 64


def photograph(name: str) -> np.ndarray:
    """The photograph of a texture, (H, W, 1), with zero mean and unit variance."""
    return standardize(getattr(data, name)()[..., np.newaxis])


def crops(half: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Random crops from one half of each photograph.

    Each crop is standardized by itself: brightness and contrast do not give its class away.

    Parameters
    ----------
    half
        "left" (to train) or "right" (held out).
    count
        Number of crops of each class.
    seed
        Seed of their places.

    Returns
    -------
    images
        Crops (3 · count, 64, 64, 1), the classes in turn.
    labels
        One-hot classes (3 · count, 3).
    """
    generator = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        for name in CLASSES:
            picture = getattr(data, name)()
            middle = picture.shape[1] // 2
            picture = picture[:, :middle] if half == "left" else picture[:, middle:]
            top, left = generator.integers(0, np.array(picture.shape) - CROP + 1)
            images.append(standardize(picture[top : top + CROP, left : left + CROP, np.newaxis]))
    labels = np.tile(np.eye(len(CLASSES), dtype=np.float32), (count, 1))
    return np.stack(images), labels


def standardize(image: np.ndarray) -> np.ndarray:
    """`image` with zero mean and unit variance."""
    image = image.astype(np.float32)
    return (image - image.mean()) / image.std()
