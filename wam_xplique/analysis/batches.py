"""Inputs and targets, batch by batch, from whatever holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..attributions.inputs import is_batched, is_torch_tensor
from ..backends import get_backend

PREDICTED = "predicted"
SIZE = 32

Batch = tuple[Any, Any]
"""Inputs and their targets; None in place of these where they are to be predicted."""


def batches(
    data: Any, targets: Any, count: int | None = None, size: int | None = None, model: Any = None
) -> Iterator[Batch]:
    """
    Go through data once, holding no more of them than a batch.

    Parameters
    ----------
    data
        An array or tensor; or a `tf.data.Dataset`, batched or not, a PyTorch `DataLoader`, or any
        iterable of batches ``(inputs, targets, ...)``, or with "predicted" of inputs alone.
    targets
        Targets of an array or tensor; None where the data hold them; "predicted" to leave them
        out.
    count
        Most inputs; all by default. No batch is asked for beyond them.
    size
        Inputs in a batch, where the data come in none; 32 by default.
    model
        The model, if the data go straight into it; tells whether a dataset is batched.

    Returns
    -------
    pairs
        Batches of inputs and targets.

    Raises
    ------
    ValueError
        If targets are missing, given twice, or not as many as the inputs.
    TypeError
        If the data are none of these.
    """
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
    """
    The first inputs of data and their targets, in one batch.

    Parameters are those of `batches`.

    Returns
    -------
    inputs, targets
        Arrays or tensors; no targets where they are to be predicted.

    Raises
    ------
    ValueError, TypeError
        As for `batches`; a ValueError also if there are no inputs, or fewer than `count`.
    """
    found = list(batches(data, targets, count, None, model))
    total = sum(len(inputs) for inputs, _ in found)
    if total < (count or 1):
        raise ValueError(f"The data ended early: {count or 1} inputs are needed, got {total}.")
    all_inputs, all_targets = zip(*found, strict=True)
    return _joined(all_inputs), None if all_targets[0] is None else _joined(all_targets)


def on_host(x: Any) -> np.ndarray:
    """An array or tensor of any framework as an array."""
    return x.detach().cpu().numpy() if is_torch_tensor(x) else np.asarray(x)


def _given(targets: Any, data: Any) -> Any:
    if targets is None:
        raise ValueError(
            f"targets must be given: classes for each input, or {PREDICTED!r}; got None."
        )
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
