"""
Scores of inputs whose coefficients are masked, in batches that fit the device.

What is to be scored is asked for by generators, one for each input, so that a method may look at
some scores before it asks for more. Masks are made batch by batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from tqdm.auto import tqdm

from ..backends import Backend, ScoreFunction, Tensor
from ..coefficients import Coefficients, map_bands
from .batching import BatchSize, finite_scores, in_batches
from .cells import HELD, count_cells
from .responses import Points

Asking = Generator[list[Points], np.ndarray, Any]
"""Asks for the scores at points, is sent them in one array, and returns a result."""


class Design(Protocol):
    """The rows of A and B."""

    def __call__(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """At least the first `rows` rows of A and of B, arrays (rows, cells) in [0, 1]."""
        ...


class Transform(Protocol):
    """A linear transform of inputs into coefficients, and its inverse."""

    def forward(self, x: Tensor) -> Coefficients:
        """The coefficients of `x`."""
        ...

    def inverse(self, coefficients: Coefficients, shape: Any) -> Tensor:
        """The input of `shape` that has these coefficients."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class MaskingProblem:
    """
    What is explained, by masks.

    Parameters
    ----------
    backend
        Backend of all tensors.
    scores
        ``scores(x, y)``: one score for each input.
    x
        Inputs, N first.
    y
        Targets, one for each input.
    transform
        Transform of the inputs.
    cells
        Cell map, of the shape of one input's coefficients (or one that broadcasts to it).
    batch_size
        Most perturbed inputs at once.
    verbose
        Whether to show the progress.
    """

    backend: Backend
    scores: ScoreFunction
    x: Tensor
    y: Tensor
    transform: Transform
    cells: Coefficients
    batch_size: BatchSize
    verbose: bool = False


def answer(
    problem: MaskingProblem,
    design: Design,
    askings: Iterable[Callable[[Coefficients], Asking]],
    together: int,
) -> list[Any]:
    """
    Score what each input's generator asks for, until all have their results.

    Parameters
    ----------
    problem
        What is explained.
    design
        The rows of A and B, which all inputs share.
    askings
        For each input, what makes its generator from its coefficients (arrays without N).
    together
        Number of inputs answered side by side, so that their questions fill the batches.

    Returns
    -------
    results
        What the generators return.
    """
    results: list[Any] = []
    with tqdm(unit="forward", disable=not problem.verbose) as progress:
        queue = list(askings)
        for start in range(0, len(queue), together):
            block = slice(start, start + together)
            scorer = _Scorer(problem, design, block, progress)
            generators = [
                asking(z) for asking, z in zip(queue[block], scorer.coefficients(), strict=True)
            ]
            results += _in_turns(generators, scorer, share=len(generators) / (len(queue) - start))
    return results


def _in_turns(generators: list[Asking], scorer: _Scorer, share: float) -> list[Any]:
    """Answer several generators; `share` is their part of all inputs that are left."""
    results: list[Any] = [None] * len(generators)
    asked = {number: next(generator) for number, generator in enumerate(generators)}
    done = scorer.progress.n
    while asked:
        counts = [sum(len(p.rows) for p in points) for points in asked.values()]
        so_far = scorer.progress.n - done + sum(counts)
        scorer.progress.total = done + round(so_far / share)
        scorer.progress.refresh()
        scores = np.split(scorer(asked), np.cumsum(counts)[:-1])
        for number, part in zip(list(asked), scores, strict=True):
            try:
                asked[number] = generators[number].send(part)
            except StopIteration as stop:
                results[number] = stop.value
                del asked[number]
    return results


class _Scorer:
    """Scores the points that a block of inputs asks for."""

    def __init__(self, problem: MaskingProblem, design: Design, block: slice, progress: tqdm):
        self.problem = problem
        self.design = design
        self.progress = progress
        self.y = problem.y[block]
        x = problem.x[block]
        self.shape = tuple(x.shape[1:])
        self.like = x[:1]
        self.z = problem.transform.forward(x)
        self.alone: dict[int, Coefficients] = {}
        self.held = count_cells(problem.cells)
        self.cells = map_bands(
            lambda band: problem.backend.asindex(np.where(band == HELD, self.held, band), x),
            problem.cells,
        )

    def coefficients(self) -> Iterator[Coefficients]:
        """The coefficients of each input, as arrays."""
        arrays = map_bands(self.problem.backend.to_numpy, self.z)
        for number in range(len(self.y)):
            yield map_bands(lambda band, number=number: band[number], arrays)

    def __call__(self, asked: dict[int, list[Points]]) -> np.ndarray:
        """The scores of all points asked for, in their order."""
        queue = (
            _Point(number, p.cells, row)
            for number, points in asked.items()
            for p in points
            for row in p.rows.tolist()
        )
        a, b = self.design(1 + max(max(p.rows) for points in asked.values() for p in points))
        batches = in_batches(
            queue,
            lambda batch: self._scores(batch, a, b),
            self.problem.batch_size,
            self.problem.backend,
        )
        return np.concatenate(list(batches))

    def _scores(self, batch: list[_Point], a: np.ndarray, b: np.ndarray) -> np.ndarray:
        backend, count = self.problem.backend, len(batch)
        x = self._perturbed(_combine(batch, a, b))
        x = backend.asarray(x if len(x) == count else x[:count], like=self.problem.x)
        numbers = backend.asindex(np.array([point.number for point in batch]), self.like)
        y = backend.take(self.y, numbers, 0)
        scores = finite_scores(backend, self.problem.scores, x, y)
        self.progress.update(count)
        return scores

    def _perturbed(self, combination: _Combination) -> Tensor:
        """The perturbed inputs, filled up to a size that is compiled already."""
        backend, like = self.problem.backend, self.like
        numbers, masks, bases, parts, weights = map(self._filled, combination)
        tensors = (
            backend.asarray(masks, like=like),
            self._coefficients_of(numbers),
            self.cells,
            *(backend.asindex(index, like) for index in (bases, parts)),
            backend.asarray(weights, like=like),
        )
        shape = (len(masks), *self.shape)
        size = len(weights) * math.prod(self.shape)
        return backend.run(_combined, tensors, self.problem.transform, shape, size=size)

    def _filled(self, array: np.ndarray) -> np.ndarray:
        return self.problem.batch_size.filled(array, self.problem.backend)

    def _coefficients_of(self, numbers: np.ndarray) -> Coefficients:
        """The coefficients of the inputs of a batch; those of one input broadcast over it."""
        first = int(numbers[0])
        if np.any(numbers != first):
            index = self.problem.backend.asindex(numbers, self.like)
            return map_bands(lambda band: self.problem.backend.take(band, index, 0), self.z)
        if first not in self.alone:
            self.alone = {first: map_bands(lambda band: band[first : first + 1], self.z)}
        return self.alone[first]


class _Point(NamedTuple):
    """A perturbed input: the number of the input, the columns that come from B, the row."""

    number: int
    cells: np.ndarray
    row: int


class _Combination(NamedTuple):
    """
    Perturbed inputs, as sums of inputs that they share.

    An input is linear in its mask: that of a row of A in which one cell comes from B is the row's
    own, plus a multiple of what the cell alone holds. A batch of few rows and many cells so takes
    far fewer inverse transforms than it has inputs.

    Parameters
    ----------
    numbers, masks
        What is shared: the numbers (M,) of the inputs, and the factors (M, cells + 1) of their
        cells and of what is held.
    bases, parts, weights
        The perturbed inputs: the shared ones of the numbers `bases` (N,), plus `weights` (N,)
        times those of the numbers `parts` (N,).
    """

    numbers: np.ndarray
    masks: np.ndarray
    bases: np.ndarray
    parts: np.ndarray
    weights: np.ndarray


def _combine(
    batch: list[_Point], a: np.ndarray, b: np.ndarray, sharing: bool = True
) -> _Combination:
    """The perturbed inputs of a batch, from no more inverse transforms than it has inputs."""
    shared: dict[tuple[int, int | None, bytes], tuple[int, np.ndarray]] = {}
    none = np.arange(0)

    def place(number: int, row: int | None, cells: np.ndarray) -> int:
        """The place of a row in which `cells` come from B, or of the cells alone."""
        found = shared.setdefault((number, row, cells.tobytes()), (len(shared), cells))
        return found[0]

    bases, parts = np.zeros((2, len(batch)), int)
    weights = np.zeros(len(batch), a.dtype)
    for index, (number, cells, row) in enumerate(batch):
        single = sharing and len(cells) == 1
        bases[index] = place(number, row, none if single else cells)
        if single:
            parts[index] = place(number, None, cells)
            weights[index] = b.item(row, cells[0]) - a.item(row, cells[0])
    if len(shared) > len(batch):
        return _combine(batch, a, b, sharing=False)
    masks = np.zeros((len(shared), a.shape[1] + 1), a.dtype)
    for mask, ((_, line, _), (_, cells)) in zip(masks, shared.items(), strict=True):
        if line is None:
            mask[cells] = 1
        else:
            mask[:-1], mask[-1] = a[line], 1
            mask[cells] = b[line, cells]
    numbers = np.array([number for number, _, _ in shared])
    return _Combination(numbers, masks, bases, parts, weights)


def _combined(
    backend: Backend, tensors: Any, transform: Transform, shape: tuple[int, ...]
) -> Tensor:
    """The perturbed inputs that a `_Combination` tells of, from the inputs' coefficients."""
    masks, coefficients, cells, bases, parts, weights = tensors

    def masked(band: Tensor, index: Tensor) -> Tensor:
        factors = backend.asarray(backend.take(masks, index, 1), like=band)
        return backend.packed(band * factors, 0)

    shared = backend.packed(transform.inverse(map_bands(masked, coefficients, cells), shape), 0)
    factors = backend.asarray(weights, like=shared)[(..., *(None,) * (len(shape) - 1))]
    return backend.take(shared, bases, 0) + factors * backend.take(shared, parts, 0)
