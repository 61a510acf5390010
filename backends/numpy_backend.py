"""NumPy arrays: the reference in which the kernels can be read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
import scipy.special

from .base import Backend


class NumpyBackend(Backend):
    """NumPy as a tensor framework."""

    name = "numpy"

    def concat(self, tensors: Sequence[np.ndarray], axis: int) -> np.ndarray:
        return np.concatenate(tensors, axis)

    def flip(self, x: np.ndarray, axis: int) -> np.ndarray:
        return np.flip(x, axis)

    def interleave(self, even: np.ndarray, odd: np.ndarray, axis: int) -> np.ndarray:
        shape = list(even.shape)
        shape[axis] *= 2
        return np.stack((even, odd), axis + 1).reshape(shape)

    def reshape(self, x: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        return x.reshape(shape)

    def clip(self, x: np.ndarray, low: float, high: float) -> np.ndarray:
        return np.clip(x, low, high)

    def sums(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1).sum(axis=1)

    def is_floating(self, x: np.ndarray) -> bool:
        return np.issubdtype(x.dtype, np.floating)

    def all_finite(self, x: np.ndarray) -> bool:
        return bool(np.isfinite(x).all())

    def asarray(self, x: Any, like: np.ndarray | None = None) -> np.ndarray:
        return np.asarray(x, np.float32 if like is None else like.dtype)

    def to_numpy(self, x: np.ndarray) -> np.ndarray:
        return np.array(x)

    def widened(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x, np.promote_types(x.dtype, np.float32))

    def softmax(self, x: np.ndarray) -> np.ndarray:
        return scipy.special.softmax(x, axis=-1)

    def sigmoid(self, x: np.ndarray) -> np.ndarray:
        return scipy.special.expit(x)

    def logsumexp(self, x: np.ndarray) -> np.ndarray:
        return scipy.special.logsumexp(x, axis=-1)

    def argmax(self, x: np.ndarray) -> np.ndarray:
        return x.argmax(-1)

    def asindex(self, x: np.ndarray, like: np.ndarray) -> np.ndarray:
        return x

    def take(self, x: np.ndarray, index: np.ndarray, axis: int) -> np.ndarray:
        return x.take(index, axis)

    def rfftn(self, x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        return scipy.fft.rfftn(x, axes=axes)

    def irfftn(self, x: np.ndarray, axes: Sequence[int], sizes: Sequence[int]) -> np.ndarray:
        return scipy.fft.irfftn(x, sizes, axes)

    def normal(self, shape: Sequence[int], seed: Sequence[int], like: np.ndarray) -> np.ndarray:
        return np.random.default_rng(list(seed)).standard_normal(shape).astype(like.dtype)
