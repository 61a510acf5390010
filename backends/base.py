"""The few tensor operations that the wavelet kernels and the attribution algorithms need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

import numpy as np

Tensor = Any
"""A tensor of the backend's own framework."""

ScoreFunction = Callable[[Tensor, Tensor], Tensor]
"""``f(x, y)``: one score per sample of `x`, or the gradient of these scores, shaped as `x`."""


class Backend(ABC):
    """
    The operations of one tensor framework.

    Tensors are indexed, added and multiplied with Python's own operators; a backend supplies
    what the frameworks spell differently.
    """

    name: ClassVar[str]

    @abstractmethod
    def concat(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """Join `tensors` along `axis`."""

    @abstractmethod
    def flip(self, x: Tensor, axis: int) -> Tensor:
        """Reverse `x` along `axis`."""

    @abstractmethod
    def interleave(self, even: Tensor, odd: Tensor, axis: int) -> Tensor:
        """Put the samples of `even` and `odd` in turn along `axis`."""

    @abstractmethod
    def is_floating(self, x: Tensor) -> bool:
        """Whether `x` holds floating-point numbers."""

    @abstractmethod
    def all_finite(self, x: Tensor) -> bool:
        """Whether `x` holds neither NaN nor infinite values."""

    @abstractmethod
    def asarray(self, x: Any, like: Tensor | None = None) -> Tensor:
        """A floating-point tensor of `x`, in the dtype and on the device of `like` if given."""

    @abstractmethod
    def to_numpy(self, x: Tensor) -> np.ndarray:
        """A NumPy copy of `x` (half types become float32), cut off from any gradient."""

    @abstractmethod
    def value_range(self, x: Tensor) -> Tensor:
        """Maximum minus minimum of each entry along the first axis, shaped (N, 1, ..., 1)."""

    @abstractmethod
    def normal(self, shape: Sequence[int], seed: Sequence[int], like: Tensor) -> Tensor:
        """Standard normal noise of `shape`, determined by the integers of `seed` alone."""

    def packed(self, x: Tensor, axis: int) -> Tensor:
        """`x`, copied where reading it many times along `axis` would otherwise be slow."""
        return x

    def weighted_sum(self, tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
        """The sum of `tensors` times the Python numbers `weights`."""
        total = tensors[0] * weights[0]
        for tensor, weight in zip(tensors[1:], weights[1:], strict=True):
            total = total + tensor * weight
        return total

    def run(self, function: Callable[..., Any], x: Any, *static: Hashable) -> Any:
        """Call ``function(backend, x, *static)``, compiled where the framework gains by it."""
        return function(self, x, *static)
