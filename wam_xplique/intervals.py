"""How sure means are: their standard errors and intervals."""

from __future__ import annotations

from typing import Any

import numpy as np


def student(mean: Any, error: Any, freedom: Any, confidence: float) -> np.ndarray:
    """Student's intervals (..., 2) of means, of their standard errors; a point where it is 0."""
    import scipy.stats

    # `scipy.stats.t.interval` has none where the error is 0.
    half = scipy.stats.t.ppf((1 + confidence) / 2, freedom) * error
    return np.stack([mean - half, mean + half], axis=-1)


def standard_error(values: np.ndarray) -> np.ndarray:
    """Of the means over the last axis; 0 of one value."""
    return values.std(axis=-1) / np.sqrt(max(values.shape[-1] - 1, 1))
