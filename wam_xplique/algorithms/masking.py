"""
Scores of inputs whose coefficients are masked, in batches that fit the device.

The transform is linear, so with z = W(x − x₀) and a mask m, the perturbed input is
x₀ + W⁻¹(m ⊙ z). Masks are made batch by batch.

What is to be scored for Sobol indices is asked for by generators, one for each input, so that a
method may look at some scores before it asks for more.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from ..backends import Backend, ScoreFunction, Tensor
from ..coefficients import Coefficients, map_bands
from .batching import BatchSize, Progress, finite_scores, in_batches
from .cells import HELD, count_cells
from .responses import Points

Item = TypeVar("Item", bound=tuple[Any, ...])

ScoreRequests = Generator[list[Points], np.ndarray, Any]
"""Asks for the scores at points, is sent them in one array, and returns a result."""


Design = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""``design(rows)``: at least as many rows of A and of B, arrays (rows, cells) in [0, 1]."""


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
    """What is masked, and scored."""

    backend: Backend
    scores: ScoreFunction
    x: Tensor
    y: Tensor
    transform: Transform
    cells: Coefficients  # a cell map that broadcasts to one input's coefficients
    batch_size: BatchSize
    progress: Progress = field(default_factory=Progress)
    baseline: Tensor | float = 0.0  # x₀: inputs of the shape of x, or one number


def deviations(problem: MaskingProblem) -> tuple[Tensor | float, Coefficients]:
    """The baseline x₀ and W(x − x₀), filled up to a number of inputs that is compiled already."""
    backend, baseline = problem.backend, problem.baseline
    numbers = problem.batch_size.filled(np.arange(len(problem.x)), backend)

    def filled(tensor: Tensor) -> Tensor:
        if len(tensor) == len(numbers):
            return tensor
        return backend.rows(tensor, numbers)

    baseline = baseline if isinstance(baseline, float) else filled(baseline)
    return baseline, problem.transform.forward(filled(problem.x) - baseline)


class MaskedScorer(ABC, Generic[Item]):
    """Scores perturbed inputs, each told by an item whose first is the number of the input."""

    def __init__(self, problem: MaskingProblem):
        self.problem = problem
        self.baseline, self.z = deviations(problem)

    def __call__(self, items: Iterable[Item]) -> np.ndarray:
        """The scores, in the items' order."""
        batch_size, backend = self.problem.batch_size, self.problem.backend
        return np.concatenate(list(in_batches(iter(items), self._scores, batch_size, backend)))

    def inputs(self, batch: list[Item]) -> Tensor:
        """The perturbed inputs."""
        x = self.filled_inputs(batch)
        return self.problem.backend.asarray(
            x if len(x) == len(batch) else x[: len(batch)], like=self.problem.x
        )

    @abstractmethod
    def filled_inputs(self, batch: list[Item]) -> Tensor:
        """The perturbed inputs, filled up to a size that is compiled already."""

    def filled(self, array: np.ndarray) -> np.ndarray:
        """The rows of a batch, filled up likewise."""
        return self.problem.batch_size.filled(array, self.problem.backend)

    def _scores(self, batch: list[Item]) -> np.ndarray:
        backend, y = self.problem.backend, self.problem.y
        y = backend.rows(y, np.array([number for number, *_ in batch]))
        scores = finite_scores(backend, self.problem.scores, self.inputs(batch), y)
        self.problem.progress.update(len(batch))
        return scores


def score_requests(
    problem: MaskingProblem,
    design: Design,
    requesters: Iterable[Callable[[Coefficients], ScoreRequests]],
) -> list[Any]:
    """Score what each input's generator asks for, side by side, until all have their results."""
    scorer = _PointScorer(problem, design)
    generators = [request(z) for request, z in zip(requesters, scorer.coefficients(), strict=True)]
    results: list[Any] = [None] * len(generators)
    asked = {number: next(generator) for number, generator in enumerate(generators)}
    while asked:
        counts = [sum(len(p.rows) for p in points) for points in asked.values()]
        problem.progress.expect(sum(counts))
        scores = np.split(scorer.scores(asked), np.cumsum(counts)[:-1])
        for number, part in zip(list(asked), scores, strict=True):
            try:
                asked[number] = generators[number].send(part)
            except StopIteration as stop:
                results[number] = stop.value
                del asked[number]
    return results


class _PointScorer(MaskedScorer["_Point"]):
    """Scores the points that inputs ask for."""

    def __init__(self, problem: MaskingProblem, design: Design):
        super().__init__(problem)
        self.design = design
        self.a = self.b = np.zeros((0, 0))
        self.alone: dict[int, Coefficients] = {}
        held = count_cells(problem.cells)
        self.cells = map_bands(
            lambda band: problem.backend.asindex(np.where(band == HELD, held, band), problem.x),
            problem.cells,
        )

    def coefficients(self) -> Iterator[Coefficients]:
        """The coefficients of each input, as arrays."""
        arrays = map_bands(self.problem.backend.to_numpy, self.z)
        for number in range(len(self.problem.y)):
            yield map_bands(lambda band, number=number: band[number], arrays)

    def scores(self, asked: dict[int, list[Points]]) -> np.ndarray:
        """The scores of all points asked for, in their order."""
        rows = 1 + max(max(p.rows) for points in asked.values() for p in points)
        self.a, self.b = self.design(rows)
        return self(
            _Point(number, p.cells, row)
            for number, points in asked.items()
            for p in points
            for row in p.rows.tolist()
        )

    def filled_inputs(self, batch: list[_Point]) -> Tensor:
        backend, like = self.problem.backend, self.problem.x
        combination = _combine(batch, self.a, self.b)
        numbers, masks, bases, parts, weights = map(self.filled, combination)
        tensors = (
            backend.asarray(masks, like=like),
            self._coefficients_of(numbers),
            self.cells,
            *(backend.asindex(index, like) for index in (bases, parts)),
            backend.asarray(weights, like=like),
        )
        shape = (len(masks), *like.shape[1:])
        size = len(weights) * math.prod(shape[1:])
        return backend.run(_combined, tensors, self.problem.transform, shape, size=size)

    def _coefficients_of(self, numbers: np.ndarray) -> Coefficients:
        """The coefficients of the inputs of a batch; those of one input broadcast over it."""
        first = int(numbers[0])
        if np.any(numbers != first):
            return map_bands(lambda band: self.problem.backend.rows(band, numbers), self.z)
        if first not in self.alone:
            self.alone = {first: map_bands(lambda band: band[first : first + 1], self.z)}
        return self.alone[first]


class _Point(NamedTuple):
    """A perturbed input: the number of the input, the columns that come from B, the row."""

    number: int
    cells: np.ndarray
    row: int


class _Combination(NamedTuple):
    """Perturbed inputs, as sums of inputs that they share. An input is linear in its mask: that of
    a row of A in which one cell comes from B is the row's own, plus a multiple of what the cell
    alone holds. That takes far fewer inverse transforms."""

    numbers: np.ndarray  # (M,), of the inputs that are shared
    masks: np.ndarray  # (M, cells + 1), factors of cells and of what is held
    bases: np.ndarray  # the shared ones (N,) that are taken once
    parts: np.ndarray  # and those that `weights` (N,) multiply
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
