"""What a classifier of any framework makes of inputs, and targets made of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..algorithms.batching import BatchSize, by_blocks
from ..batches import SIZE
from ..inputs import Inputs, as_labels, prepare, weights_of
from ..model import Model

HOW = ("front_end", "ndim", "channels", "output")
"""What an explainer knows of how its model is asked."""


def how_asked(explainer: Any) -> dict[str, Any]:
    """How an explainer asks its model, so that others ask it likewise."""
    return {name: getattr(explainer, name, None) for name in HOW}


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
        return _checked(outputs, len(question.x))

    return by_blocks(len(inputs), of_block, BatchSize(batch_size), inputs.backend)


def predict(model: Any, inputs: Any, batch_size: int | None = SIZE, **how: Any) -> np.ndarray:
    """The outputs (N, classes) of a classifier, for inputs as `ask` takes them."""
    return answers(ask(model, inputs, **how), batch_size)


def one_hot(
    targets: Any, model: Any, inputs: Any, batch_size: int | None = SIZE, **how: Any
) -> Any:
    """Targets as an explainer takes them."""
    if targets is None:
        outputs = predict(model, inputs, batch_size, **how)
        if outputs.shape[1] < 2:
            raise ValueError(
                "The model must have at least two classes to predict one of them, got outputs of "
                f"shape {outputs.shape}; give targets."
            )
        return weights_of(outputs.argmax(axis=1), outputs.shape[1])
    labels = as_labels(targets)
    if labels is None:
        return targets
    return weights_of(labels, predict(model, inputs[:1], batch_size, **how).shape[1])


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
