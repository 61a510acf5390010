"""What is done to the pixels of an image before a model sees them."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import numpy as np

_MEAN, _DEVIATION = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32)

Prepare = Callable[[np.ndarray], np.ndarray]
"""What makes an input (H, W) or (H, W, C) of the pixels of an image, between 0 and 255."""


class Preprocess(str, Enum):
    """What is done to the pixels of an image, which are between 0 and 255."""

    none = "none"
    unit = "unit"
    imagenet = "imagenet"
    standardize = "standardize"


def _imagenet(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[2:] != (3,):
        raise ValueError("--preprocess imagenet is for models of images with 3 channels.")
    return (pixels / np.float32(255) - _MEAN) / _DEVIATION


PREPROCESSING: dict[Preprocess, Prepare] = {
    Preprocess.none: lambda pixels: pixels,
    Preprocess.unit: lambda pixels: pixels / np.float32(255),
    Preprocess.imagenet: _imagenet,
    Preprocess.standardize: lambda pixels: (
        (pixels - pixels.mean()) / max(float(pixels.std()), 1e-6)
    ),
}
