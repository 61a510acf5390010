"""The scores and the predicted classes of any model, as functions of native tensors."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np
import tensorflow as tf
from xplique.commons.operators import predictions_operator

from ..attributions import models
from ..backends import Backend, ScoreFunction
from ..backends.registry import load_backend

ACTIVATIONS = ("sigmoid", "softmax")


def model_scores(
    model: Any, operator: Any, activation: str | None = None, front_end: Any = None
) -> tuple[Backend, ScoreFunction]:
    """
    The operator's scores of a model, perhaps behind a front end.

    Parameters
    ----------
    model
        Any model that Xplique's inference takes.
    operator
        Operator.
    activation
        "sigmoid" or "softmax" of the model's outputs, which the operator sees; None for the
        outputs themselves.
    front_end
        What stands between the inputs and the model.

    Returns
    -------
    backend
        Backend that runs the model; NumPy's for a callable.
    scores
        Its scores.

    Raises
    ------
    ValueError
        If a PyTorch module is in training mode, or the operator is one that only TensorFlow runs.
    TypeError
        If `model` is no model.
    """
    module = models.torch_module(model, operator)
    if module is not None:
        module = module if activation is None else _activated_module(module, activation)
        return load_backend("torch"), models.torch_scores(module, operator, front_end)
    if models.is_tensorflow(model):
        model = model if activation is None else _activated(model, activation)
        return load_backend("tensorflow"), models.tensorflow_scores(model, operator, front_end)
    scores = models.callable_scores(model, operator)
    if activation is not None:
        model = model if operator is not predictions_operator else outputs_of(model)
        scores = models.callable_scores(_activated(model, activation), operator)
    return load_backend("numpy"), lambda x, y: scores(models.behind(front_end, x), y)


def model_classes(model: Any, front_end: Any = None) -> tuple[Backend, ScoreFunction]:
    """
    The numbers of the classes that a model predicts, in place of scores.

    Parameters, returns and exceptions are those of `model_scores`; the functions raise a
    ValueError where the outputs are not (N, classes) of at least two classes.
    """
    module = models.torch_module(model, predictions_operator)
    if module is not None:
        return load_backend("torch"), models.torch_scores(module, _classes_torch, front_end)
    if models.is_tensorflow(model):
        scores = models.tensorflow_scores(model, _classes_tensorflow, front_end)
        return load_backend("tensorflow"), scores
    models.callable_scores(model, predictions_operator)
    outputs = outputs_of(model)
    return load_backend("numpy"), lambda x, y: _classes(outputs(models.behind(front_end, x)))


def _classes_torch(model: Any, x: Any, y: Any) -> Any:
    outputs = model(x)
    _check_classes(outputs.shape)
    return outputs.argmax(-1).float()


def _classes_tensorflow(model: Any, x: Any, y: Any) -> Any:
    outputs = model(x)
    _check_classes(outputs.shape)
    return tf.cast(tf.argmax(outputs, -1), tf.float32)


def _classes(outputs: Any) -> np.ndarray:
    outputs = np.asarray(outputs)
    _check_classes(outputs.shape)
    return outputs.argmax(-1)


def _check_classes(shape: Any) -> None:
    if len(shape) != 2 or shape[1] < 2:
        raise ValueError(
            "The model must give scores (N, classes) of at least two classes, to predict one of "
            f"them; got outputs of shape {tuple(shape)}."
        )


@functools.lru_cache(maxsize=8)
def _activated(model: Any, activation: str) -> Any:
    """A model in TensorFlow or on arrays with an activation, the same at each call."""
    function = getattr(tf.nn, activation)

    def activated(x: Any) -> Any:
        outputs = tf.convert_to_tensor(model(x))
        return function(outputs if outputs.shape.rank != 1 else outputs[:, tf.newaxis])

    return activated


def _activated_module(module: Any, activation: str) -> Any:
    """A PyTorch module with an activation over its classes, the axis after N."""
    nn = sys.modules["torch"].nn
    last = nn.Sigmoid() if activation == "sigmoid" else nn.Softmax(dim=1)
    activated = nn.Sequential(module, last)
    activated.training = last.training = False  # eval() would reach into the user's module
    return activated


def outputs_of(model: Any) -> Any:
    """The outputs of a model on arrays, as a function."""
    if isinstance(model, tf.lite.Interpreter):
        return functools.partial(_interpret, model)
    return getattr(model, "predict_proba", model)


def _interpret(interpreter: Any, x: np.ndarray) -> np.ndarray:
    interpreter.resize_tensor_input(0, x.shape, strict=False)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
