"""Points of a design, written out, and what asks for their scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.stats

Design = Callable[[int], tuple[np.ndarray, np.ndarray]]


def uniform(seed: int, cells: int) -> Design:
    """A design of independent points, which begins alike whatever its size."""
    return lambda rows: np.split(np.random.default_rng(seed).random((rows, 2 * cells)), 2, axis=1)


def sobol(seed: int, cells: int) -> Design:
    sampler = scipy.stats.qmc.Sobol
    return lambda rows: np.split(sampler(2 * cells, seed=seed).random(rows), 2, axis=1)


def masks_at(points: list[Any], a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The mask of each point: a row of A in which some columns come from B."""
    parts = []
    for cells, rows in points:
        part = a[rows].copy()
        part[:, cells] = b[rows][:, cells]
        parts.append(part)
    return np.concatenate(parts)


def driven(generator: Any, answer: Callable[[Any], np.ndarray]) -> Any:
    """What a generator returns whose questions are answered."""
    try:
        question = next(generator)
        while True:
            question = generator.send(answer(question))
    except StopIteration as stop:
        return stop.value
