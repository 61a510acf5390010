"""Hallucination and conciseness-preciseness: how good a mask is as an explanation.

Ref. Kolek & al., Explaining Image Classifiers with Multiscale Directional Image Representation
(CVPR 2023), as their code has them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage
import scipy.stats

from ..checks import check_choice, check_number
from ..coefficients import Coefficients, as_rows, flatten

INFORMATION = ("l1", "entropy")


def retained_information(original: Any, explanation: Any, information: str = "l1") -> np.ndarray:
    """
    Measure how much of the inputs' information explanations retain.

    Parameters
    ----------
    original, explanation
        What the information is in, before and after: images (N, ...), or coefficients in
        PyWavelets' layout.
    information
        "l1", the sum of all magnitudes, or "entropy", that of the shares of the energy.

    Returns
    -------
    retained
        The ratios (N,), 1 where all is retained; NaN where the inputs have no information.

    Raises
    ------
    ValueError
        If `information` is unknown, or the shapes differ.

    Examples
    --------
    >>> retained_information(np.ones((1, 4)), np.array([[1, 1, 0, 0]]))
    array([0.5])
    """
    check_choice("information", information, INFORMATION, optional=False)
    rows = [_rows(values) for values in (original, explanation)]
    if rows[0].shape != rows[1].shape:
        told = f"got {rows[1].shape} and {rows[0].shape}"
        raise ValueError(f"explanation must have as many values as original, {told}.")
    measure = _entropy if information == "entropy" else lambda values: np.abs(values).sum(axis=1)
    before, after = map(measure, rows)
    return np.divide(after, before, out=np.full(len(before), np.nan), where=before > 0)


def conciseness_preciseness(
    probability: Any, original: Any, explanation: Any, information: str = "l1"
) -> np.ndarray:
    """
    Divide the probability that explanations retain by the information that they retain.

    CP-ℓ1 with coefficients, CP-ℓ1 Pixel with images, CP-Entropy with "entropy" of coefficients.

    Parameters
    ----------
    probability
        Probabilities (N, 2) of the explained class, of the inputs (above 0) and explanations.
    original, explanation, information
        As for `retained_information`, as are the errors.

    Returns
    -------
    scores
        CP scores (N,): 1 for the inputs themselves, more is better; infinite where nothing is left.
    """
    probability = np.asarray(probability, float)
    retained = retained_information(original, explanation, information)
    if probability.shape != (len(retained), 2) or not (probability[:, 0] > 0).all():
        must = f"({len(retained)}, 2), those of the inputs above 0"
        raise ValueError(f"probability must be {must}, got shape {probability.shape}.")
    with np.errstate(divide="ignore", invalid="ignore"):
        return probability[:, 1] / probability[:, 0] / retained


def hallucination_score(original: Any, explanation: Any, threshold: float = 0.1) -> np.ndarray:
    """
    Count the edges of explanations that are no edges of the images, over the edges of the images.

    An edge is a pixel where the magnitude of Sobel's gradient of the mean of the channels (its
    weights sum to 1 in magnitude) exceeds a threshold. An edge beside one of the image, in the
    3×3 pixels around it, is none that was invented.

    Parameters
    ----------
    original, explanation
        Images (N, H, W) or (N, H, W, C) in [0, 1].
    threshold
        Least magnitude of an edge.

    Returns
    -------
    scores
        Scores (N,), 0 where nothing is invented; NaN where an image has no edge.

    Raises
    ------
    ValueError
        If both are not images of the same shape, or leave [0, 1].

    Examples
    --------
    >>> square = np.pad(np.ones((1, 8, 8)), [(0, 0), (8, 8), (8, 8)])
    >>> hallucination_score(square, square)
    array([0.])
    """
    check_number("threshold", threshold, lowest=0)
    images = [np.asarray(values, float) for values in (original, explanation)]
    for name, values in zip(("original", "explanation"), images, strict=True):
        if values.ndim not in (3, 4) or values.shape != images[0].shape:
            must = f"{name} must be images (N, H, W) or (N, H, W, C), both of one shape"
            raise ValueError(f"{must}, got {values.shape} beside {images[0].shape}.")
        if not (values.min() >= -1e-6 and values.max() <= 1 + 1e-6):
            raise ValueError(f"{name} must be in [0, 1], got {values.min():g} to {values.max():g}.")
    before, after = (_edges(values, threshold) for values in images)
    near = scipy.ndimage.binary_dilation(before, np.ones((1, 3, 3), bool))
    invented, there = (edges.sum(axis=(1, 2)) for edges in (after & ~near, before))
    return np.divide(invented, there, out=np.full(len(there), np.nan), where=there > 0)


def _edges(images: np.ndarray, threshold: float) -> np.ndarray:
    grey = images.mean(axis=-1) if images.ndim == 4 else images
    down, along = ([scipy.ndimage.sobel(x, axis, mode="nearest") for x in grey] for axis in (0, 1))
    return np.hypot(down, along) / 8 > threshold


def _rows(values: Coefficients | np.ndarray) -> np.ndarray:
    if isinstance(values, list):
        return as_rows(flatten(values))
    array = np.asarray(values, float)
    return array.reshape(len(array), -1)


def _entropy(rows: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # of rows of zeros
        return np.nan_to_num(scipy.stats.entropy(rows.astype(float) ** 2, axis=1))
