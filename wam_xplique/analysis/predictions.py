"""What a classifier of any framework makes of inputs, and targets made of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..algorithms.batching import BatchSize, by_blocks
from ..batches import SIZE
from ..inputs import Inputs, as_labels, prepare, weights_of
from ..model import Model


def how_asked(explainer: Any) -> dict[str, Any]:
    """How an explainer asks its model, so that others ask it likewise."""
    names = ("front_end", "ndim", "channels", "output")
    return {name: getattr(explainer, name, None) for name in names}


def ask(
    model: Any,
    inputs: Any,
    *,
    front_end: Any = None,
    output: Any = None,
    ndim: int | None = None,
    channels: str | None = None,
) -> Inputs:
    """A model and its inputs, without targets."""
    asked = Model(model, front_end=front_end, output=output)
    return prepare(asked, inputs, None, ndim=ndim, channels=channels)


def answers(inputs: Inputs, batch_size: int | None = SIZE) -> np.ndarray:
    """The outputs (N, classes) of a classifier, which runs in its own framework."""

    def of_block(rows: slice) -> np.ndarray:
        question = inputs[rows]
        outputs = question.backend.to_numpy(question.outputs(question.x, question.y))
        count = len(question.x)
        outputs = outputs[:, np.newaxis] if outputs.shape == (count,) else outputs
        if outputs.ndim != 2 or len(outputs) != count:
            told = f"got outputs of shape {outputs.shape} for {count} inputs"
            raise ValueError(f"The model must give scores (N, classes), {told}.")
        if not np.isfinite(outputs).all():
            raise ValueError("The model gives NaN or infinite outputs.")
        return outputs

    return by_blocks(len(inputs), of_block, BatchSize(batch_size), inputs.backend)


def predict(model: Any, inputs: Any, batch_size: int | None = SIZE, **how: Any) -> np.ndarray:
    """The outputs (N, classes) of a classifier, for inputs as `ask` takes them."""
    return answers(ask(model, inputs, **how), batch_size)


def predict_as(explainer: Any, inputs: Any) -> np.ndarray:
    """The outputs of the model that an explainer explains, as it asks it."""
    size = getattr(explainer, "batch_size", None)
    return predict(explainer.model, inputs, size, **how_asked(explainer))


def as_explained(targets: Any, explainer: Any, inputs: Any) -> Any:
    """Targets as an explainer takes them: labels one-hot, those predicted in place of None."""
    labels = as_labels(targets)
    if labels is not None:
        return weights_of(labels, predict_as(explainer, inputs[:1]).shape[1])
    if targets is not None:
        return targets
    return as_targets(predict_as(explainer, inputs))


def as_targets(outputs: np.ndarray) -> np.ndarray:
    """The classes that outputs (N, classes) predict, one-hot."""
    if outputs.shape[1] < 2:
        must = "The model must have at least two classes to predict one of them"
        raise ValueError(f"{must}, got outputs of shape {outputs.shape}; give targets.")
    return weights_of(outputs.argmax(axis=1), outputs.shape[1])
