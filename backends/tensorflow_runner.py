"""Functions of TensorFlow's models, with and without gradients with respect to the inputs."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .base import NO_FRONT_END_GRADIENT, NO_GRADIENT, FrontEnd, Runner, Score

_WORTH_TRACING = 2
"""Calls of a function before the next is compiled: tracing takes as long as a few."""
_MOST_ELEMENTS = 8 * 3 * 224 * 224
"""Of the inputs of a call that is not compiled, which holds all that lies between."""


class TensorFlowRunner(Runner):
    """TensorFlow, as it runs a model: what is called again and again is compiled. What is compiled
    stays with this object. Another one sees the model as it is by then."""

    def __init__(self, model: Any, front_end: FrontEnd | None = None):
        super().__init__(model, front_end)
        self._calls: Counter[Any] = Counter()
        self._compiled: dict[tuple[str, Score], Callable[..., Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_calls": Counter(), "_compiled": {}}

    def evaluate(self, score: Score, x: tf.Tensor, *rows: tf.Tensor) -> tf.Tensor:
        return self._run(self._evaluate, score, x, rows)

    def differentiate(
        self, score: Score, x: tf.Tensor, *rows: tf.Tensor
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        scores, gradients = self._run(self._differentiate, score, x, rows)
        if gradients[-1] is None:
            raise ValueError(NO_GRADIENT)
        if gradients[0] is None:
            raise ValueError(NO_FRONT_END_GRADIENT)
        return scores, gradients

    def _evaluate(self, score: Score, x: tf.Tensor, *rows: tf.Tensor) -> tf.Tensor:
        return score(self.seen(x), *rows)

    def _differentiate(self, score: Score, x: tf.Tensor, *rows: tf.Tensor) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            seen = self.seen(x)
            if self.front_end is not None:
                tape.watch(seen)
            scores = score(seen, *rows)
        wanted = (x,) if self.front_end is None else (x, seen)
        gradients = tape.gradient(scores, wanted)
        dense = [tf.convert_to_tensor(g) if g is not None else None for g in gradients]
        return scores, tuple(dense)

    def _run(
        self, function: Callable[..., Any], score: Score, x: tf.Tensor, rows: tuple[tf.Tensor, ...]
    ) -> Any:
        key = (function.__name__, score)
        if not tf.executing_eagerly() or tf.config.functions_run_eagerly():
            return function(score, x, *rows)
        if key not in self._compiled:
            self._calls[key] += 1
            small = x.shape.num_elements() <= _MOST_ELEMENTS
            if small and self._calls[key] <= _WORTH_TRACING:
                return function(score, x, *rows)
            self._compiled[key] = _compiled(lambda *rows: function(score, *rows), x, *rows)
        return self._compiled[key](x, *rows)


def _compiled(function: Callable[..., Any], *rows: tf.Tensor) -> Callable[..., Any]:
    """A function that is traced once for any number of rows, as far as the model lets it."""
    some = [tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in rows]
    for traced, like in (
        (tf.function(function, reduce_retracing=True, autograph=False), some),
        (tf.function(function), rows),  # what asks for their number, or for what they hold
    ):
        traced._omit_frequent_tracing_warning = True  # each model has a trace of its own
        with contextlib.suppress(Exception):  # the call itself tells what is wrong
            traced.get_concrete_function(*like)
            return traced
    return function
