"""Check and arrange what a user hands to an explainer, before any heavy work starts."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from ..backends import Backend
from . import models


@dataclass(frozen=True)
class Layout:
    """
    Which axes of the inputs are space, and which holds the channels.

    Parameters
    ----------
    spatial_axes
        Axes that are transformed: T, or H and W, or D, H and W.
    channel_axis
        Axis of the channels, None where there is none.
    moved
        Whether the channels were last as the inputs were given, and are no more.
    """

    spatial_axes: tuple[int, ...]
    channel_axis: int | None
    moved: bool = False

    @classmethod
    def of(cls, shape: tuple[int, ...], channels_first: bool, ndim: int | None = None) -> Layout:
        """
        The layout of inputs (N, T), (N, T, W), (N, H, W, C) or (N, D, H, W, C).

        With `ndim` spatial axes given, images (N, H, W) and volumes (N, D, H, W) as well.

        Raises
        ------
        ValueError
            If inputs of `shape` are none of these.
        """
        rank = len(shape)
        if ndim is None:
            if not 2 <= rank <= 5:
                raise ValueError(
                    "inputs must be signals (N, T) or (N, T, W), images (N, H, W, C) or volumes "
                    f"(N, D, H, W, C), got shape {tuple(shape)}."
                )
            ndim = max(rank - 2, 1)
        elif rank - ndim not in (1, 2):
            raise ValueError(
                f"inputs with ndim={ndim} must have {ndim + 1} axes, or {ndim + 2} with channels, "
                f"got shape {tuple(shape)}."
            )
        if rank == 1 + ndim:
            return cls(tuple(range(1, rank)), None)
        if channels_first:
            return cls(tuple(range(2, rank)), 1)
        return cls(tuple(range(1, rank - 1)), rank - 1)

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.spatial_axes)

    @property
    def channels_first(self) -> bool:
        """Whether the channels stand before the spatial axes."""
        return self.channel_axis == 1

    def to_channels_last(self, array: np.ndarray) -> np.ndarray:
        """Put the channels last."""
        return np.moveaxis(array, 1, -1) if self.channels_first else array

    def with_channels(self, array: np.ndarray) -> np.ndarray:
        """An array over the spatial axes, with an axis of size 1 for the channels."""
        if self.channel_axis is None:
            return array
        return np.expand_dims(array, self.channel_axis - 1)

    def shape_channels_last(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """`shape` with the channels last."""
        return self.to_channels_last(np.broadcast_to(False, shape)).shape


def is_torch_tensor(x: Any) -> bool:
    """Whether `x` is a PyTorch tensor; imports nothing."""
    return "torch" in sys.modules and isinstance(x, sys.modules["torch"].Tensor)


def prepare(
    inputs: Any,
    targets: Any,
    model: Any,
    operator: Any,
    backend: Backend,
    front_end: Any = None,
    ndim: int | None = None,
) -> tuple[Any, Any, Layout]:
    """
    Check inputs and targets, and bring them to where the model runs.

    Parameters
    ----------
    inputs, targets
        As a user hands them to an explainer.
    model
        The model as it was given.
    operator
        Operator of the explainer.
    backend
        Backend that runs the model; NumPy's for a callable.
    front_end
        What the inputs go through before the model; it takes their axes as they come.
    ndim
        Number of spatial axes; None where the shape tells.

    Returns
    -------
    x, y
        Native tensors.
    layout
        Layout of x.

    Raises
    ------
    ValueError, TypeError
        If inputs, targets and model do not fit together, or are not finite.
    """
    x, y = sanitize(inputs, targets, model)
    if is_torch_tensor(x) and backend.name == "tensorflow":
        raise TypeError("inputs are PyTorch tensors, but the model runs in TensorFlow.")
    layout = Layout.of(x.shape, is_torch_tensor(x), ndim)
    if operator in models.NATIVE_OPERATORS:
        if front_end is None and models.is_keras(model):
            check_shape(x.shape, getattr(model, "input_shape", None))
        check_targets(y, models.output_shape(model, x.shape))
    if operator is models.semantic_segmentation_operator:
        check_zone(y)
    if backend.name == "torch":
        first = front_end is None and models.takes_channels_first(model)
        x, y, layout = _to_torch(x, y, layout, first, models.torch_module(model, operator), backend)
    else:
        x, y = (backend.asarray(_on_host(values)) for values in (x, y))
    for name, values in {"inputs": x, "targets": y}.items():
        if not backend.all_finite(values):
            raise ValueError(f"{name} must be finite, got NaN or infinite values.")
    return x, y, layout


def check_baselines(value: Any) -> None:
    """
    Check a baseline, or a set of them.

    Raises
    ------
    TypeError
        If they are no real numbers.
    ValueError
        If they are not finite, or there are none.
    """
    if isinstance(value, (list, tuple)) and value:
        for one in value:
            check_baselines(one)
        return
    if isinstance(value, (bool, str)) or value is None:
        raise TypeError(f"baseline_value must be a number or an array of numbers, got {value!r}.")
    array = np.asarray(_on_host(as_numbers("baseline_value", value)))
    if not array.size or not np.isfinite(array).all():
        raise ValueError(f"baseline_value must be finite numbers, at least one, got {value!r}.")


def as_baselines(value: Any, x: Any, layout: Layout, backend: Backend) -> list[Any]:
    """
    The baselines that a user gives, as numbers, or as native tensors of one input or of all.

    Parameters
    ----------
    value
        A number, an array of one input's shape or of the inputs' shape, or a set of the former two:
        a list, or an array with one more axis before those of an input.
    x
        Native inputs.
    layout
        Their layout.
    backend
        Their backend.

    Returns
    -------
    baselines
        One for each path.

    Raises
    ------
    ValueError
        If an array has none of these shapes.
    """
    shape = layout.shape_channels_last(tuple(x.shape)) if layout.moved else tuple(x.shape)

    def native(array: Any) -> Any:
        array = np.moveaxis(array, -1, 1) if layout.moved else array
        return backend.asarray(_writable(array), x)

    if np.isscalar(value):
        return [float(value)]  # type: ignore[arg-type]
    if isinstance(value, (list, tuple)):
        return [baseline for one in value for baseline in as_baselines(one, x, layout, backend)]
    array = np.asarray(_on_host(as_numbers("baseline_value", value)))
    if array.shape in ((), shape[1:]):
        return [native(np.broadcast_to(array, shape[1:])[np.newaxis])]
    if array.shape == shape:
        return [native(array)]
    if array.shape[1:] == shape[1:]:
        return [native(one[np.newaxis]) for one in array]
    raise ValueError(
        f"baseline_value must be a number, or of the shape of one input, {shape[1:]}, of all, "
        f"{shape}, or of a set of baselines, {('B', *shape[1:])}; got shape {array.shape}."
    )


def front_end_shape(front_end: Any, x: Any, backend: Backend) -> tuple[int, ...]:
    """
    The shape, without N, of a front end's outputs.

    Raises
    ------
    TypeError
        If it gives no tensor of the backend's framework.
    ValueError
        If it does not give one output for each input.
    """
    seen = front_end(x[:1])
    if not isinstance(seen, type(x)):
        raise TypeError(
            f"front_end must be differentiable: a function of {backend.name}'s tensors that gives "
            f"one, got {type(seen).__name__}."
        )
    if len(seen.shape) < 2 or seen.shape[0] != 1:
        raise ValueError(
            f"front_end must give one output for each input, got shape {tuple(seen.shape)} for "
            f"inputs of shape {tuple(x[:1].shape)}."
        )
    return tuple(seen.shape[1:])


def as_given(pixels: np.ndarray, inputs: Any) -> Any:
    """A map, channels last, as the kind of tensor that the inputs were given as."""
    if not is_torch_tensor(inputs):
        return tf.convert_to_tensor(pixels)
    if pixels.ndim > 2:
        pixels = np.moveaxis(pixels, -1, 1)
    torch = sys.modules["torch"]
    return torch.as_tensor(np.ascontiguousarray(pixels), device=inputs.device)


def sanitize(inputs: Any, targets: Any, model: Any) -> tuple[Any, Any]:
    """
    Inputs and targets as float arrays, checked.

    Parameters
    ----------
    inputs
        Array, tensor, list, or `tf.data.Dataset` of inputs and targets, batched or not.
    targets
        Array, tensor or list; None with a dataset.
    model
        The model; tells whether a dataset is batched.

    Returns
    -------
    inputs, targets
        NumPy arrays, or PyTorch tensors where `inputs` is one (its targets may still be NumPy's).

    Raises
    ------
    ValueError
        If the inputs are empty, or the targets are not as many.
    TypeError
        If the inputs or targets do not hold numbers.
    """
    if isinstance(inputs, tf.data.Dataset):
        if targets is not None:
            raise ValueError("targets must be None when inputs is a dataset, which holds them.")
        inputs, targets = _unpack(inputs, model)
    if targets is None:
        raise ValueError("targets must be given: one-hot classes of shape (N, classes).")
    inputs, targets = as_numbers("inputs", inputs), as_numbers("targets", targets)
    if is_torch_tensor(targets) and not is_torch_tensor(inputs):
        targets = targets.cpu().numpy()
    if not inputs.shape or not all(inputs.shape):
        raise ValueError(f"inputs must not be empty, got shape {tuple(inputs.shape)}.")
    if not targets.shape or len(targets) != len(inputs):
        raise ValueError(
            f"targets must be one for each of the {len(inputs)} inputs, got shape "
            f"{tuple(targets.shape)}. If {tuple(inputs.shape)} is the shape of one input, add the "
            "axis N: inputs[np.newaxis]."
        )
    return inputs, targets


def check_shape(shape: tuple[int, ...], taken: Any) -> None:
    """
    Check that a Keras model takes inputs of a shape.

    Parameters
    ----------
    shape
        Shape of the inputs.
    taken
        The model's input shape where it has one, None in place of sizes that it leaves open.

    Raises
    ------
    ValueError
        If it takes other sizes, or another number of channels.
    """
    same_rank = isinstance(taken, tuple) and len(taken) == len(shape)
    if same_rank and any(t not in (None, s) for t, s in zip(taken[1:], shape[1:], strict=True)):
        raise ValueError(
            f"inputs of shape {tuple(shape)} do not fit the model, which takes {('N', *taken[1:])}."
        )


def check_zone(targets: Any) -> None:
    """
    Check that each target of a segmentation has a zone of interest.

    Raises
    ------
    ValueError
        If one is zero everywhere: a mean over nothing.
    """
    empty = [i for i, target in enumerate(targets) if not (target != 0).any()]
    if empty:
        raise ValueError(f"targets must have a zone that is not zero; those at {empty} have none.")


def check_targets(targets: Any, output_shape: tuple[int | None, ...] | None) -> None:
    """
    Check that the targets weigh the model's outputs.

    Parameters
    ----------
    targets
        Targets, N first.
    output_shape
        Shape of the model's outputs where it is known, None in place of unknown sizes.

    Raises
    ------
    ValueError
        If the targets are no one-hot classes (or regression directions) of the outputs' shape.
    """
    shape = tuple(targets.shape)
    expected = "(N, classes)" if output_shape is None else ("N", *output_shape[1:])
    fits = len(shape) >= 2 and (
        output_shape is None
        or (
            len(shape) == len(output_shape)
            and all(o in (None, s) for o, s in zip(output_shape[1:], shape[1:], strict=True))
        )
    )
    if not fits:
        raise ValueError(
            f"targets must be one-hot classes (or regression directions) of shape {expected}, "
            f"got shape {shape}; tf.one_hot makes them from labels."
        )


def _unpack(dataset: tf.data.Dataset, model: Any) -> tuple[np.ndarray, np.ndarray]:
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise ValueError(f"A dataset must hold pairs of inputs and targets, got {spec}.")
    rank = spec[0].shape.rank
    shape = getattr(model, "input_shape", None)
    batched = rank == len(shape) if isinstance(shape, tuple) else is_batched(dataset)
    pairs = list((dataset.unbatch() if batched else dataset).as_numpy_iterator())
    if not pairs:
        raise ValueError("inputs must not be empty, got an empty dataset.")
    inputs, targets = zip(*pairs, strict=True)
    return np.stack(inputs), np.stack(targets)


def is_batched(dataset: tf.data.Dataset) -> bool:
    """Whether `dataset`, or one that it wraps, makes batches; TensorFlow has no public answer."""
    while dataset is not None and "Unbatch" not in type(dataset).__name__:
        if hasattr(dataset, "_batch_size"):
            return True
        dataset = getattr(dataset, "_input_dataset", None)
    return False


def as_numbers(name: str, values: Any) -> Any:
    """
    An argument as a float array, or as the PyTorch tensor that it is.

    Raises
    ------
    TypeError
        If it holds no real numbers.
    """
    if is_torch_tensor(values) and not values.is_complex():
        return values.detach()
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufV":
            raise TypeError
        return np.asarray(array, np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name} must be an array of real numbers that fit float32, got a "
            f"{type(values).__name__} of dtype {getattr(values, 'dtype', 'unknown')}."
        ) from error


def _to_torch(
    x: Any, y: Any, layout: Layout, channels_first: bool, module: Any, backend: Backend
) -> tuple[Any, Any, Layout]:
    """Tensors on the module's device, with their channels where it takes them."""
    if channels_first and layout.channel_axis is not None and not is_torch_tensor(x):
        y = np.moveaxis(y, -1, 1) if y.ndim == x.ndim else y
        x = np.moveaxis(x, -1, 1)
        layout = replace(Layout.of(x.shape, True, layout.ndim), moved=True)
    weight = _first_floating(module)
    return backend.asarray(_writable(x), weight), backend.asarray(_writable(y), weight), layout


def _on_host(x: Any) -> Any:
    return x.cpu().numpy() if is_torch_tensor(x) else x


def _writable(x: Any) -> Any:
    """An array that PyTorch can share; views of TensorFlow's tensors are read-only."""
    return np.require(x, requirements=["C", "W"]) if isinstance(x, np.ndarray) else x


def _first_floating(module: Any) -> Any:
    """A tensor of the module's device and dtype; None if it holds none."""
    tensors = (*module.parameters(), *module.buffers())
    return next((tensor for tensor in tensors if tensor.is_floating_point()), None)
