"""Inputs and targets, batch by batch, from whatever holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .backends import get_backend
from .checks import check_whole

PREDICTED = "predicted"
SIZE = 32

Batch = tuple[Any, Any]
"""Inputs and their targets; None in place of these where they are to be predicted."""


def batches(
    data: Any, targets: Any, count: int | None = None, size: int | None = None, model: Any = None
) -> Iterator[Batch]:
    """Go through data once, holding no more of them than a batch."""
    size, predicted = size or SIZE, isinstance(targets, str)
    if predicted and targets != PREDICTED:
        raise ValueError(f"targets must be classes or {PREDICTED!r}, got {targets!r}.")
    if hasattr(data, "shape"):
        return _first(_slices(data, None if predicted else _given(targets, data), size), count)
    if not isinstance(data, Iterable):
        raise TypeError(
            "data must be an array, a tensor, a tf.data.Dataset, a DataLoader or an iterable of "
            f"batches (inputs, targets), got a {type(data).__name__}."
        )
    if targets is not None and not predicted:
        raise ValueError(
            f"targets must be None or {PREDICTED!r} where the data hold them, as a "
            f"{type(data).__name__} does."
        )
    found = _batched(data, size, model) if isinstance(data, tf.data.Dataset) else data
    return _first(_pairs(found, predicted), count)


def gather(data: Any, targets: Any, count: int | None = None, model: Any = None) -> Batch:
    """The first inputs of data and their targets, in one batch."""
    is_dataset = isinstance(data, tf.data.Dataset)
    if count is None and is_dataset and data.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError("The dataset never ends: hand in take(n) of it.")
    found = list(batches(data, targets, count, None, model))
    total = sum(len(inputs) for inputs, _ in found)
    if not total:
        raise ValueError("inputs must not be empty, got data that hold none.")
    if total < (count or 1):
        raise ValueError(f"The data ended early: {count or 1} inputs are needed, got {total}.")
    all_inputs, all_targets = zip(*found, strict=True)
    return _joined(all_inputs), None if all_targets[0] is None else _joined(all_targets)


def is_batched(dataset: tf.data.Dataset) -> bool:
    """Whether `dataset`, or all that it wraps, makes batches; TensorFlow has no public answer."""
    if hasattr(dataset, "_batch_size"):
        return True
    inner = [] if "Unbatch" in type(dataset).__name__ else dataset._inputs()
    return bool(inner) and all(map(is_batched, inner))


def _given(targets: Any, data: Any) -> Any:
    if targets is None:
        raise ValueError(
            f"targets must be given: classes for each input, or {PREDICTED!r}; got None."
        )
    check_whole("targets", targets)
    targets = targets if hasattr(targets, "shape") else np.asarray(targets)
    if not targets.shape or len(targets) != len(data):
        raise ValueError(
            f"targets must be one for each of the {len(data)} inputs, got shape "
            f"{tuple(targets.shape)}."
        )
    return targets


def _slices(inputs: Any, targets: Any, size: int) -> Iterator[Batch]:
    for start in range(0, len(inputs), size):
        part = slice(start, start + size)
        yield inputs[part], None if targets is None else targets[part]


def _batched(dataset: tf.data.Dataset, size: int, model: Any) -> tf.data.Dataset:
    spec, taken = dataset.element_spec, getattr(model, "input_shape", None)
    inputs = spec[0] if isinstance(spec, tuple) else spec
    rank = getattr(inputs, "shape", tf.TensorShape(None)).rank
    known = rank is not None and isinstance(taken, tuple)
    batched = rank == len(taken or ()) if known else is_batched(dataset)
    return dataset if batched else dataset.batch(size)


def _pairs(data: Iterable[Any], predicted: bool) -> Iterator[Batch]:
    wanted = 1 if predicted else 2
    for element in data:
        parts = (element if isinstance(element, (tuple, list)) else (element,))[:wanted]
        if len(parts) < wanted or not all(hasattr(part, "shape") for part in parts):
            raise ValueError(
                "data must hold batches (inputs, targets) of arrays or tensors, got a "
                f"{type(element).__name__}; targets={PREDICTED!r} needs inputs alone."
            )
        for name, part in zip(("inputs", "targets"), parts, strict=False):
            check_whole(name, part)
        if not predicted and (not parts[1].shape or len(parts[1]) != len(parts[0])):
            raise ValueError(
                f"data must hold batches of as many targets as inputs, got shapes "
                f"{tuple(parts[0].shape)} and {tuple(parts[1].shape)}."
            )
        yield parts[0], None if predicted else parts[1]


def _first(pairs: Iterator[Batch], count: int | None) -> Iterator[Batch]:
    """The pairs, up to `count` inputs."""
    left = count
    for inputs, targets in pairs:
        if left is not None and len(inputs) >= left:
            yield inputs[:left], None if targets is None else targets[:left]
            return
        left = None if left is None else left - len(inputs)
        yield inputs, targets


def _joined(parts: Sequence[Any]) -> Any:
    return get_backend(parts[0]).concat(parts, 0)
