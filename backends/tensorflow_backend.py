"""TensorFlow tensors."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops
from tensorflow.python.eager import record

from .base import Backend, as_is
from .numpy_backend import NumpyBackend
from .tensorflow_runner import TensorFlowRunner

logger = logging.getLogger(__name__)

# Compiling a transform takes from 0.2 to 2 s, once per shape; below this many elements NumPy, which
# calls an operation in a fiftieth of TensorFlow's time, is done in a millisecond.
_WORTH_COMPILING = 2**16

_WORTH_TRACING = 2**24
"""Elements of one shape that are transformed before the next are by XLA, in a tenth of the time."""
_MOST_SHAPES = 4096

# What TensorFlow raises where it has no XLA compiler for a device, or one that is set up badly.
_NO_XLA = (tf.errors.InternalError, tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)

_HALF = (tf.float16, tf.bfloat16)

_RFFT = {1: tf.signal.rfft, 2: tf.signal.rfft2d, 3: tf.signal.rfft3d}
_IRFFT = {1: tf.signal.irfft, 2: tf.signal.irfft2d, 3: tf.signal.irfft3d}


class TensorFlowBackend(Backend):
    """TensorFlow as a tensor framework; its kernels are compiled by XLA."""

    name = "tensorflow"
    full = tf.errors.ResourceExhaustedError
    runner = TensorFlowRunner

    concat = as_is(tf.concat)
    reshape = as_is(tf.reshape)
    clip = as_is(tf.clip_by_value)
    softmax = as_is(tf.nn.softmax)
    sigmoid = as_is(tf.nn.sigmoid)
    logsumexp = as_is(partial(tf.reduce_logsumexp, axis=-1))
    argmax = as_is(partial(tf.argmax, axis=-1))

    def flip(self, x: tf.Tensor, axis: int) -> tf.Tensor:
        return tf.reverse(x, [axis])

    def interleave(self, even: tf.Tensor, odd: tf.Tensor, axis: int) -> tf.Tensor:
        shape = tf.unstack(tf.shape(even))
        shape[axis] = 2 * shape[axis]
        return tf.reshape(tf.stack((even, odd), axis + 1), shape)

    def slice(self, x: tf.Tensor, axis: int, part: slice) -> tf.Tensor:
        # As x[...] does, but sooner: eager transforms spend most of their time on it.
        whole = 2**axis - 1
        return tf.raw_ops.StridedSlice(
            input=x,
            begin=np.array([0] * axis + [part.start], np.int32),
            end=np.array([0] * axis + [part.stop or 0], np.int32),
            strides=np.array([1] * axis + [part.step], np.int32),
            begin_mask=whole,
            end_mask=2 * whole + 1 if part.stop is None else whole,
        )

    def reduce(
        self, x: tf.Tensor, how: str, axes: Sequence[int], keepdims: bool = False
    ) -> tf.Tensor:
        return getattr(tf, f"reduce_{how}")(x, list(axes), keepdims)

    def is_floating(self, x: tf.Tensor) -> bool:
        return x.dtype.is_floating

    def all_finite(self, x: tf.Tensor) -> bool:
        return bool(tf.reduce_all(tf.math.is_finite(x)))

    def asarray(self, x: Any, like: tf.Tensor | None = None) -> tf.Tensor:
        if like is not None:
            return tf.cast(x, like.dtype)
        x = tf.convert_to_tensor(x)
        return x if x.dtype.is_floating else tf.cast(x, tf.float32)

    def to_numpy(self, x: tf.Tensor) -> np.ndarray:
        return (tf.cast(x, tf.float32) if x.dtype in _HALF else x).numpy()

    def widened(self, x: tf.Tensor) -> tf.Tensor:
        x = tf.convert_to_tensor(x)
        return x if x.dtype.is_floating and x.dtype.size >= 4 else tf.cast(x, tf.float32)

    def asindex(self, x: np.ndarray, like: tf.Tensor) -> tf.Tensor:
        return tf.constant(x, tf.int32)

    def take(self, x: tf.Tensor, index: tf.Tensor, axis: int) -> tf.Tensor:
        return tf.gather(x, index, axis=axis)

    def rfftn(self, x: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
        x = tf.cast(x, tf.float32) if x.dtype.size < 4 else x
        return _innermost(_RFFT[len(axes)], x, axes)

    def irfftn(self, x: tf.Tensor, axes: Sequence[int], sizes: Sequence[int]) -> tf.Tensor:
        return _innermost(partial(_IRFFT[len(axes)], fft_length=sizes), x, axes)

    def spectral(self, window: np.ndarray, like: tf.Tensor) -> tf.Tensor:
        return tf.constant(window, tf.complex128 if like.dtype == tf.float64 else tf.complex64)

    def normal(self, shape: Sequence[int], seed: Sequence[int], like: tf.Tensor) -> tf.Tensor:
        state = np.random.SeedSequence(list(seed)).generate_state(2, np.uint32).astype(np.int64)
        return tf.random.stateless_normal(shape, state, dtype=like.dtype)

    def batch_shape(self, count: int) -> int:
        return 1 << (count - 1).bit_length()

    def run(
        self, function: Callable[..., Any], x: Any, *static: Hashable, size: int | None = None
    ) -> Any:
        if _XlaBackend.tracing.get():
            return function(_XlaBackend(), x, *static)
        eager = tf.executing_eagerly() and not tf.config.functions_run_eagerly()
        if not eager or not _XlaBackend.available:
            return function(self, x, *static)
        if size is None:
            size = sum(t.shape.num_elements() for t in tf.nest.flatten(x))
        if size < _WORTH_COMPILING or not _is_frequent(function, x, static, size):
            if _may_be_by_numpy(x):
                return _by_numpy(function, x, *static)
            return function(self, x, *static)
        try:
            return _compiled(function, static)(x)
        except _NO_XLA as error:
            logger.warning("XLA cannot compile here; the transform runs uncompiled. %s", error)
            _XlaBackend.available = False
            return function(self, x, *static)


def _may_be_by_numpy(x: Any) -> bool:
    """Whether all are tensors in the host's memory, of full precision, or Python's own numbers, and
    no gradient is recorded."""
    return not record.could_possibly_record() and all(
        "CPU" in one.device and one.dtype not in _HALF if tf.is_tensor(one) else type(one) is float
        for one in tf.nest.flatten(x)
    )


def _by_numpy(function: Callable[..., Any], x: Any, *static: Hashable) -> Any:
    """What NumPy makes of eager tensors, as tensors."""
    on_host = tf.nest.map_structure(lambda one: one if type(one) is float else one.numpy(), x)
    made = function(NumpyBackend(), on_host, *static)
    return tf.nest.map_structure(tf.convert_to_tensor, made)


class _XlaBackend(TensorFlowBackend):
    """TensorFlow under XLA, which would otherwise recompute one axis for each tap of the next."""

    available = True
    tracing: ContextVar[bool] = ContextVar("tracing", default=False)

    def packed(self, x: tf.Tensor, axis: int) -> tf.Tensor:
        @tf.custom_gradient
        def barrier(y: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            return gen_xla_ops.xla_optimization_barrier([y])[0], lambda gradient: gradient

        return barrier(x)


def _is_frequent(
    function: Callable[..., Any], x: Any, static: tuple[Hashable, ...], size: int
) -> bool:
    """Whether so much was transformed by then that compiling would have taken no longer."""
    key = function, static, tuple(tuple(np.shape(tensor)) for tensor in tf.nest.flatten(x))
    frequent = _transformed[key] >= _WORTH_TRACING
    _transformed[key] += size
    if len(_transformed) > _MOST_SHAPES:
        _transformed.clear()
    return frequent


_transformed: Counter[Any] = Counter()


@lru_cache(maxsize=256)
def _compiled(function: Callable[..., Any], static: tuple[Hashable, ...]) -> Callable[[Any], Any]:
    backend = _XlaBackend()

    def traced(x: Any) -> Any:
        token = backend.tracing.set(True)
        try:
            return function(backend, x, *static)
        finally:
            backend.tracing.reset(token)

    compiled = tf.function(traced, jit_compile=True)
    compiled._omit_frequent_tracing_warning = True  # one trace a shape is what is meant
    return compiled


def _innermost(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, axes: Any) -> tf.Tensor:
    """Apply a function of the innermost axes to `axes`."""
    order = [axis for axis in range(len(x.shape)) if axis not in axes] + list(axes)
    if order == sorted(order):
        return function(x)
    return tf.transpose(function(tf.transpose(x, order)), np.argsort(order))
