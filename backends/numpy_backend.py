"""NumPy arrays: the reference in which the kernels can be read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy.fft
import scipy.special

from .base import Backend, as_is


class NumpyBackend(Backend):
    """NumPy as a tensor framework."""

    name = "numpy"

    concat = as_is(np.concatenate)
    flip = as_is(np.flip)
    reshape = as_is(np.reshape)
    clip = as_is(np.clip)
    take = as_is(np.take)
    to_numpy = as_is(np.array)
    sigmoid = as_is(scipy.special.expit)
    softmax = as_is(partial(scipy.special.softmax, axis=-1))
    logsumexp = as_is(partial(scipy.special.logsumexp, axis=-1))
    argmax = as_is(partial(np.argmax, axis=-1))

    def is_floating(self, x: np.ndarray) -> bool:
        return np.issubdtype(x.dtype, np.floating)

    def all_finite(self, x: np.ndarray) -> bool:
        return bool(np.isfinite(x).all())

    def asarray(self, x: Any, like: np.ndarray | None = None) -> np.ndarray:
        return np.asarray(x, np.float32 if like is None else like.dtype)

    def widened(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x, np.promote_types(x.dtype, np.float32))

    def asindex(self, x: np.ndarray, like: np.ndarray) -> np.ndarray:
        return x

    def rfftn(self, x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        return scipy.fft.rfftn(x, axes=axes)

    def irfftn(self, x: np.ndarray, axes: Sequence[int], sizes: Sequence[int]) -> np.ndarray:
        return scipy.fft.irfftn(x, sizes, axes)

    def normal(self, shape: Sequence[int], seed: Sequence[int], like: np.ndarray) -> np.ndarray:
        return np.random.default_rng(list(seed)).standard_normal(shape).astype(like.dtype)
