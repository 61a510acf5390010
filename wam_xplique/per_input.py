"""Results of N inputs: taken apart by input, and put together from blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from typing import Any, ClassVar, TypeVar

import numpy as np

T = TypeVar("T", bound="PerInput")

BLOCK = 32
"""Inputs that are looked at at once, where nobody has told how many."""


class PerInput:
    """Base of the dataclasses whose arrays have N inputs first, except the fields `_shared`."""

    _shared: ClassVar[frozenset[str]] = frozenset()

    def __len__(self) -> int:
        """The number of inputs."""
        raise NotImplementedError

    def __getitem__(self: T, index: int | slice | Any) -> T:
        """The same of inputs by number (N stays, as 1), slice, or array of numbers or bools."""
        chosen = np.atleast_1d(np.arange(len(self))[index])
        if chosen.ndim > 1:
            raise IndexError(f"inputs are numbered along one axis; they have no index {index!r}.")
        return _map(lambda array: array[chosen], self, len(chosen))

    def __iter__(self: T) -> Iterator[T]:
        """What is told of each input, one after the other."""
        return (self[index] for index in range(len(self)))

    def by_blocks(self: T, function: Callable[..., Any], *rows: Any) -> Any:
        """What a function makes of each input and its `rows`, for all; it holds what some take."""
        count = len(self)
        blocks = (slice(start, start + BLOCK) for start in range(0, count, BLOCK))
        return joined((function(self[b], *(row[b] for row in rows)) for b in blocks), count)


def joined(parts: Iterable[Any], count: int) -> Any:
    """What is told of `count` inputs, from what is told of some after the others. Arrays that have
    inputs first, or lists, tuples, dicts and `PerInput` of such. No more is held than the result
    and a part."""
    whole, start = None, 0
    for part in parts:
        length = len(next(_arrays(part)))
        if length == count:
            return part
        if whole is None:
            whole = _map(lambda a: np.empty((count, *a.shape[1:]), a.dtype), part, count)
        for array, own in zip(_arrays(whole), _arrays(part), strict=True):
            array[start : start + length] = own
        start += length
    return whole


def _own(value: PerInput) -> list[str]:
    return [f.name for f in fields(value) if f.name not in value._shared]  # type: ignore[arg-type]


def _arrays(value: Any) -> Iterator[np.ndarray]:
    """All arrays that have inputs first."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, PerInput):
        yield from _arrays([getattr(value, name) for name in _own(value)])
    elif isinstance(value, (list, tuple, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _arrays(one)


def _map(function: Callable[[np.ndarray], np.ndarray], value: Any, count: int) -> Any:
    """The same with these arrays changed to those of `count` inputs."""
    if isinstance(value, np.ndarray):
        return function(value)
    if isinstance(value, PerInput):
        found = {name: _map(function, getattr(value, name), count) for name in _own(value)}
        if "input_shape" in found:
            found["input_shape"] = (count, *found["input_shape"][1:])
        return replace(value, **found)  # type: ignore[type-var]
    if isinstance(value, dict):
        return {name: _map(function, one, count) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        changed = [_map(function, one, count) for one in value]
        return value._make(changed) if hasattr(value, "_make") else type(value)(changed)
    return value
