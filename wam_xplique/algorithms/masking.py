"""Scores of inputs whose coefficients are masked, in batches that fit the device.

The transform is linear, so with z = W(x − x₀) and a mask m, the perturbed input is
x₀ + W⁻¹(m ⊙ z). Masks are made batch by batch.

What is to be scored for Sobol indices is asked for by generators, one for each input, so that a
method may look at some scores before it asks for more.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ..backends import Backend, ScoreFunction, Tensor
from ..coefficients import Coefficients, Transform, map_bands
from ..fourier import FourierTransform
from .batching import BatchSize, Progress, finite_scores, in_batches
from .cells import HELD, Group, count_cells

Masked = Transform | FourierTransform


@dataclass(frozen=True)
class MaskingProblem:
    """What is masked, and scored."""

    backend: Backend
    scores: ScoreFunction
    x: Tensor
    y: Tensor
    transform: Masked
    cells: Coefficients  # a cell map that broadcasts to one input's coefficients
    batch_size: BatchSize
    progress: Progress = field(default_factory=Progress)
    baseline: Tensor | float = 0.0  # x₀: inputs of the shape of x, or one number

    def at(self, index: np.ndarray) -> MaskingProblem:
        """The same of the inputs at `index`."""
        x, y, baseline = (
            values if isinstance(values, float) else self.backend.rows(values, index)
            for values in (self.x, self.y, self.baseline)
        )
        return replace(self, x=x, y=y, baseline=baseline)


def deviations(problem: MaskingProblem) -> tuple[Tensor | float, Coefficients]:
    """The baseline x₀ and W(x − x₀), filled up to a number of inputs that is compiled already."""
    numbers = problem.batch_size.filled(np.arange(len(problem.x)), problem.backend)
    filled = problem if len(numbers) == len(problem.x) else problem.at(numbers)
    return filled.baseline, problem.transform.forward(filled.x - filled.baseline)


def of_each(problem: MaskingProblem, z: Coefficients) -> Iterator[Coefficients]:
    """The coefficients of each input, as arrays; there may be more, to fill up."""
    arrays = map_bands(problem.backend.to_numpy, z)
    return (map_bands(lambda band, n=n: band[n], arrays) for n in range(len(problem.x)))


class MaskedScorer(ABC):
    """Scores perturbed inputs, each told by an item whose first is the number of the input."""

    def __init__(self, problem: MaskingProblem):
        self.problem = problem
        self.baseline, self.z = deviations(problem)
        # What is held has the number of the last column of the masks.
        held = count_cells(problem.cells)
        self.columns = map_bands(lambda band: np.where(band == HELD, held, band), problem.cells)

    def __call__(self, items: Iterable[Any]) -> np.ndarray:
        """The scores, in the items' order."""
        batch_size, backend = self.problem.batch_size, self.problem.backend
        return np.concatenate(list(in_batches(iter(items), self._scores, batch_size, backend)))

    def inputs(self, batch: list[Any]) -> Tensor:
        """The perturbed inputs."""
        x = self.filled_inputs(batch)[: len(batch)]
        return self.problem.backend.asarray(x, like=self.problem.x)

    @abstractmethod
    def filled_inputs(self, batch: list[Any]) -> Tensor:
        """The perturbed inputs, filled up to a size that is compiled already."""

    def filled(self, array: np.ndarray) -> np.ndarray:
        """The rows of a batch, filled up likewise."""
        return self.problem.batch_size.filled(array, self.problem.backend)

    def _scores(self, batch: list[Any]) -> np.ndarray:
        backend, y = self.problem.backend, self.problem.y
        y = backend.rows(y, np.array([number for number, *_ in batch]))
        scores = finite_scores(backend, self.problem.scores, self.inputs(batch), y)
        self.problem.progress.update(len(batch))
        return scores


class Points(NamedTuple):
    """Rows of A in which the columns `cells` come from B: none for A itself, all for B."""

    cells: np.ndarray
    rows: np.ndarray


# Asks for the scores at points, is sent them in one array, and returns a result.
ScoreRequests = Generator[list[Points], np.ndarray, Any]
# design(rows): at least as many rows of A and of B, arrays (rows, cells) in [0, 1].
Design = Callable[[int], tuple[np.ndarray, np.ndarray]]
_Point = tuple[int, np.ndarray, int]  # the number of an input, columns from B, a row


class Responses:
    """The scores of one input at the points of a design, each asked for once."""

    def __init__(self, cells: int):
        self.none = Group(np.arange(0))
        self.all = Group(np.arange(cells))
        self._known: dict[Group, np.ndarray] = {}
        self.exponent: int | None = None

    @property
    def forwards(self) -> int:
        """Number of scores known."""
        return sum(int(np.isfinite(scores).sum()) for scores in self._known.values())

    def ask(self, wanted: Mapping[Group, np.ndarray]) -> Generator[list[Points], np.ndarray, None]:
        """Ask for the rows wanted of each group, as far as they are not known."""
        new = {}
        for group, rows in wanted.items():
            before = self._known.get(group, np.empty(0))
            known = np.full(max(len(before), rows.max(initial=-1) + 1), np.nan)
            known[: len(before)] = before
            self._known[group] = known
            new[group] = rows[np.isnan(known[rows])]
        points = [Points(group.cells, rows) for group, rows in new.items() if len(rows)]
        if points:
            found = yield points
            if self.exponent is None:
                self.exponent = int(np.frexp(np.abs(found).max())[1])
            scores = iter(found)
            for group, rows in new.items():
                self._known[group][rows] = list(itertools.islice(scores, len(rows)))

    def of(self, groups: Sequence[Group], rows: int) -> np.ndarray:
        """The scores (groups, rows) of the first rows, NaN where not known, in units of 2 **
        `exponent`, whose squares neither overflow nor vanish."""
        scores = np.full((len(groups), rows), np.nan)
        for line, group in zip(scores, groups, strict=True):
            known = self._known.get(group, line)[:rows]
            line[: len(known)] = known
        return np.ldexp(scores, -(self.exponent or 0))


def score_requests(
    problem: MaskingProblem,
    design: Design,
    requesters: Iterable[Callable[[Coefficients], ScoreRequests]],
) -> list[Any]:
    """Score what each input's generator asks for, side by side, until all have their results."""
    scorer = _PointScorer(problem, design)
    coefficients = of_each(problem, scorer.z)
    generators = [request(z) for request, z in zip(requesters, coefficients, strict=True)]
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


class _PointScorer(MaskedScorer):
    """Scores points, told as the number of the input, the columns that come from B, and the row."""

    def __init__(self, problem: MaskingProblem, design: Design):
        super().__init__(problem)
        self.design = design
        self.cells = map_bands(lambda c: problem.backend.asindex(c, problem.x), self.columns)

    def scores(self, asked: dict[int, list[Points]]) -> np.ndarray:
        """The scores of all points asked for, in their order."""
        self.a, self.b = self.design(
            1 + max(max(p.rows) for points in asked.values() for p in points)
        )
        return self(
            (number, p.cells, row)
            for number, points in asked.items()
            for p in points
            for row in p.rows.tolist()
        )

    def filled_inputs(self, batch: list[_Point]) -> Tensor:
        backend, like = self.problem.backend, self.problem.x
        numbers, masks, bases, parts, weights = map(self.filled, _combine(batch, self.a, self.b))
        if np.all(numbers == numbers[0]):
            numbers = numbers[:1]  # the coefficients of one input broadcast over the batch
        tensors = (
            backend.asarray(masks, like=like),
            map_bands(lambda band: backend.rows(band, numbers), self.z),
            self.cells,
            *(backend.asindex(index, like) for index in (bases, parts)),
            backend.asarray(weights, like=like),
        )
        shape = (len(masks), *like.shape[1:])
        size = len(weights) * math.prod(shape[1:])
        return backend.run(_combined, tensors, self.problem.transform, shape, size=size)


def _combine(
    batch: list[_Point], a: np.ndarray, b: np.ndarray, sharing: bool = True
) -> tuple[np.ndarray, ...]:
    """The perturbed inputs of a batch as sums of inputs that they share. An input is linear in its
    mask: that of a row of A in which one cell comes from B is the row's own, plus a multiple of
    what the cell alone holds. That takes far fewer inverse transforms, and never more than there
    are inputs. The numbers (M,) of the inputs that are shared, their masks (M, cells + 1), the last
    of what is held; which of them (N,) are taken once, which ones besides, and how many times."""
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
    return numbers, masks, bases, parts, weights


def _combined(backend: Backend, tensors: Any, transform: Masked, shape: tuple[int, ...]) -> Tensor:
    """The perturbed inputs that `_combine` tells of, from the inputs' coefficients."""
    masks, coefficients, cells, bases, parts, weights = tensors

    def masked(band: Tensor, index: Tensor) -> Tensor:
        factors = backend.asarray(backend.take(masks, index, 1), like=band)
        return backend.packed(band * factors, 0)

    shared = backend.packed(transform.inverse(map_bands(masked, coefficients, cells), shape), 0)
    factors = backend.asarray(weights, like=shared)[(..., *(None,) * (len(shape) - 1))]
    return backend.take(shared, bases, 0) + factors * backend.take(shared, parts, 0)
