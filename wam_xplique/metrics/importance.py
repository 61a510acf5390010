"""The importance of each wavelet coefficient, from any explanation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import check_whole
from ..coefficients import Coefficients, Transform, flatten
from ..explanation import WaveletExplanation
from ..inputs import Layout
from ..model import is_torch_tensor


def checked(explanations: Any, layout: Layout, shape: tuple[int, ...]) -> Any:
    """Explanations, if finite and of inputs of this shape; maps as arrays with channels last."""
    if isinstance(explanations, WaveletExplanation):
        if tuple(explanations.input_shape) != shape:
            raise ValueError(
                f"explanations must be those of the {shape[0]} inputs, which have the shape "
                f"{shape} with channels last; got those of inputs of shape "
                f"{tuple(explanations.input_shape)}."
            )
        check_finite(flatten(explanations.coefficients).values())
        try:
            explanations.check()
        except ValueError as error:
            raise ValueError(f"explanations must not contradict themselves: {error}") from error
        return explanations
    values, space = as_array(explanations), shape[: 1 + layout.ndim]
    if is_torch_tensor(explanations) and values.ndim > len(space):
        values = np.moveaxis(values, 1, -1)
    allowed = dict.fromkeys([space, (*space, 1), shape])
    if values.shape not in allowed:
        raise ValueError(
            f"explanations must have one of the shapes {list(allowed)} (PyTorch tensors with "
            f"channels first), or be a WaveletExplanation; got {tuple(np.shape(explanations))}."
        )
    check_finite([values])
    return values


def coefficient_importance(explanations: Any, transform: Transform, ndim: int) -> Coefficients:
    """The importance of each coefficient, signed as the explanation is: (N, h, w[, C])."""
    if isinstance(explanations, WaveletExplanation):
        return explanations.coefficients
    if explanations.ndim == 2 + ndim and (ndim > 1 or explanations.shape[-1] == 1):
        explanations = explanations.mean(axis=-1)  # as Xplique's metrics do
    return transform.averages(explanations, ndim)


def as_array(explanations: Any) -> np.ndarray:
    """Maps as an array, their axes as they come."""
    if is_torch_tensor(explanations):
        explanations = explanations.detach().cpu()
        explanations = explanations.float() if explanations.itemsize < 4 else explanations
    check_whole("explanations", explanations)
    try:
        array = np.asarray(explanations)
        if array.dtype.kind not in "biufV":
            raise TypeError
        return array if array.dtype.kind == "f" else array.astype(np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            "explanations must be a WaveletExplanation or an array of real numbers, got a "
            f"{type(explanations).__name__}."
        ) from error


def check_finite(bands: Any) -> None:
    """Check that explanations are finite."""
    bad = [[not np.isfinite(of_input).all() for of_input in band] for band in bands]
    if np.any(bad):
        where = np.flatnonzero(np.any(bad, axis=0)).tolist()
        raise ValueError(f"explanations must be finite, got NaN or infinite values at {where}.")
