"""What a classifier of any framework makes of inputs, and targets made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..algorithms.batching import BatchSize
from ..data import SIZE
from ..inputs import as_labels, prepare, weights_of
from ..model import Model


def predict(
    model: Any,
    inputs: Any,
    batch_size: int | None = SIZE,
    front_end: Callable[[Any], Any] | None = None,
    ndim: int | None = None,
) -> np.ndarray:
    """The outputs of a classifier, which runs in its own framework."""
    question = prepare(Model(model, front_end=front_end), inputs, None, ndim=ndim)
    backend = question.backend
    outputs = BatchSize(batch_size).apply(question.outputs, backend, question.x, question.y)
    return _checked(backend.to_numpy(outputs), len(inputs))


def one_hot(
    targets: Any,
    model: Any,
    inputs: Any,
    batch_size: int | None = SIZE,
    front_end: Callable[[Any], Any] | None = None,
    ndim: int | None = None,
) -> Any:
    """Targets as an explainer takes them."""
    common = (batch_size, front_end, ndim)
    if targets is None:
        outputs = predict(model, inputs, *common)
        if outputs.shape[1] < 2:
            raise ValueError(
                "The model must have at least two classes to predict one of them, got outputs of "
                f"shape {outputs.shape}; give targets."
            )
        return weights_of(outputs.argmax(axis=1), outputs.shape[1])
    labels = as_labels(targets)
    if labels is None:
        return targets
    return weights_of(labels, predict(model, inputs[:1], *common).shape[1])


def _checked(outputs: np.ndarray, count: int) -> np.ndarray:
    outputs = outputs[:, np.newaxis] if outputs.shape == (count,) else outputs
    if outputs.ndim != 2 or len(outputs) != count:
        raise ValueError(
            f"The model must give scores (N, classes), got outputs of shape {outputs.shape} for "
            f"{count} inputs."
        )
    if not np.isfinite(outputs).all():
        raise ValueError("The model gives NaN or infinite outputs.")
    return outputs
