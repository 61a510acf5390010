"""How near an explanation comes to what was planted.

All scores are between 0 and 1, one an input; the higher, the nearer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import rankdata

from wam_xplique import WaveletExplanation
from wam_xplique.coefficients import WaveletTransform, as_rows, flatten, map_bands

from .data import DEPTH, Planted


def scores(explanation: Any, planted: Planted) -> dict[str, np.ndarray]:
    """
    Score an explanation of planted inputs.

    Parameters
    ----------
    explanation
        A `WaveletExplanation`, or maps of the inputs' shape, channels last or without: those are
        scored in scale by the wavelet transform of their magnitude.
    planted
        The inputs explained.

    Returns
    -------
    scores
        Arrays (N,). "mass in scale", "mass in space": the share of the importance that lies at the
        component's level, and where the component is. "pointing in scale", "pointing in space":
        whether the most important level, or place, is right. "AUC": the area under the ROC curve
        of the importance of all coefficients against the planted ones.

    Raises
    ------
    ValueError
        If the explanation is not one of these inputs, or not finite.
    """
    explanation, maps = _both(explanation, planted)
    shares = explanation.scale_importance()
    truth = planted_coefficients(planted, explanation)
    levels = np.array([1 + explanation.level - band.level for band in planted.bands])
    where = planted.components.any(axis=-1).reshape(len(planted), -1)
    maps = np.abs(maps).reshape(where.shape)
    total = maps.sum(axis=1)
    inside = np.divide((maps * where).sum(axis=1), total, out=np.zeros_like(total), where=total > 0)
    details = shares[:, 1:].argmax(axis=1) + 1
    rows = np.arange(len(planted))
    return {
        "mass in scale": shares[rows, levels],
        "mass in space": inside,
        "pointing in scale": (details == levels).astype(float),
        "pointing in space": where[rows, maps.argmax(axis=1)].astype(float),
        "AUC": _area(np.abs(as_rows(flatten(explanation.coefficients))), truth),
    }


def planted_coefficients(planted: Planted, explanation: WaveletExplanation) -> np.ndarray:
    """
    The coefficients of the explanation's transform that were planted.

    Returns
    -------
    truth
        Booleans (N, K), in the order of `as_rows`: those of each component that are at least half
        as large as its largest. Where the wavelet is the one planted, these are the block.
    """
    coefficients = explanation.transform.forward(planted.components[..., 0].astype(np.float64))
    magnitudes = np.abs(as_rows(flatten(coefficients)))
    return magnitudes >= magnitudes.max(axis=1, keepdims=True) / 2


def _both(explanation: Any, planted: Planted) -> tuple[WaveletExplanation, np.ndarray]:
    """An explanation in the wavelet domain, and in the inputs' own."""
    shape = planted.inputs.shape
    if isinstance(explanation, WaveletExplanation):
        if tuple(explanation.input_shape) != shape:
            raise ValueError(
                f"explanation must be of inputs of shape {shape}, got "
                f"{tuple(explanation.input_shape)}."
            )
        if explanation.ndim == 1:  # the channel of signals is kept
            squeezed = map_bands(lambda band: band[..., 0], explanation.coefficients)
            explanation = replace(
                explanation, coefficients=squeezed, input_shape=shape[:-1], sobol=explanation.sobol
            )
        return explanation, explanation.pixels()
    maps = np.asarray(explanation, dtype=np.float64)
    if maps.shape not in (shape, shape[:-1]) or not np.isfinite(maps).all():
        raise ValueError(
            f"explanation must be finite maps of shape {shape}, got shape {maps.shape}."
        )
    maps = np.abs(maps.reshape(shape[:-1]))
    ndim = maps.ndim - 1
    transform = WaveletTransform("haar", DEPTH, "periodization", tuple(range(1, 1 + ndim)))
    coefficients = transform.forward(maps)
    coefficients[0] = np.zeros_like(coefficients[0])  # as methods in the wavelet domain leave it
    return WaveletExplanation(coefficients, "haar", "periodization", maps.shape, ndim), maps


def _area(importance: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each row; ties count half (Mann and Whitney's U)."""
    ranks = rankdata(importance, axis=1)
    positives = truth.sum(axis=1)
    negatives = truth.shape[1] - positives
    return ((ranks * truth).sum(axis=1) - positives * (positives + 1) / 2) / (positives * negatives)
