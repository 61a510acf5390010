"""What a user hands in, as inputs and targets in the tensors of the model's framework."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from .backends import Backend, Tensor, get_backend
from .batches import gather
from .checks import check_choice, check_ndim, check_whole
from .model import (
    Channels,
    Model,
    Structure,
    check_meeting,
    fits,
    input_shape,
    is_keras,
    is_torch_tensor,
    on_host,
)
from .operators import semantic_segmentation
from .per_input import BLOCK

CHANNELS = ("first", "last")
FEW = 4
"""Channels of an image, at most; an axis of more is not taken for them without being told."""


@dataclass(frozen=True)
class Layout:
    """Which axes of the inputs are space, and which holds the channels."""

    spatial_axes: tuple[int, ...]
    channel_axis: int | None  # None where there is none

    @classmethod
    def of(cls, shape: tuple[int, ...], channels_first: bool, ndim: int | None = None) -> Layout:
        """The layout of inputs (N, T), (N, T, W), (N, H, W, C) or (N, D, H, W, C). With `ndim`
        spatial axes given, images (N, H, W) and volumes (N, D, H, W) as well."""
        rank = len(shape)
        if ndim is None and not 2 <= rank <= 5:
            raise ValueError(
                "inputs must be signals (N, T) or (N, T, W), images (N, H, W, C) or volumes "
                f"(N, D, H, W, C), got shape {tuple(shape)}."
            )
        ndim = max(rank - 2, 1) if ndim is None else ndim
        if rank - ndim not in (1, 2):
            raise ValueError(
                f"inputs with ndim={ndim} must have {ndim + 1} axes, or {ndim + 2} with channels, "
                f"got shape {tuple(shape)}."
            )
        channel_axis = None if rank == 1 + ndim else 1 if channels_first else rank - 1
        return cls(tuple(axis for axis in range(1, rank) if axis != channel_axis), channel_axis)

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


@dataclass(frozen=True)
class Question:
    """What is asked of a model: the scores of inputs such as these, for their targets."""

    model: Model
    inputs: Inputs  # all of them
    rows: slice  # which of them these are
    x: Tensor
    y: Tensor  # numbers (N,), which stand for targets and what is held
    targets: Tensor
    held: tuple[Tensor, ...]

    @property
    def layout(self) -> Layout:
        """The layout of x."""
        return self.inputs.layout

    @property
    def backend(self) -> Backend:
        """The backend of all tensors."""
        return self.model.backend

    def asked(self, model: Model) -> Question:
        """The same, asked of another model."""
        return replace(self, model=model)

    def scores(self, x: Tensor, y: Tensor) -> Tensor:
        """The scores (N,) of perturbed inputs, of the numbers y."""
        return self.model.scores(x, *self._rows(y))

    def gradients(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        """Their gradients with respect to x, and to what a front end makes of it."""
        return self.model.gradients(x, *self._rows(y))

    def scores_and_gradients(self, x: Tensor, y: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Both, from one forward pass."""
        return self.model.scores_and_gradients(x, *self._rows(y))

    def outputs(self, x: Tensor, y: Tensor) -> Tensor:
        """The outputs of the model."""
        return self.model.outputs(x, *self._rows(y)[1:])

    def _rows(self, y: Tensor) -> list[Tensor]:
        return [self.backend.take(rows, y, 0) for rows in (self.targets, *self.held)]


@dataclass(frozen=True)
class Inputs:
    """Inputs and targets as they came, checked; native ones are made block by block."""

    model: Model
    given: tuple[Any, ...]  # the input that is explained, then the others, as they came
    layout: Layout
    move: tuple[int, int] | None  # how the channels go to the model's place: np.moveaxis
    targets: Any = None  # labels as weights; None where nothing is scored

    def __len__(self) -> int:
        return len(self.given[0])

    @property
    def backend(self) -> Backend:
        """The backend of native tensors."""
        return self.model.backend

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all inputs, as they are native."""
        return _moved_shape(tuple(self.given[0].shape), self.move)

    @property
    def shape_channels_last(self) -> tuple[int, ...]:
        """The shape of all inputs, channels last."""
        return self.layout.shape_channels_last(self.shape)

    def __getitem__(self, rows: slice) -> Question:
        """Some of the inputs and their targets as native tensors."""
        rows = slice(*rows.indices(len(self)))
        x, *held = (as_numbers("inputs", value[rows]) for value in self.given)
        x, *held = map(self.model.native, (_moved(x, self.move), *held))
        numbers = self.backend.asindex(np.arange(len(x)), x)
        targets = numbers
        if self.targets is not None:
            own = as_numbers("targets", self.targets[rows])
            is_moved = len(own.shape) == len(x.shape)
            targets = self.model.native(_moved(own, self.move) if is_moved else own)
        return Question(self.model, self, rows, x, numbers, targets, tuple(held))

    def channels_last(self) -> np.ndarray:
        """All inputs as they are native, but in an array with the channels last."""
        return self.layout.to_channels_last(self.backend.to_numpy(self[:].x))

    def value_range(self) -> tuple[float, float]:
        """The lowest and the highest value of all inputs."""
        x = self.given[0]
        return float(x.min()), float(x.max())

    def check(self) -> None:
        """Check, where they are, that all numbers are finite, and that targets weigh something."""
        named = [("inputs", value) for value in self.given]
        named += [] if self.targets is None else [("targets", self.targets)]
        for start in range(0, len(self), BLOCK):
            for name, values in named:
                block = as_numbers(name, values[start : start + BLOCK])
                block = block.float() if is_torch_tensor(block) else block
                if not get_backend(block).all_finite(block):
                    raise ValueError(f"{name} must be finite, got NaN or infinite values.")
                if name == "targets" and (self.model.weighs or self.model.seeks_boxes):
                    self._check_weights(on_host(block), start)

    def _check_weights(self, targets: np.ndarray, start: int) -> None:
        empty = [i for i, target in enumerate(targets, start) if not target.any()]
        if empty and self.model.seeks_boxes:
            raise ValueError(f"targets must hold boxes that are not zero; those at {empty} do not.")
        if empty and self.model.of_outputs is semantic_segmentation:
            raise ValueError(
                f"targets must have a zone that is not zero; those at {empty} have none."
            )
        if empty:
            raise ValueError(
                f"targets must weigh at least one output; those at {empty} are zero everywhere. "
                "Labels 0 and 1, as integers, are the two classes of a model with one output."
            )


def prepare(
    model: Model,
    inputs: Any,
    targets: Any,
    *,
    ndim: int | None = None,
    channels: str | None = None,
    explained: str | int | None = None,
) -> Inputs:
    """Check inputs and targets, as they are to be brought to where the model runs."""
    check_ndim(ndim)
    check_choice("channels", channels, CHANNELS)
    inputs, held, structure = _several(inputs, explained)
    model = model.called_with(structure)
    x = as_numbers("inputs", inputs, cast=False)
    if is_torch_tensor(x) and model.framework == "tensorflow":
        raise TypeError("inputs are PyTorch tensors, but the model runs in TensorFlow.")
    if not x.shape or not all(x.shape):
        raise ValueError(f"inputs must not be empty, got shape {tuple(x.shape)}.")
    layout, move = _layout(tuple(x.shape), is_torch_tensor(x), ndim, channels, model.channels())
    if structure is None and model.front_end is None and model.of_outputs is not None:
        check_shape(_moved_shape(tuple(x.shape), move), model.model)
    found = Inputs(model, (x, *held), layout, move)
    if targets is not None:
        found = replace(found, targets=_targets(found, targets))
    found.check()
    return found


def _targets(inputs: Inputs, targets: Any) -> Any:
    """Targets, of which labels become one-hot."""
    model = inputs.model
    labels = as_labels(targets) if model.takes_labels else None
    found = as_numbers("targets", targets, cast=False) if labels is None else labels
    if not found.shape or len(found) != len(inputs):
        raise ValueError(
            f"targets must be one for each of the {len(inputs)} inputs, got shape "
            f"{tuple(found.shape)}. {_without_n(inputs.shape)}"
        )
    if labels is not None:
        shape: Any = model.output_shape
        if shape is None:
            first = inputs[:1]
            shape = first.outputs(first.x, first.y).shape
        return weights_of(labels, shape[-1])
    if model.weighs and model.output_shape is not None:
        check_meeting(model.output_shape, found.shape)  # else where they meet
    return found


def as_labels(targets: Any) -> np.ndarray | None:
    """Targets as integer labels (N,), or None if they are no labels (N,) or (N, 1)."""
    if isinstance(targets, str) or targets is None:
        return None
    check_whole("targets", targets)
    labels = on_host(targets)
    is_integer = labels.dtype.kind in "iu" and labels.shape in (labels.shape[:1], (labels.size, 1))
    return labels.reshape(-1) if is_integer else None


def weights_of(labels: np.ndarray, classes: int) -> np.ndarray:
    """One-hot classes (N, classes) of labels; of one output, −1 and 1 for the labels 0 and 1."""
    low, high, most = labels.min(), labels.max(), max(classes, 2) - 1
    if low < 0 or high > most:
        raise ValueError(
            f"targets must be labels from 0 to {most}, as the model has {classes} outputs; got "
            f"labels from {low} to {high}."
        )
    if classes == 1:
        return (2 * labels[:, np.newaxis] - 1).astype(np.float32)
    return (labels[:, np.newaxis] == np.arange(classes)).astype(np.float32)


def _several(inputs: Any, explained: Any) -> tuple[Any, tuple[Any, ...], Structure | None]:
    """The input that is explained, the others, and how the model is called with them."""
    keys = tuple(inputs) if isinstance(inputs, dict) else None
    shapes = {np.shape(one) for one in inputs} if isinstance(inputs, tuple) else {()}
    # A tuple may hold one input after another, all of one shape.
    is_one = keys is None and len(shapes) <= 1 and all(len(shape) < 4 for shape in shapes)
    if explained is None and is_one:
        return inputs, (), None
    known = keys or tuple(range(len(inputs)))
    if explained is None:
        raise ValueError(
            f"inputs are several, {known}: explained= chooses the one that is explained."
        )
    if explained not in known:
        raise ValueError(f"explained={explained!r} is not among the inputs, {known}.")
    values = inputs if keys is None else inputs.values()
    values = [as_numbers("inputs", value, cast=False) for value in values]
    if len({len(value) for value in values}) > 1:
        raise ValueError(f"inputs must be as many of each, got {[len(v) for v in values]}.")
    place = known.index(explained)
    return values.pop(place), tuple(values), Structure(keys, place)


def _layout(
    shape: tuple[int, ...],
    is_torch: bool,
    ndim: int | None,
    channels: str | None,
    told: Channels,
) -> tuple[Layout, tuple[int, int] | None]:
    """The layout of inputs as the model takes them, and how the channels are to move for it."""
    layout = Layout.of(shape, False, ndim)
    if layout.channel_axis is None:
        return layout, None
    first = channels == "first" if channels is not None else _are_first(shape, is_torch, told)
    move = (1, -1) if first else (-1, 1)
    moved = _moved_shape(shape, move)
    if told.first in (None, first) or (told.shape is not None and not fits(moved, told.shape)):
        return Layout.of(shape, first, layout.ndim), None
    return Layout.of(moved, not first, layout.ndim), move


def _are_first(shape: tuple[int, ...], is_torch: bool, told: Channels) -> bool:
    """Whether the channels of inputs are first, as far as the model or their number tells."""
    if told.number is not None:
        fits_first, fits_last = (shape[axis] == told.number for axis in (1, -1))
        if fits_first != fits_last:
            return fits_first
    if told.first is not None and (told.shape is not None or is_torch):
        return told.first
    own, other = (shape[1], shape[-1]) if is_torch else (shape[-1], shape[1])
    if other <= FEW < own:
        place, else_ = ("first", "last") if is_torch else ("last", "first")
        raise ValueError(
            f"inputs of shape {shape} may have their channels first or last, and the model does "
            f'not tell: give channels="{else_}", or channels="{place}" if there are {own} of them.'
        )
    return is_torch


def _moved(values: Any, move: tuple[int, int] | None) -> Any:
    if move is None:
        return values
    return values.movedim(*move) if is_torch_tensor(values) else np.moveaxis(values, *move)


def _moved_shape(shape: tuple[int, ...], move: tuple[int, int] | None) -> tuple[int, ...]:
    return _moved(np.broadcast_to(False, shape), move).shape


def _without_n(shape: tuple[int, ...]) -> str:
    return f"If {shape} is the shape of one input, add the axis N: inputs[np.newaxis]."


def check_baselines(value: Any) -> None:
    """Check a baseline, or a set of them."""
    if isinstance(value, (list, tuple)) and value:
        for one in value:
            check_baselines(one)
        return
    if isinstance(value, (bool, str)) or value is None:
        raise TypeError(f"baseline_value must be a number or an array of numbers, got {value!r}.")
    array = np.asarray(on_host(as_numbers("baseline_value", value)))
    if not array.size or not np.isfinite(array).all():
        raise ValueError(f"baseline_value must be finite numbers, at least one, got {value!r}.")


def as_baselines(value: Any, question: Question) -> list[Any]:
    """The baselines that a user gives, as numbers, or as native tensors of one input or of all."""
    if np.isscalar(value):
        return [float(value)]  # type: ignore[arg-type]
    if isinstance(value, (list, tuple)):
        return [baseline for one in value for baseline in as_baselines(one, question)]
    inputs, array = question.inputs, on_host(as_numbers("baseline_value", value, cast=False))

    def native(array: Any) -> Any:
        array = np.asarray(_moved(array, inputs.move), np.float32)
        return inputs.backend.asarray(np.require(array, requirements=["C", "W"]), question.x)

    shape = tuple(inputs.given[0].shape)
    if array.shape in ((), shape[1:]):
        return [native(np.broadcast_to(array, shape[1:])[np.newaxis])]
    if array.shape == shape:
        return [native(array[question.rows])]
    if array.shape[1:] == shape[1:]:
        return [native(one[np.newaxis]) for one in array]
    raise ValueError(
        f"baseline_value must be a number, or of the shape of one input, {shape[1:]}, of all, "
        f"{shape}, or of a set of baselines, {('B', *shape[1:])}; got shape {array.shape}."
    )


def front_end_shape(model: Model, x: Any) -> tuple[int, ...]:
    """The shape, without N, of what a front end makes of inputs."""
    seen = model.seen(x[:1])
    if not isinstance(seen, type(x)):
        raise TypeError(
            "front_end must be differentiable: a function of "
            f"{model.backend.name}'s tensors that gives one, got {type(seen).__name__}."
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
        return _tensor(pixels)
    if pixels.ndim > 2:
        pixels = np.moveaxis(pixels, -1, 1)
    torch = sys.modules["torch"]
    return torch.as_tensor(np.ascontiguousarray(pixels), device=inputs.device)


def _tensor(array: np.ndarray) -> tf.Tensor:
    """An array as a tensor, part by part: TensorFlow's own conversion copies all of it twice."""
    tensor = tf.raw_ops.Empty(shape=array.shape, dtype=array.dtype)
    for rows in np.array_split(np.arange(len(array), dtype=np.int32), min(len(array), 64)):
        tensor = tf.raw_ops.InplaceUpdate(x=tensor, i=rows, v=array[rows[0] : rows[-1] + 1])
    return tensor


def gathered(inputs: Any, targets: Any, model: Model) -> tuple[Any, Any]:
    """Inputs and targets as they are, or in one batch those of what holds both."""
    held = isinstance(inputs, (list, tuple, dict, str))
    is_array = held or is_torch_tensor(inputs) or hasattr(inputs, "shape")
    if isinstance(inputs, Iterable) and not is_array:
        x, y = gather(inputs, targets, None, model.model)
        return (x, y) if model.framework == "torch" else (on_host(x), on_host(y))
    if targets is None:
        raise ValueError("targets must be given: labels (N,), or one-hot classes (N, classes).")
    return inputs, targets


def check_shape(shape: tuple[int, ...], model: Any) -> None:
    """Check that a model takes inputs of a shape, as far as it tells."""
    taken, alike = input_shape(model), [shape]
    if is_keras(model):  # which adds a last axis of size 1, or takes it away
        alike += [(*shape, 1), *([shape[:-1]] if shape[-1] == 1 else [])]
    if taken is not None and not any(fits(one, taken) for one in alike):
        raise ValueError(
            f"inputs of shape {shape} do not fit the model, which takes {('N', *taken[1:])}."
            + (f" {_without_n(shape)}" if fits((1, *shape), taken) else "")
        )


def _kind_without_values(tensor: Any) -> str | None:
    """The kind of a PyTorch tensor that is no array of its own numbers."""
    kinds = ("meta", "quantized", "nested", "mkldnn")
    found = (kind for kind in kinds if getattr(tensor, f"is_{kind}"))
    return next(found, None if tensor.layout is sys.modules["torch"].strided else "sparse")


def as_numbers(name: str, values: Any, cast: bool = True) -> Any:
    """An argument as an array, of float32 if it is cast, or as the PyTorch tensor that it is."""
    if is_torch_tensor(values) and not values.is_complex():
        if kind := _kind_without_values(values):
            raise TypeError(f"{name} must be a dense tensor, got a {kind} one; convert it first.")
        return values.detach()
    check_whole(name, values)
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufV":
            raise TypeError
        return np.asarray(array, np.float32) if cast else array
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name} must be an array of real numbers that fit float32, got a "
            f"{type(values).__name__} of dtype {getattr(values, 'dtype', 'unknown')}."
        ) from error
