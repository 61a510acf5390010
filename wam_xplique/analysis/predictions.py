"""What a classifier of any framework makes of inputs, and targets made of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..attributions import models
from ..attributions.inputs import prepare
from ..backends import Backend, Tensor
from ..metrics.scores import model_scores, outputs_of
from .batches import SIZE, on_host


def predict(
    model: Any,
    inputs: Any,
    batch_size: int | None = SIZE,
    front_end: Callable[[Any], Any] | None = None,
    ndim: int | None = None,
) -> np.ndarray:
    """
    The outputs of a classifier, which runs in its own framework.

    Parameters
    ----------
    model
        Any model that an explainer accepts.
    inputs
        Array or tensor of inputs, as for an explainer.
    batch_size
        Most inputs at once; None for all.
    front_end
        What stands between the inputs and the model.
    ndim
        Number of spatial axes; None where the shape of the inputs tells.

    Returns
    -------
    outputs
        Array (N, classes); of one column for a model of one output.

    Raises
    ------
    ValueError, TypeError
        If inputs and model do not fit together, or the outputs are not finite or not (N, classes).
    """
    operator = models.check_operator(None)
    backend, _ = model_scores(model, operator, None, front_end)
    size, found = batch_size or len(inputs), []
    for start in range(0, len(inputs), size):
        part = inputs[start : start + size]
        shape = models.output_shape(model, tuple(part.shape)) or (None, 1)
        anything = np.zeros((len(part), *(size or 1 for size in shape[1:])), np.float32)
        x, _, _ = prepare(part, anything, model, operator, backend, front_end, ndim)
        found.append(backend.to_numpy(_run(model, backend, x, front_end)))
    return _checked(np.concatenate(found), len(inputs))


def one_hot(
    targets: Any,
    model: Any,
    inputs: Any,
    batch_size: int | None = SIZE,
    front_end: Callable[[Any], Any] | None = None,
    ndim: int | None = None,
) -> Any:
    """
    Targets as an explainer takes them.

    Parameters
    ----------
    targets
        One for each input: integer labels (N,) or (N, 1), or what the explainer takes already;
        None for the classes that the model predicts.
    model, inputs, batch_size, front_end, ndim
        As for `predict`.

    Returns
    -------
    targets
        One-hot classes (N, classes) in place of labels and of None; others as they are.

    Raises
    ------
    ValueError
        If a label is no class of the model, or it has no two classes to predict one of.
    """
    common = (batch_size, front_end, ndim)
    if targets is None:
        outputs = predict(model, inputs, *common)
        if outputs.shape[1] < 2:
            raise ValueError(
                "The model must have at least two classes to predict one of them, got outputs of "
                f"shape {outputs.shape}; give targets."
            )
        return one_hot_of(outputs.argmax(axis=1), outputs.shape[1])
    labels = on_host(targets)
    if labels.dtype.kind not in "iu" or labels.shape not in ((len(labels),), (len(labels), 1)):
        return targets
    classes = predict(model, inputs[:1], *common).shape[1]
    if classes == 1 and labels.ndim == 2:
        return targets
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"targets must be labels from 0 to {classes - 1}, as the model has {classes} outputs; "
            f"got labels from {labels.min()} to {labels.max()}."
        )
    return one_hot_of(labels.ravel(), classes)


def one_hot_of(labels: np.ndarray, classes: int) -> np.ndarray:
    """One-hot classes (N, classes) of labels (N,)."""
    return (labels[:, np.newaxis] == np.arange(classes)).astype(np.float32)


def _run(model: Any, backend: Backend, x: Tensor, front_end: Any) -> Tensor:
    if backend.name == "torch":
        module = models.torch_module(model, models.check_operator(None))
        with sys.modules["torch"].no_grad():
            return module(models.behind(front_end, x))
    run = model if backend.name == "tensorflow" else outputs_of(model)
    outputs = run(models.behind(front_end, x))
    return outputs if backend.name == "tensorflow" else np.asarray(outputs)


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
