"""Functions of TensorFlow's models, with and without gradients with respect to the inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .runner import NO_FRONT_END_GRADIENT, NO_GRADIENT, FrontEnd, Runner, Score

_WORTH_TRACING = 64
"""Inputs of one size before the next are run compiled: tracing takes as long as so many."""
_MOST_ELEMENTS = 8 * 3 * 224 * 224
"""Of the inputs of a call that is not compiled."""


class TensorFlowRunner(Runner):
    """
    TensorFlow, as it runs a model: what is called again and again is compiled.

    What is compiled stays with this object. Another one sees the model as it is by then.
    """

    def __init__(self, model: Any, front_end: FrontEnd | None = None):
        super().__init__(model, front_end)
        self._inputs: Counter[Any] = Counter()
        self._compiled: dict[tuple[str, Score], Callable[..., Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_inputs": Counter(), "_compiled": {}}

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
        size = (*key, tuple(x.shape[1:]))
        self._inputs[size] += len(x)
        if self._inputs[size] <= _WORTH_TRACING:
            return _in_parts(lambda x, *rows: function(score, x, *rows), x, *rows)
        if key not in self._compiled:
            traced = tf.function(lambda x, *rows: function(score, x, *rows), reduce_retracing=True)
            traced._omit_frequent_tracing_warning = True  # each model has a trace of its own
            self._compiled[key] = traced
        return self._compiled[key](x, *rows)


def _in_parts(function: Callable[..., Any], *rows: tf.Tensor) -> Any:
    """A function that is not compiled, of few inputs at once: it holds all that lies between."""
    count = max(1, _MOST_ELEMENTS // max(rows[0][0].shape.num_elements(), 1))
    starts = range(0, len(rows[0]), count)
    parts = [function(*(tensor[start : start + count] for tensor in rows)) for start in starts]
    return parts[0] if len(parts) == 1 else tf.nest.map_structure(_joined, *parts)


def _joined(*tensors: tf.Tensor | None) -> tf.Tensor | None:
    return None if tensors[0] is None else tf.concat(tensors, 0)
