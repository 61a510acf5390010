"""Inputs and targets, batch by batch, from whatever holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
        if targets is None:
            raise ValueError(
                f"targets must be given: classes for each input, or {PREDICTED!r}; got None."
            )
        one = _batch(data, None if predicted else targets)
        parts = (slice(start, start + size) for start in range(0, len(data), size))
        return _first((_cut(one, part) for part in parts), count)
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
    if isinstance(data, tf.data.Dataset) and not _is_batched(data, model):
        data = data.batch(size)
    return _first((_parted(element, predicted) for element in data), count)


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
        raise ValueError(f"The data ended early: {count} inputs are needed, got {total}.")
    inputs, targets = (
        None if parts[0] is None else get_backend(parts[0]).concat(parts, 0)
        for parts in zip(*found, strict=True)
    )
    return inputs, targets


def _is_batched(dataset: tf.data.Dataset, model: Any) -> bool:
    """Whether a dataset makes batches, as the model's inputs tell, or else all that it wraps;
    TensorFlow has no public answer."""
    spec, taken = dataset.element_spec, getattr(model, "input_shape", None)
    rank = getattr(spec[0] if isinstance(spec, tuple) else spec, "shape", tf.TensorShape(None)).rank
    if rank is not None and isinstance(taken, tuple):
        return rank == len(taken)
    if hasattr(dataset, "_batch_size"):
        return True
    inner = [] if "Unbatch" in type(dataset).__name__ else dataset._inputs()
    return bool(inner) and all(_is_batched(one, None) for one in inner)


def _parted(element: Any, predicted: bool) -> Batch:
    """An element of data as a batch."""
    wanted = 1 if predicted else 2
    parts = (element if isinstance(element, (tuple, list)) else (element,))[:wanted]
    if len(parts) < wanted or not all(hasattr(part, "shape") for part in parts):
        raise ValueError(
            "data must hold batches (inputs, targets) of arrays or tensors, got a "
            f"{type(element).__name__}; targets={PREDICTED!r} needs inputs alone."
        )
    return _batch(parts[0], None if predicted else parts[1])


def _batch(inputs: Any, targets: Any) -> Batch:
    check_whole("inputs", inputs)
    check_whole("targets", targets)
    targets = targets if targets is None or hasattr(targets, "shape") else np.asarray(targets)
    if targets is not None and (not targets.shape or len(targets) != len(inputs)):
        raise ValueError(
            f"There must be as many targets as inputs, one for each of the {len(inputs)} inputs; "
            f"got shape {tuple(targets.shape)}."
        )
    return inputs, targets


def _cut(batch: Batch, part: slice) -> Batch:
    inputs, targets = batch
    return inputs[part], None if targets is None else targets[part]


def _first(pairs: Iterable[Batch], count: int | None) -> Iterator[Batch]:
    """The pairs, up to `count` inputs."""
    left: Any = np.inf if count is None else count
    for batch in pairs:
        if len(batch[0]) >= left:
            yield _cut(batch, slice(left))
            return
        left -= len(batch[0])
        yield batch
