"""
Scores of inputs whose coefficients are masked, in batches that fit the device.

What is to be scored is asked for by generators, one for each input, so that a method may look at
some scores before it asks for more. Masks are made batch by batch.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from tqdm.auto import tqdm

from ..backends import Backend, ScoreFunction, Tensor
from ..backends.base import check_scores
from ..coefficients import Coefficients, map_bands
from .cells import HELD, count_cells
from .responses import Points

logger = logging.getLogger(__name__)


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


class BatchSize:
    """
    How many perturbed inputs are scored at once: as many as asked for, or as fit the device.

    Parameters
    ----------
    most
        Most inputs at once; None for no limit.
    """

    def __init__(self, most: int | None):
        self.asked = self.most = most
        self._untold = False

    def halve(self, failed: int) -> None:
        """Note that `failed` inputs did not fit."""
        self.most = failed // 2
        self._untold = True

    def tell(self) -> None:
        """Log the size that works, if it had to be halved; once."""
        if self._untold:
            logger.warning("batch_size: too large for the device; going on with %d.", self.most)
        self._untold = False


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
            (number, p.cells, row)
            for number, points in asked.items()
            for p in points
            for row in p.rows
        )
        a, b = self.design(1 + max(max(p.rows) for points in asked.values() for p in points))
        return np.concatenate(list(self._in_batches(queue, a, b)))

    def _in_batches(
        self, queue: Iterator[tuple[int, np.ndarray, int]], a: np.ndarray, b: np.ndarray
    ) -> Iterator[np.ndarray]:
        while batch := list(itertools.islice(queue, self.problem.batch_size.most)):
            numbers, groups, rows = zip(*batch, strict=True)
            masks = np.ones((len(batch), self.held + 1), a.dtype)
            masks[:, :-1] = a[list(rows)]
            for mask, cells, row in zip(masks, groups, rows, strict=True):
                mask[cells] = b[row, cells]
            try:
                scores = self._scores(np.array(numbers), masks)
            except Exception as error:
                if len(batch) == 1 or not self.problem.backend.is_out_of_memory(error):
                    raise
            else:
                self.problem.batch_size.tell()
                self.progress.update(len(batch))
                yield scores
                continue
            # Outside of the handler, whose traceback would keep the tensors that did not fit.
            self.problem.batch_size.halve(len(batch))
            yield from self._in_batches(iter(batch), a, b)

    def _scores(self, numbers: np.ndarray, masks: np.ndarray) -> np.ndarray:
        backend, count = self.problem.backend, len(masks)
        filled = min(backend.batch_shape(count), self.problem.batch_size.most or count)
        masks = np.pad(masks, ((0, filled - count), (0, 0)))
        numbers = np.pad(numbers, (0, filled - count), mode="edge")
        index = backend.asindex(numbers, self.y)
        z = self._coefficients_of(numbers, index)
        mask = backend.asarray(masks, like=self.y)
        x = backend.run(
            _perturbed, (mask, z, self.cells), self.problem.transform, (filled, *self.shape)
        )
        x = backend.asarray(x if filled == count else x[:count], like=self.problem.x)
        y = backend.take(self.y, index[:count], 0)
        scores = backend.to_numpy(self.problem.scores(x, y))
        check_scores(scores.shape, count)
        if not np.isfinite(scores).all():
            raise ValueError(
                f"The model gives NaN or infinite scores for {np.sum(~np.isfinite(scores))} of "
                f"{count} perturbed inputs."
            )
        return scores.astype(np.float64)

    def _coefficients_of(self, numbers: np.ndarray, index: Tensor) -> Coefficients:
        """The coefficients of the inputs of a batch; those of one input broadcast over it."""
        first = int(numbers[0])
        if np.any(numbers != first):
            return map_bands(lambda band: self.problem.backend.take(band, index, 0), self.z)
        if first not in self.alone:
            self.alone = {first: map_bands(lambda band: band[first : first + 1], self.z)}
        return self.alone[first]


def _perturbed(
    backend: Backend, tensors: Any, transform: Transform, shape: tuple[int, ...]
) -> Tensor:
    """The inputs whose coefficients are masked."""
    masks, coefficients, cells = tensors
    masked = map_bands(
        lambda band, index: band * backend.asarray(backend.take(masks, index, 1), like=band),
        coefficients,
        cells,
    )
    return transform.inverse(masked, shape)
