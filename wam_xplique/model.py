"""Any model, of any framework, as functions of tensors: outputs, scores and gradients."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from operator import index as operator_index
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from xplique.wrappers import TorchWrapper

from .backends import Backend, Tensor
from .backends.base import check_scores
from .backends.registry import load_backend
from .checks import check_choice, warn
from .operators import DETECTION, WEIGH, check_operator, of_outputs, predictions

ACTIVATIONS = ("sigmoid", "softmax")

RESOLUTIONS = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
"""By what part of their size two numbers differ that stand side by side."""

IN_SINGLE = "Score it in float32: model.float(), outside of autocast, without a mixed policy."

_UNFIT = re.compile(
    r"Expected \dD .* input to conv.*|Given groups=.* channels instead|"
    r"mat1 and mat2 shapes .*|.*Kernel size can't be greater than actual input size"
)
"""What PyTorch says of inputs whose number of axes, or of channels, is another."""

Output = str | int | Callable[[Any], Any] | None
"""Which output of a model with several: a key, an index, or what picks it."""


class Structure(NamedTuple):
    """How a model with several inputs is called."""

    keys: tuple[str, ...] | None  # of all inputs; None where they are told apart by places
    place: int  # of the one that is explained; the others are held


class Channels(NamedTuple):
    """What a model tells of the channels that it takes; None for what it does not."""

    first: bool | None = None  # whether they come first
    number: int | None = None  # how many its first convolution takes
    shape: tuple[int | None, ...] | None = None  # of its inputs, N first; None where free


class Model:
    """A model that is explained, as functions of native tensors. The one place that knows which
    framework runs a model and how it is called. What is compiled for it stays here: another `Model`
    of the same one sees it as it is by then."""

    def __init__(
        self,
        model: Any,
        operator: Any = None,
        *,
        output: Output = None,
        activation: str | None = None,
        front_end: Callable[[Any], Any] | None = None,
        differentiable: bool = False,
    ):
        check_choice("activation", activation, ACTIVATIONS)
        if front_end is not None and not callable(front_end):
            raise TypeError(f"front_end must be None or a callable, got {front_end!r}.")
        self._given = operator  # Xplique's own cannot be pickled
        self.operator = check_operator(operator)
        self.of_outputs = of_outputs(self.operator)
        self.output = output
        self.activation = activation
        self.structure: Structure | None = None
        self.framework = _framework(model, self.operator, differentiable)
        self.wraps_channels_first: bool | None = None
        if self.framework == "torch" and isinstance(model, TorchWrapper):
            self.wraps_channels_first, model = model.channel_first, model.model
        self.model = model
        self._most_compared = 0
        self._weight = _first_floating(model) if self.framework == "torch" else None
        self._runner = self.backend.runner(model, front_end)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "operator"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self.operator = check_operator(self._given)
        self.of_outputs = of_outputs(self.operator)

    def called_with(self, structure: Structure | None) -> Model:
        """The same model, called with several inputs."""
        if structure == self.structure:
            return self
        found = copy.copy(self)
        found.structure = structure
        found._runner = self.backend.runner(self.model, self.front_end)
        return found

    @property
    def backend(self) -> Backend:
        """The backend that runs the model."""
        return load_backend(self.framework)

    @property
    def front_end(self) -> Callable[[Any], Any] | None:
        """What stands between the inputs and the model."""
        return self._runner.front_end

    @property
    def weighs(self) -> bool:
        """Whether targets weigh the outputs, one for one."""
        return self.of_outputs in WEIGH

    @property
    def seeks_boxes(self) -> bool:
        """Whether targets are boxes."""
        return self.of_outputs in DETECTION.values()

    @property
    def takes_labels(self) -> bool:
        """Whether a label can stand for a target."""
        return self.of_outputs is predictions

    @property
    def output_shape(self) -> tuple[int | None, ...] | None:
        """The shape of the outputs, N first, where a Keras model has it without being run."""
        known = is_keras(self.model) and self.structure is None and self.output is None
        shape: Any = getattr(self.model, "output_shape", None) if known else None
        told = isinstance(shape, tuple) and all(isinstance(s, (int, type(None))) for s in shape)
        return (None, *shape[1:]) if told else None

    @property
    def half(self) -> str | None:
        """The type of less than single precision in which the model computes now, if it does."""
        name = getattr(self.model, "compute_dtype", "")
        if self.framework == "torch" and not is_keras(self.model):
            torch, weight = sys.modules["torch"], self._weight
            name = "" if weight is None else str(weight.dtype)
            device = "cpu" if weight is None else weight.device.type
            if torch.is_autocast_enabled(device):
                name = str(torch.get_autocast_dtype(device))
        return next((half for half in RESOLUTIONS if name in (half, f"torch.{half}")), None)

    def native(self, values: Any) -> Tensor:
        """Values as a tensor of at least single precision, where the model runs."""
        if self.framework != "torch":
            values = on_host(values)
        elif isinstance(values, np.ndarray):
            values = np.require(values, requirements=["C", "W"])  # tensors share arrays
            values = values.copy() if min(values.strides, default=0) < 0 else values
        tensor = self.backend.asarray(values)
        if self._weight is None:
            return self.backend.widened(tensor)
        import torch

        dtype = torch.promote_types(self._weight.dtype, torch.float32)
        return tensor.to(device=self._weight.device, dtype=dtype)

    def seen(self, x: Tensor) -> Tensor:
        """What the model sees of inputs: these, or what the front end makes of them."""
        return self._runner.seen(own_copy(x))

    def scores(self, x: Tensor, y: Tensor, *held: Tensor) -> Tensor:
        """The scores (N,) of inputs, for their targets."""
        return self._compared(self._scored, x, y, *held)[0]

    def gradients(self, x: Tensor, y: Tensor, *held: Tensor) -> tuple[Tensor, ...]:
        """The gradients of the scores with respect to x, and to what a front end makes of it."""
        return self.scores_and_gradients(x, y, *held)[1]

    def scores_and_gradients(
        self, x: Tensor, y: Tensor, *held: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Both, from one forward pass."""

        def both(*rows: Tensor) -> tuple[Tensor, ...]:
            scores, gradients = self._runner.differentiate(self._score, *rows)
            check_scores(scores.shape, len(rows[0]))
            return scores, *gradients

        scores, *gradients = self._compared(both, x, y, *held)
        return scores, tuple(gradients)

    def outputs(self, x: Tensor, *held: Tensor) -> Tensor:
        """The outputs (N, ...) of inputs, of at least single precision."""
        evaluate = self._runner.evaluate
        return self._filled(lambda *rows: (evaluate(self._outputs, *rows),), x, *held)[0]

    def _scored(self, *rows: Tensor) -> tuple[Tensor]:
        scores = self._runner.evaluate(self._score, *rows)
        check_scores(scores.shape, len(rows[0]))
        return (scores,)

    def _compared(self, function: Callable[..., tuple[Tensor, ...]], *rows: Tensor) -> Any:
        """`_filled`; the first times, the scores are compared to that of the first row alone."""
        seen = min(len(rows[0]), 2)
        eager = self.framework != "tensorflow" or tf.executing_eagerly()
        if seen <= self._most_compared or not eager:
            return self._filled(function, *rows)
        first = self._alone(0, *rows)  # what does not fit shows before there is more work
        found = self._filled(function, *rows)
        self._most_compared = seen
        self._warn_unless_steady(first, self.backend.to_numpy(found[0]), *rows)
        return found

    def _alone(self, place: int, *rows: Tensor) -> float:
        """The score of one row, without the others."""
        part = (row[place : place + 1] for row in rows)
        return float(self.backend.to_numpy(self._filled(self._scored, *part)[0])[0])

    def _warn_unless_steady(self, alone: float, together: np.ndarray, *rows: Tensor) -> None:
        """Warn of scores that depend on chance or on the batch, unless a second look is steady."""
        rounding = 1e-3 if self.half is None else 1e-2  # more is no rounding
        size, finite = np.abs(together).max(), np.isfinite([alone, *together]).all()
        if not finite or abs(alone - together[0]) <= rounding * size:
            return
        size = max(abs(alone), size)
        if self.of_outputs is not None:  # small scores may be differences of large outputs
            x, _, *held = (row[:1] for row in rows)
            size = max(size, np.abs(self.backend.to_numpy(self.outputs(x, *held))).max())
        again, least = self._alone(0, *rows), rounding * size
        if abs(again - alone) > least:
            warn(
                f"The model's scores depend on chance: asked twice, the same input has {alone:.4g} "
                f"and {again:.4g}. An explanation is that of one draw among many, and its noise; "
                "turn off what draws, such as dropout."
            )
        elif len(together) > 1 and all(
            abs(self._alone(place, *rows) - together[place]) > 10 * least for place in (0, 1)
        ):
            warn(
                f"The model's scores depend on the rest of the batch: the same input has "
                f"{alone:.4g} alone and {together[0]:.4g} among {len(together)}. Let the model use "
                "its running statistics, or explain with batch_size=1."
            )

    def _filled(self, function: Callable[..., tuple[Tensor, ...]], *rows: Tensor) -> Any:
        """A function of rows, as many at once as the model takes if that is fixed."""
        count, backend = len(rows[0]), self.backend
        shape = input_shape(self.model)
        size = (shape and shape[0]) or count
        if size == count:
            return function(*rows)
        parts = []
        for start in range(0, count, size):
            places = np.minimum(np.arange(start, start + size), count - 1)
            found = self._filled(function, *(backend.rows(row, places) for row in rows))
            parts.append([tensor[: count - start] for tensor in found])
        return tuple(backend.concat(tensors, 0) for tensors in zip(*parts, strict=True))

    def _score(self, seen: Tensor, y: Tensor, *held: Tensor) -> Tensor:
        if self.of_outputs is None:
            return self._widened(self._operated(seen, y, held))
        outputs = self._outputs(seen, *held)
        if self.weighs:
            check_meeting(outputs.shape, y.shape)
        return self.of_outputs(self.backend, outputs, self.backend.asarray(y, like=outputs))

    def _operated(self, seen: Tensor, y: Tensor, held: tuple[Tensor, ...]) -> Tensor:
        if self.framework == "numpy":
            seen, y = (tf.constant(values) for values in (seen, y))
        if isinstance(self.model, TorchWrapper):
            from .backends.torch_runner import check_modes

            check_modes(self.model.model)
        raw = self.output is None and self.activation is None
        is_bare = raw and not held and not is_keras(self.model)
        scores = self.operator(self.model if is_bare else _Net(self, held, raw), seen, y)
        if not hasattr(scores, "shape") or is_torch_tensor(scores) != (self.framework == "torch"):
            raise TypeError(
                f"operator must give one score for each input, as a tensor of {self.backend.name}; "
                f"got {type(scores).__name__}."
            )
        return scores

    def _outputs(self, seen: Tensor, *held: Tensor) -> Tensor:
        outputs = self._widened(pick_output(self._call(seen, held), self.output))
        if len(outputs.shape) == 1:
            outputs = outputs[:, None]
        if self.activation is None:
            return outputs
        return getattr(self.backend, self.activation)(outputs)

    def _widened(self, values: Any) -> Tensor:
        return self.backend.widened(on_host(values) if self.framework == "numpy" else values)

    def _call(self, seen: Tensor, held: tuple[Tensor, ...]) -> Any:
        """What the model gives for native tensors, in inference mode."""
        model, values = self.model, [*held]
        keys, place = self.structure or (None, 0)
        values.insert(place, seen)
        if is_keras(model):
            several = values if keys is None else dict(zip(keys, values, strict=True))
            return model(seen if self.structure is None else several, training=False)
        if self.framework == "torch":
            return _call_torch(model, values, keys)
        if isinstance(model, tf.lite.Interpreter):
            return _interpret(model, *values)
        if keys is None and isinstance(model, tf.Module) and not isinstance(model, TorchWrapper):
            values = _as_signed(model, values)
        return _passed(getattr(model, "predict_proba", model), values, keys)

    def channels(self) -> Channels:
        """What the model tells of the channels that it takes."""
        if self.front_end is not None or self.structure is not None:
            return Channels()  # they are taken as they come
        if self.framework == "torch" and not is_keras(self.model):
            convolution = next(filter(_convolves, _modules(self.model)), None)
            first = self.wraps_channels_first
            if first is None and convolution is not None:
                first = True
            return Channels(first, getattr(convolution, "in_channels", None))
        if not is_keras(self.model):
            return Channels(False if isinstance(self.model, TorchWrapper) else None)
        shape = input_shape(self.model)
        for layer in layers_of(self.model):
            kernel = getattr(layer, "kernel", getattr(layer, "depthwise_kernel", None))
            if getattr(layer, "data_format", None) is not None and kernel is not None:
                taken = kernel.shape[-1 if "Transpose" in type(layer).__name__ else -2]
                return Channels(layer.data_format == "channels_first", taken, shape)
        return Channels(shape=shape)


class _Net:
    """A model as an operator calls it: in inference mode, what is held with it, one output."""

    def __init__(self, owner: Model, held: tuple[Tensor, ...], raw: bool):
        self._owner, self._held, self._raw = owner, held, raw

    def __call__(self, seen: Tensor) -> Any:
        if self._raw:
            return self._owner._call(seen, self._held)
        return self._owner._outputs(seen, *self._held)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._owner.model, name)


def pick_output(outputs: Any, output: Output) -> Any:
    """One of a model's outputs."""
    if callable(output):
        return output(outputs)
    is_mapping, entries = isinstance(outputs, Mapping), _entries(outputs)
    if output is not None:
        is_object = entries is None or (not is_mapping and hasattr(outputs, "_fields"))
        try:
            if isinstance(output, str) and is_object:
                return getattr(outputs, output)
            return outputs[output]
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(
                f"output={output!r} is not among the model's outputs, {_listed(outputs)}."
            ) from error
    if not is_mapping and hasattr(outputs, "shape") and hasattr(outputs, "dtype"):
        return outputs
    logits = outputs.get("logits") if is_mapping else getattr(outputs, "logits", None)
    if logits is not None:
        return logits
    if entries is None:
        raise TypeError(
            f"The model gives no tensor, but a {type(outputs).__name__}; output= picks one."
        )
    parts = list(entries.values())
    if len(parts) == 1 and hasattr(parts[0], "shape"):
        return parts[0]
    if parts and all(np.ndim(part) < 2 and not hasattr(part, "shape") for part in parts):
        return np.asarray(outputs)  # lists of numbers
    raise ValueError(
        f"The model gives several outputs, {_listed(outputs)}: output= chooses one of them, by "
        "its key or index, or by a function."
    )


def _entries(outputs: Any) -> dict[Any, Any] | None:
    """Several outputs by key or index; None where they are told apart by attributes alone."""
    if isinstance(outputs, Mapping):
        return dict(outputs)
    return dict(enumerate(outputs)) if isinstance(outputs, (tuple, list)) else None


def _listed(outputs: Any) -> str:
    entries = _entries(outputs)
    if entries is None:
        return f"those of a {type(outputs).__name__}"
    return ", ".join(
        f"{key!r} of shape {tuple(value.shape)}" if hasattr(value, "shape") else repr(key)
        for key, value in entries.items()
    )


def is_torch_tensor(x: Any) -> bool:
    """Whether `x` is a PyTorch tensor; imports nothing."""
    return "torch" in sys.modules and isinstance(x, sys.modules["torch"].Tensor)


def own_copy(x: Any) -> Any:
    """A copy that may be overwritten, of what is not TensorFlow's, which nothing overwrites."""
    if is_torch_tensor(x):
        return x.clone()
    return x.copy() if isinstance(x, np.ndarray) else x


def on_host(x: Any) -> np.ndarray:
    """An array or tensor of any framework as an array."""
    return x.detach().cpu().numpy() if is_torch_tensor(x) else np.asarray(x)


def keras_of(model: Any) -> Any:
    """The Keras that made a model: `keras`, `tf_keras`, or None if none did."""
    if isinstance(model, TorchWrapper):
        return None
    for name in ("keras", "tf_keras"):
        module = sys.modules.get(name)
        if module is not None and isinstance(model, (module.Model, module.layers.Layer)):
            return module
    return None


def is_keras(model: Any) -> bool:
    """Whether `model` is a model or layer of Keras, whatever runs it."""
    return keras_of(model) is not None


def _framework(model: Any, operator: Any, differentiable: bool) -> str:
    """What runs a model: its own framework, or else that in which its operator is written."""
    found, native = _own_framework(model), of_outputs(operator) is not None
    if found in ("numpy", None):
        models = "a Keras model, tf.Module, TorchWrapper or torch.nn.Module"
        if native and differentiable:
            raise TypeError(
                f"A white-box method needs gradients, which a {type(model).__name__} does not "
                f"give: expected {models}."
            )
        if native and found is None:
            raise TypeError(
                f"model must be {models}, a TFLite interpreter, an object with predict_proba or a "
                f"callable, got {type(model).__name__}."
            )
        return "tensorflow" if differentiable else "numpy"
    if found == "torch" and not native:
        if isinstance(model, TorchWrapper):
            return "tensorflow"
        if getattr(operator, "__module__", "").startswith("xplique."):
            raise ValueError(
                "This operator of Xplique is written in TensorFlow: hand in a TorchWrapper of the "
                "module, or an operator g(model, inputs, targets) in PyTorch."
            )
    return str(found)


def _own_framework(model: Any) -> str | None:
    """The framework of a model; "numpy" for a callable, None for what is no model."""
    keras = keras_of(model)
    if keras is not None and keras.__name__ == "keras":
        own = keras.config.backend()
        if own not in ("tensorflow", "torch"):
            raise TypeError(
                f"Keras runs this model on {own}, which is not supported: set KERAS_BACKEND to "
                "tensorflow or torch before keras is imported."
            )
        return own
    is_module = "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module)
    if is_module or isinstance(model, TorchWrapper):
        return "torch"
    if keras is not None or isinstance(model, tf.Module):
        return "tensorflow"
    if type(model).__name__ == "ExportedProgram":
        raise TypeError("model is an ExportedProgram, which does not run: hand in model.module().")
    is_lite = isinstance(model, tf.lite.Interpreter)
    return "numpy" if is_lite or callable(getattr(model, "predict_proba", model)) else None


def _passed(call: Callable[..., Any], values: list[Any], keys: tuple[str, ...] | None) -> Any:
    return call(*values) if keys is None else call(**dict(zip(keys, values, strict=True)))


def _call_torch(model: Any, values: list[Any], keys: tuple[str, ...] | None) -> Any:
    weight = _first_floating(model)
    if weight is not None and weight.dtype.itemsize < 4:
        values = [t.to(weight.dtype) if t.is_floating_point() else t for t in values]
    try:
        return _passed(model, values, keys)
    except RuntimeError as error:
        unfit = _UNFIT.search(str(error))
        if unfit is None:
            raise
        shapes = ", ".join(str(tuple(t.shape)) for t in values)
        message = f"inputs of shape {shapes} do not fit the model: {unfit[0]}."
        raise ValueError(message) from error


def input_shape(model: Any) -> tuple[int | None, ...] | None:
    """The shape of its inputs, N first, as far as a model tells it; None in place of free sizes."""
    shape: Any = None
    if is_keras(model):
        shape = getattr(model, "input_shape", None)
    elif type(model).__name__ == "GraphModule":
        nodes = (node for node in model.graph.nodes if node.op == "placeholder")
        shapes = (getattr(node.meta.get("val"), "shape", None) for node in nodes)
        shape = next(filter(None, shapes), None)
    elif isinstance(model, tf.Module) and callable(model):
        signatures = (getattr(one, "input_signature", None) for one in (model.__call__, model))
        signature = next(filter(None, signatures), None)
        shape = signature[0].shape if signature and signature[0].shape.rank else None
    elif type(model).__name__ == "Sequential" and len(model):
        return input_shape(model[0])
    elif type(model).__name__ in ("Conv1d", "Conv2d", "Conv3d"):
        shape = (None, model.in_channels, *(None for _ in model.kernel_size))
    if not isinstance(shape, (tuple, tf.TensorShape)):
        return None
    return tuple(size if isinstance(size, int) else None for size in shape) or None


def _interpret(interpreter: Any, x: np.ndarray) -> np.ndarray:
    """The outputs of a TFLite model."""
    interpreter.resize_tensor_input(0, x.shape, strict=False)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    interpreter.set_tensor(details["index"], x.astype(details["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _as_signed(model: Any, arguments: list[Any]) -> list[Any]:
    """Tensors in the types that a `tf.Module` with a signature takes."""
    call = model.__call__ if callable(model) else None
    signature = getattr(call, "input_signature", None)
    if signature is None:
        traced = getattr(call, "concrete_functions", None) or [None]
        inner = getattr(traced[0], "structured_input_signature", ((),))[0]
        signature = inner if len(inner) == len(arguments) else None
    if signature is None:
        return arguments
    return [
        tf.cast(value, getattr(spec, "dtype", value.dtype))
        for value, spec in zip(arguments, signature, strict=False)
    ]


def _first_floating(module: Any) -> Any:
    """A tensor of a PyTorch module's device and dtype; None if it holds none."""
    parts, kinds = _modules(module), ("parameters", "buffers")
    tensors = (t for kind in kinds for part in parts for t in getattr(part, kind)(recurse=False))
    return next((tensor for tensor in tensors if tensor.is_floating_point()), None)


def _modules(module: Any) -> list[Any]:
    from .backends.torch_runner import modules

    return list(modules(module).values())


def _convolves(module: Any) -> bool:
    """Whether a PyTorch module is a convolution, scripted ones too, or its graph has one."""
    torch = sys.modules["torch"]
    if isinstance(module, torch.fx.GraphModule):
        return any("conv" in str(node.target) for node in module.graph.nodes)
    if "Conv" in getattr(module, "original_name", ""):
        return True
    if isinstance(module, torch.jit.ScriptModule):
        return not list(module.children()) and "conv" in str(getattr(module, "inlined_graph", ""))
    return isinstance(module, torch.nn.modules.conv._ConvNd)


def layers_of(model: Any) -> Iterator[Any]:
    """The layers of a Keras model, and of the models in it."""
    for layer in getattr(model, "layers", ()):
        yield from (layers_of(layer) if hasattr(layer, "layers") else (layer,))


def fits(shape: Any, taken: Any) -> bool:
    """Whether a shape is one that is taken, whatever N, as far as sizes are known."""
    pairs = zip(shape[1:], taken[1:], strict=False)
    return len(shape) == len(taken) and all(None in pair or pair[0] == pair[1] for pair in pairs)


def check_meeting(outputs: Any, targets: Any) -> None:
    """Check that targets weigh the outputs, one for one."""
    if not fits((None, *targets), (None, *outputs)):  # N counts, too
        raise ValueError(
            "targets must be one-hot classes (or regression directions) of shape "
            f"{('N', *outputs[1:])}, as the model's outputs, or labels (N,); got shape "
            f"{tuple(targets)}."
        )


def cut_at_layer(model: Any, output_layer: str | int | None) -> Any:
    """The Keras model that ends at a layer."""
    if output_layer is None:
        return model
    keras = keras_of(model)
    if keras is None:
        raise TypeError(
            f"output_layer={output_layer!r} needs a Keras model, got {type(model).__name__}; for "
            "PyTorch, hand in a module that ends where you want."
        )
    name, _, rest = output_layer.partition("/") if isinstance(output_layer, str) else ("", "", "")
    place: Any = name if rest else output_layer
    try:
        if isinstance(place, bool):
            raise TypeError
        by_name = isinstance(place, str)
        layer = model.get_layer(place) if by_name else model.layers[operator_index(place)]
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        names = [layer.name for layer in getattr(model, "layers", ())]
        raise ValueError(f"output_layer={output_layer!r} is not among {names}.") from error
    # Of the calls of a layer, those that belong to a functional model, in their order.
    by_depth = getattr(getattr(model, "_functional", None) or model, "_nodes_by_depth", None) or {}
    within = {id(node) for nodes in by_depth.values() for node in nodes}
    nodes = [node for node in getattr(layer, "_inbound_nodes", ()) if id(node) in within]
    if not nodes:
        instead = "hand in a functional model, or one that ends where you want."
        if type(model).__name__ == "Sequential":
            instead = "call it on inputs first, or give it an Input."
        raise ValueError(
            f"output_layer={output_layer!r} cannot be reached: a {type(model).__name__} does not "
            f"tell what stands before its layers; {instead}"
        )
    if len(nodes) > 1:
        warn(f"output_layer={output_layer!r} is used {len(nodes)} times; its last output is taken.")
    if not rest:
        return keras.Model(model.inputs, tf.nest.flatten(nodes[-1].output_tensors)[0])
    inner = cut_at_layer(layer, int(rest) if rest.lstrip("-").isdecimal() else rest)
    return keras.Model(model.inputs, inner(nodes[-1].input_tensors))
