"""What is told of each of N inputs, to be taken apart again by input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from .coefficients import map_bands

T = TypeVar("T", bound="PerInput")


class PerInput:
    """
    Base of the dataclasses whose arrays and coefficients have N inputs first.

    A field that is added is indexed with the others; those that all inputs share are named.
    """

    _shared: ClassVar[frozenset[str]] = frozenset()

    def __len__(self) -> int:
        """The number of inputs."""
        raise NotImplementedError

    def __getitem__(self: T, index: int | slice | Any) -> T:
        """
        What is told of some of the inputs.

        Parameters
        ----------
        index
            Number of an input (N stays, as 1), slice, or array of numbers or of booleans.

        Returns
        -------
        chosen
            The same of the inputs chosen.

        Raises
        ------
        IndexError
            If there is no such input.
        """
        chosen = np.atleast_1d(np.arange(len(self))[index])
        if chosen.ndim > 1:
            raise IndexError(f"inputs are numbered along one axis; they have no index {index!r}.")
        own = [field.name for field in fields(self) if field.name not in self._shared]  # type: ignore[arg-type]
        found = {name: _take(getattr(self, name), chosen) for name in own}
        if "input_shape" in found:
            found["input_shape"] = (len(chosen), *found["input_shape"][1:])
        return replace(self, **found)  # type: ignore[type-var]

    def __iter__(self: T) -> Iterator[T]:
        """What is told of each input, one after the other."""
        return (self[index] for index in range(len(self)))


def _take(value: Any, chosen: np.ndarray) -> Any:
    """A field of the inputs chosen."""
    if isinstance(value, list):
        return map_bands(lambda band: band[chosen], value)
    return value[chosen] if isinstance(value, (np.ndarray, PerInput)) else value
