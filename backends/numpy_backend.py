"""NumPy arrays: the reference in which the kernels can be read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from .base import NO_GRADIENT, Backend, Runner, Score, as_is


class ArrayRunner(Runner):
    """Any callable on arrays."""

    def evaluate(self, score: Score, x: np.ndarray, *rows: np.ndarray) -> np.ndarray:
        return score(self.seen(np.array(x)), *rows)  # which the model may overwrite

    def differentiate(self, score: Score, x: np.ndarray, *rows: np.ndarray) -> Any:
        raise ValueError(NO_GRADIENT)


class NumpyBackend(Backend):
    """NumPy as a tensor framework."""

    name = "numpy"
    runner = ArrayRunner

    concat = as_is(np.concatenate)
    flip = as_is(np.flip)
    reshape = as_is(np.reshape)
    clip = as_is(np.clip)
    take = as_is(np.take)
    to_numpy = as_is(np.array)
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

    def weighted_sum(self, tensors: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
        total = tensors[0] * weights[0]
        part = np.empty_like(total)
        for tensor, weight in zip(tensors[1:], weights[1:], strict=True):
            total += np.multiply(tensor, weight, out=part)
        return total

    # SciPy is imported where it is needed: the transforms do without it.

    def sigmoid(self, x: np.ndarray) -> np.ndarray:
        from scipy.special import expit

        return expit(x)

    def softmax(self, x: np.ndarray) -> np.ndarray:
        from scipy.special import softmax

        return softmax(x, axis=-1)

    def logsumexp(self, x: np.ndarray) -> np.ndarray:
        from scipy.special import logsumexp

        return logsumexp(x, axis=-1)

    def rfftn(self, x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        from scipy.fft import rfftn

        return rfftn(x, axes=axes)

    def irfftn(self, x: np.ndarray, axes: Sequence[int], sizes: Sequence[int]) -> np.ndarray:
        from scipy.fft import irfftn

        return irfftn(x, sizes, axes)

    def normal(self, shape: Sequence[int], seed: Sequence[int], like: np.ndarray) -> np.ndarray:
        return np.random.default_rng(list(seed)).standard_normal(shape).astype(like.dtype)
