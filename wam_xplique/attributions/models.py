"""Any model that an explainer accepts, as a function of native tensors."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from operator import index as operator_index
from typing import Any

import numpy as np
import tensorflow as tf
from xplique.commons import find_layer, get_operator
from xplique.commons.callable_operations import predictions_one_hot_callable
from xplique.commons.exceptions import InvalidOperatorException
from xplique.commons.operators import predictions_operator, semantic_segmentation_operator
from xplique.wrappers import TorchWrapper

from ..backends import Backend, ScoreFunction, Tensor
from ..backends.base import check_scores
from ..backends.registry import load_backend

NATIVE_OPERATORS = (predictions_operator, semantic_segmentation_operator)
"""Xplique's operators that weigh the model's outputs by the targets, and that PyTorch has too."""


def rivals(model: Any, inputs: Tensor, targets: Tensor) -> Tensor:
    """
    Logsumexp (N,) of the outputs that are not the one-hot target's.

    The largest number where the outputs are probabilities.
    """
    outputs = model(inputs)
    total, least = tf.reduce_sum(outputs, -1), tf.reduce_min(outputs, -1)
    is_distribution = (least >= 0) & (tf.abs(total - 1) < 1e-3)
    found = _rivals(outputs, targets)
    return tf.where(is_distribution, tf.fill(tf.shape(found), found.dtype.max), found)


def steady_predictions(model: Any, inputs: Tensor, targets: Tensor) -> Tensor:
    """
    Score of the target class (N,), less what its `rivals` gained.

    The last column of the targets (N, classes + 1) has the rivals before. A score that stays,
    stays as a logit, and as the log-odds of the softmax.
    """
    outputs, targets, before = model(inputs), targets[..., :-1], targets[..., -1]
    gained = tf.nn.relu(_rivals(outputs, targets) - before)
    return tf.reduce_sum(outputs * targets, -1) - gained


def _rivals(outputs: Tensor, targets: Tensor) -> Tensor:
    return tf.reduce_logsumexp(outputs - _OUT * targets, -1)


_OUT = 1e4
"""What is this far below the others adds nothing to their logsumexp."""

_OWN_OPERATORS = (rivals, steady_predictions)
"""Our operators, which PyTorch has by the same names."""

_OPERATORS = (
    "classification",
    "regression",
    "semantic segmentation",
    "object detection",
    "object detection box position",
    "object detection box proba",
    "object detection box class",
)


def check_operator(operator: Any) -> Any:
    """
    Xplique's operator of a name, a task or a callable; None is the score of the target class.

    Raises
    ------
    ValueError
        If no operator has this name, or a callable does not take a model, inputs and targets.
    """
    if operator is None:
        return predictions_operator
    if isinstance(operator, str) and operator not in _OPERATORS:
        raise ValueError(f"operator={operator!r} is unknown; expected one of {_OPERATORS}.")
    try:
        return get_operator(operator)
    except (InvalidOperatorException, TypeError) as error:
        raise ValueError(
            f"operator must be a task or a callable g(model, inputs, targets), got {operator!r}."
        ) from error


def cut(model: Any, output_layer: str | int | None) -> Any:
    """
    The Keras model that ends at `output_layer`.

    Raises
    ------
    TypeError
        If `model` has no layers to choose from.
    ValueError
        If it has no such layer.
    """
    if output_layer is None:
        return model
    if not is_keras(model):
        raise TypeError(
            f"output_layer={output_layer!r} needs a Keras model, got {type(model).__name__}; for "
            "PyTorch, hand in a module that ends where you want."
        )
    try:
        if isinstance(output_layer, bool):
            raise TypeError
        name = output_layer if isinstance(output_layer, str) else operator_index(output_layer)
        layer = find_layer(model, name)
    except (ValueError, IndexError, TypeError) as error:
        names = [layer.name for layer in model.layers]
        raise ValueError(f"output_layer={output_layer!r} is not among {names}.") from error
    return tf.keras.Model(model.inputs, layer.output)


def is_keras(model: Any) -> bool:
    """Whether `model` is a Keras model that TensorFlow runs."""
    return isinstance(model, tf.keras.Model) and not isinstance(model, TorchWrapper)


def for_xplique(model: Any) -> Any:
    """`model`, or its call if it is a Keras model without the inputs that Xplique's base reads."""
    return model.__call__ if is_keras(model) and not hasattr(model, "inputs") else model


def is_tensorflow(model: Any) -> bool:
    """Whether TensorFlow runs `model`."""
    return isinstance(model, (tf.Module, tf.keras.layers.Layer))


def torch_module(model: Any, operator: Any) -> Any:
    """
    The PyTorch module in `model`, or None if TensorFlow shall run it.

    A `TorchWrapper` is unwrapped, unless its operator is written in TensorFlow.
    """
    if isinstance(model, TorchWrapper):
        return model.model if operator in (*NATIVE_OPERATORS, *_OWN_OPERATORS) else None
    if "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module):
        return model
    return None


def takes_channels_first(model: Any) -> bool:
    """Whether a PyTorch model takes its channels first: as wrapped, or if it has convolutions."""
    if isinstance(model, TorchWrapper):
        return model.channel_first
    return any(map(_convolves, model.modules()))


def _convolves(module: Any) -> bool:
    """Whether a PyTorch module is a convolution, scripted ones too, or its graph has one."""
    torch = sys.modules["torch"]
    if isinstance(module, torch.fx.GraphModule):
        return any("conv" in str(node.target) for node in module.graph.nodes)
    is_scripted = "Conv" in getattr(module, "original_name", "")
    return is_scripted or isinstance(module, torch.nn.modules.conv._ConvNd)


def check_differentiable(model: Any, operator: Any) -> None:
    """
    Check that TensorFlow can differentiate `model`.

    Raises
    ------
    TypeError
        If `model` is no TensorFlow model, and has no operator of its own that runs it.
    """
    if operator in (predictions_operator, *_OWN_OPERATORS) and not is_tensorflow(model):
        raise TypeError(
            f"A white-box method needs gradients, which a {type(model).__name__} does not give: "
            "expected a Keras model, a tf.Module, a TorchWrapper or a torch.nn.Module."
        )


def torch_gradients(module: Any, operator: Any, front_end: Any = None) -> ScoreFunction:
    """
    The gradient of the operator's scores of a PyTorch module, perhaps behind a front end.

    Raises
    ------
    ValueError
        If the module is in training mode, or the operator is one that only TensorFlow runs.
    """
    from ..backends import torch_models

    return torch_models.gradient_function(module, _in_torch(operator), front_end)


def torch_scores(module: Any, operator: Any, front_end: Any = None) -> ScoreFunction:
    """
    The operator's scores of a PyTorch module, perhaps behind a front end.

    Raises
    ------
    ValueError
        If the module is in training mode, or the operator is one that only TensorFlow runs.
    """
    from ..backends import torch_models

    return torch_models.score_function(module, _in_torch(operator), front_end)


def _in_torch(operator: Any) -> Any:
    from ..backends import torch_models

    natives = (torch_models.predictions, torch_models.semantic_segmentation)
    native = dict(zip(NATIVE_OPERATORS, natives, strict=True)).get(operator, operator)
    if operator in _OWN_OPERATORS:
        native = getattr(torch_models, operator.__name__)
    if getattr(native, "__module__", "").startswith("xplique."):
        raise ValueError(
            "This operator of Xplique is written in TensorFlow: hand in a TorchWrapper of the "
            "module, or an operator g(model, inputs, targets) in PyTorch."
        )
    return native


@functools.lru_cache(maxsize=8)
def tensorflow_scores(model: Any, operator: Any, front_end: Any = None) -> ScoreFunction:
    """The operator's scores of a TensorFlow model, compiled once for all batch sizes."""
    scores = tf.function(
        lambda x, y: operator(model, behind(front_end, x), y), reduce_retracing=True
    )
    scores._omit_frequent_tracing_warning = True  # each model has a trace of its own
    return scores


def behind(front_end: Any, x: Tensor) -> Tensor:
    """What a model sees of `x`."""
    return x if front_end is None else front_end(x)


def native_scores(model: Any, operator: Any, front_end: Any = None) -> ScoreFunction:
    """The operator's scores of a model that is differentiable, in its own framework."""
    module = torch_module(model, operator)
    if module is not None:
        return torch_scores(module, operator, front_end)
    return tensorflow_scores(model, operator, front_end)


def callable_scores(model: Any, operator: Any) -> ScoreFunction:
    """
    The operator's scores of any other model, on arrays.

    Parameters
    ----------
    model
        A callable on arrays, an object with `predict_proba`, or a TFLite interpreter; outputs
        (N, classes). With an operator of one's own, whatever it runs on TensorFlow's tensors.
    operator
        Operator.

    Returns
    -------
    scores
        Scores, which raise a ValueError if the outputs do not have the shape of the targets.

    Raises
    ------
    TypeError
        If `model` is no model.
    """
    if operator is not predictions_operator:
        return lambda x, y: np.asarray(operator(model, tf.constant(x), tf.constant(y)))
    if isinstance(model, tf.lite.Interpreter):
        return lambda x, y: predictions_one_hot_callable(
            model, tf.constant(x), tf.constant(y)
        ).numpy()
    predict = getattr(model, "predict_proba", model)
    if not callable(predict):
        raise TypeError(
            "model must be a Keras model, a tf.Module, a TorchWrapper, a torch.nn.Module, a "
            "TFLite interpreter, an object with predict_proba or a callable, got "
            f"{type(model).__name__}."
        )

    def scores(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        outputs = np.asarray(predict(x))
        if outputs.shape == (len(y),) and y.shape[1:] == (1,):
            outputs = outputs[:, np.newaxis]
        if outputs.shape != y.shape:
            raise ValueError(
                f"The model's outputs must have the shape of the targets, {y.shape}, got "
                f"{outputs.shape}."
            )
        return (outputs * y).sum(axis=-1)

    return scores


def tensorflow_gradients(model: Any, gradient: Callable[..., Any]) -> ScoreFunction:
    """The gradient of an operator's scores of a TensorFlow model, by Xplique's `gradient`."""

    def gradients(x: Tensor, y: Tensor) -> Tensor:
        result = gradient(model, x, y)
        if result is None:
            raise ValueError("The model gives no gradient with respect to its inputs.")
        return result

    return gradients


@functools.lru_cache(maxsize=8)
def tensorflow_front_end_gradients(model: Any, operator: Any, front_end: Any) -> ScoreFunction:
    """
    The gradients of an operator's scores of a TensorFlow model behind a front end.

    Returns
    -------
    gradients
        ``gradients(x, y)``, (N, P): the gradient with respect to x and then that with respect to
        ``front_end(x)``, both flat; raises a ValueError where there is none.
    """

    @tf.function(reduce_retracing=True)
    def both(x: Tensor, y: Tensor) -> tuple[Tensor | None, Tensor | None]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            seen = front_end(x)
            tape.watch(seen)
            scores = operator(model, seen, y)
        return tape.gradient(scores, (x, seen))

    both._omit_frequent_tracing_warning = True  # each model has a trace of its own

    def gradients(x: Tensor, y: Tensor) -> Tensor:
        of_x, of_seen = both(x, y)
        if of_seen is None:
            raise ValueError("The model gives no gradient with respect to its inputs.")
        if of_x is None:
            raise ValueError("front_end must be differentiable: its output has no gradient.")
        return tf.concat([tf.reshape(g, (len(x), -1)) for g in (of_x, of_seen)], 1)

    return gradients


def scored_gradients(
    model: Any, operator: Any, front_end: Any = None
) -> tuple[Backend, ScoreFunction]:
    """
    The operator's scores of a model, and their gradients, from one forward pass.

    Parameters
    ----------
    model
        Keras model, `tf.Module`, `TorchWrapper` or `torch.nn.Module`.
    operator
        Operator.
    front_end
        What stands between the inputs and the model.

    Returns
    -------
    backend
        Backend that runs the model.
    scored_gradients
        ``scored_gradients(x, y)``, (N, 1 + P): the score, and then the gradient, flat.

    Raises
    ------
    ValueError
        If a PyTorch module is in training mode, or the operator is one that only TensorFlow runs.
    TypeError
        If the model gives no gradients.
    """
    module = torch_module(model, operator)
    if module is not None:
        from ..backends import torch_models

        found = torch_models.scored_gradient_function(module, _in_torch(operator), front_end)
        return load_backend("torch"), found
    check_differentiable(model, operator)
    return load_backend("tensorflow"), _tensorflow_scored_gradients(model, operator, front_end)


@functools.lru_cache(maxsize=8)
def _tensorflow_scored_gradients(model: Any, operator: Any, front_end: Any) -> ScoreFunction:
    @tf.function(reduce_retracing=True)
    def both(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor | None]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            scores = operator(model, behind(front_end, x), y)
        return scores, tape.gradient(scores, x)

    both._omit_frequent_tracing_warning = True  # each model has a trace of its own

    def scored_gradients(x: Tensor, y: Tensor) -> Tensor:
        scores, gradient = both(x, y)
        if gradient is None:
            raise ValueError("The model gives no gradient with respect to its inputs.")
        check_scores(scores.shape, len(x))
        return tf.concat([scores[:, tf.newaxis], tf.reshape(gradient, (len(x), -1))], 1)

    return scored_gradients


def output_shape(model: Any, input_shape: tuple[int, ...]) -> tuple[int | None, ...] | None:
    """
    The shape of a TensorFlow (or TFLite) model's outputs, None where it is not known beforehand.

    Raises
    ------
    ValueError
        If the model has several outputs.
    """
    try:
        if isinstance(model, tf.lite.Interpreter):
            shape = (None, *(int(size) for size in model.get_output_details()[0]["shape"][1:]))
        elif is_keras(model):
            # Built models know it; computing it takes as long as a few gradients.
            shape = getattr(model, "output_shape", None) or model.compute_output_shape(input_shape)
        elif isinstance(model, tf.Module) and not isinstance(model, TorchWrapper):
            traced = tf.function(model).get_concrete_function(tf.TensorSpec(input_shape))
            shape = tuple(traced.output_shapes.as_list())
        else:
            return None
    except Exception:  # a model of one's own may not know its shapes; running it will tell
        return None
    if not isinstance(shape, tuple) or not all(s is None or isinstance(s, int) for s in shape):
        raise ValueError(
            "The model has several outputs; hand in a model of one (output_layer makes it, where "
            "an explainer has it), or give an operator."
        )
    return shape
