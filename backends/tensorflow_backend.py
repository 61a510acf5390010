"""TensorFlow tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .base import Backend


class TensorFlowBackend(Backend):
    """TensorFlow as a tensor framework; its kernels are compiled by XLA."""

    name = "tensorflow"

    def concat(self, tensors: Sequence[tf.Tensor], axis: int) -> tf.Tensor:
        return tf.concat(list(tensors), axis)

    def flip(self, x: tf.Tensor, axis: int) -> tf.Tensor:
        return tf.reverse(x, [axis])

    def interleave(self, even: tf.Tensor, odd: tf.Tensor, axis: int) -> tf.Tensor:
        shape = tf.unstack(tf.shape(even))
        shape[axis] = 2 * shape[axis]
        return tf.reshape(tf.stack((even, odd), axis + 1), shape)

    def is_floating(self, x: tf.Tensor) -> bool:
        return x.dtype.is_floating

    def asarray(self, x: Any, like: tf.Tensor | None = None) -> tf.Tensor:
        if like is not None:
            return tf.cast(x, like.dtype)
        x = tf.convert_to_tensor(x)
        return x if x.dtype.is_floating else tf.cast(x, tf.float32)

    def to_numpy(self, x: tf.Tensor) -> np.ndarray:
        return (tf.cast(x, tf.float32) if x.dtype.size < 4 else x).numpy()

    def take(self, x: tf.Tensor, indices: np.ndarray) -> tf.Tensor:
        return tf.gather(x, indices)

    def segment_sum(self, x: tf.Tensor, segments: np.ndarray, count: int) -> tf.Tensor:
        return tf.math.unsorted_segment_sum(x, segments, count)

    def normal(self, shape: Sequence[int], seed: Sequence[int], like: tf.Tensor) -> tf.Tensor:
        state = np.random.SeedSequence(list(seed)).generate_state(2, np.uint32).astype(np.int64)
        return tf.random.stateless_normal(shape, state, dtype=like.dtype)

    def run(self, function: Callable[..., Any], x: Any, *static: Hashable) -> Any:
        if tf.inside_function() or tf.config.functions_run_eagerly():
            return function(self, x, *static)
        return _compiled(function, self, static)(x)


@functools.lru_cache(maxsize=256)
def _compiled(function: Callable[..., Any], backend: Backend, static: tuple) -> Callable[[Any], Any]:
    return tf.function(lambda x: function(backend, x, *static), jit_compile=True)
