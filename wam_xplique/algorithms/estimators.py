"""Sobol indices of cells, estimated from a replicated design: the WCAM paper's equation 7.

Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing Attribution
to the Wavelet Domain (2023).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..coefficients import Coefficients, map_bands
from ..indices import MOST_DESIGNS, region_importance
from .cells import Group, cell_sums, group_tree
from .masking import Design, Points, Responses, ScoreRequests
from .refinement import Refined, refine

Estimator = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""``estimator(a, b, c)``: total indices (G,) from scores (rows,), (rows,) and (G, rows)."""

RESAMPLES = 999
# Of the variance over all rows: what a resample must have for its indices to mean anything.
TELLING = 0.05
# Scores whose spread is below this fraction of their size do not vary but by rounding.
RESOLUTION = 4 * float(np.finfo(np.float32).eps)


def jansen(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Total indices (G,), eq. 7: Jansen, Analysis of variance designs for model output (1999)."""
    return np.mean((a - c) ** 2, axis=-1) / (2 * np.var(a, ddof=1))


def first_order(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """First-order indices (G,) by Jansen's estimator (eq. 7, left)."""
    return 1 - np.mean((b - c) ** 2, axis=-1) / (2 * np.var(a, ddof=1))


@dataclass(frozen=True)
class SobolProblem:
    """What is estimated of each input; rows double until one of the targets `until` is met."""

    cells: Coefficients  # a cell map that broadcasts to the coefficients
    shares: np.ndarray  # the part (L, K) of each cell in each of L regions
    design: Design
    nb_design: int  # rows of A (and of B) to begin with
    estimator: Estimator = jansen
    until: Mapping[str, float] | None = None
    confidence: float | None = 0.95
    seed: int = 0
    refine: float | int | None = None  # a tolerance below 1, or a budget of forwards

    @functools.cached_property
    def roots(self) -> list[Group]:
        """The groups that refinement starts from."""
        return group_tree(self.cells)

    @functools.cached_property
    def single(self) -> list[Group]:
        """The cells, which are the leaves of the roots where there is refinement."""
        if self.refine is None:
            return [Group(np.array([cell])) for cell in range(self.shares.shape[1])]
        leaves = (leaf for root in self.roots for leaf in root.leaves())
        return sorted(leaves, key=lambda leaf: leaf.cells[0])


class Estimate(NamedTuple):
    """The Sobol indices of one input; fields as in `SobolIndices`, without N."""

    total: np.ndarray
    first_order: np.ndarray
    interval: np.ndarray | None
    importance_interval: np.ndarray | None
    evaluated: np.ndarray
    variance: float
    nb_design: int
    forwards: int


def estimate(problem: SobolProblem, coefficients: Coefficients) -> ScoreRequests:
    """Ask for the scores of one input until its Sobol indices are known well enough."""
    energy = cell_sums(problem.cells, map_bands(lambda z: np.abs(z) ** 2, coefficients))
    responses, rows, before = Responses(len(energy)), problem.nb_design, None
    while True:
        now = yield from _estimate(problem, responses, energy, rows)
        if _is_enough(problem.until, now, before):
            return now
        rows, before = 2 * rows, now


def _is_enough(until: Mapping[str, float] | None, now: Estimate, before: Estimate | None) -> bool:
    if until is None or now.variance == 0 or now.nb_design >= MOST_DESIGNS:
        return True
    if 2 * now.forwards > until.get("forwards", np.inf):
        return True
    if now.interval is not None and now.evaluated.any() and "interval" in until:
        widths = np.ptp(now.interval[now.evaluated], axis=-1)
        if widths.max() / 2 <= until["interval"]:
            return True
    if before is None or "rank_correlation" not in until:
        return False
    pair = before.total[np.newaxis], now.total[np.newaxis]
    return bool(rank_correlations(*pair, constant=1)[0] >= until["rank_correlation"])


def rank_correlations(x: np.ndarray, y: np.ndarray, constant: float = 0) -> np.ndarray:
    """
    Spearman's correlation (N,) of the rows of x and y (N, K), `constant` where one does not vary.

    >>> rank_correlations(np.array([[1, 2, 3], [1, 1, 1]]), np.array([[1, 4, 9], [3, 2, 1]]))
    array([1., 0.])
    """
    from scipy.stats import rankdata

    x, y = (rankdata(rows, axis=1) for rows in (x, y))
    x, y = (rows - rows.mean(axis=1, keepdims=True) for rows in (x, y))
    norms = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    whole = np.full(len(norms), float(constant))
    return np.divide((x * y).sum(axis=1), norms, out=whole, where=norms > 0)


def _estimate(
    problem: SobolProblem, responses: Responses, energy: np.ndarray, rows: int
) -> Generator[list[Points], np.ndarray, Estimate]:
    ends, cells = [responses.none, responses.all], problem.single if problem.refine is None else []
    yield from responses.ask(dict.fromkeys([*ends, *cells], np.arange(rows)))
    a, b = responses.of(ends, rows)
    variance = np.var(a, ddof=1)
    if np.sqrt(variance) <= RESOLUTION * np.abs(a).max():
        return _nothing(problem, rows, responses.forwards)
    refined = Refined(np.zeros(len(energy)), np.ones(len(energy), bool))
    if problem.refine is not None:
        design_a, design_b = (matrix[:rows] for matrix in problem.design(rows))
        how = (energy, problem.refine, np.argmax(problem.shares, axis=0), problem.seed)
        refined = yield from refine(responses, problem.roots, (design_a, design_b), *how)
    total, chosen = refined.total, np.flatnonzero(refined.evaluated)
    c = responses.of([problem.single[cell] for cell in chosen], rows)
    first = np.full(len(total), np.nan)
    if len(chosen):
        total[chosen], first[chosen] = problem.estimator(a, b, c), first_order(a, b, c)
    intervals: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
    if problem.confidence is not None:
        intervals = _intervals(problem, problem.confidence, refined, (a, b, c))
    bounds = np.finfo(np.float64)  # a variance of 0 is of what is constant
    with np.errstate(over="ignore"):
        whole = np.ldexp(variance, 2 * (responses.exponent or 0)).clip(bounds.tiny, bounds.max)
    return Estimate(
        total, first, *intervals, refined.evaluated, float(whole), rows, responses.forwards
    )


def _nothing(problem: SobolProblem, rows: int, forwards: int) -> Estimate:
    """The estimate where the scores do not vary."""
    zeros = np.zeros(problem.shares.shape[1])
    values = zeros, region_importance(zeros, problem.shares)
    known = problem.confidence is not None
    interval, of_regions = (np.stack([v, v], axis=-1) if known else None for v in values)
    evaluated = np.ones(len(zeros), bool)
    return Estimate(zeros, zeros, interval, of_regions, evaluated, 0.0, rows, forwards)


def _intervals(
    problem: SobolProblem, confidence: float, refined: Refined, scores: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap intervals of the total indices and of the importance of each region, from scores of
    A, B and the cells evaluated. Of the others, those that were drawn from are resampled by their
    draws; the rest are sure."""
    count = RESAMPLES if problem.estimator is jansen else RESAMPLES // 5
    total = refined.resampled(count, np.random.default_rng([problem.seed, 1]))
    designs = len(scores[0])
    rows = np.random.default_rng(problem.seed).integers(0, designs, (count, designs))
    total[:, refined.evaluated] = _resampled(problem.estimator, rows, *scores)
    ends = (1 - confidence) / 2, (1 + confidence) / 2
    parts = (total, region_importance(total, problem.shares))
    interval, of_regions = (np.quantile(values, ends, axis=0).T for values in parts)
    interval[~refined.evaluated] = np.nan
    return interval, of_regions


def _resampled(
    estimator: Estimator, samples: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray
) -> np.ndarray:
    """Total indices (samples, G) over the rows that each sample draws. A sample in which the scores
    hardly vary tells nothing; it has the indices of all rows."""
    variances = np.var(a[samples], axis=-1, ddof=1)
    telling = variances > TELLING * np.var(a, ddof=1)
    total = np.repeat(estimator(a, b, c)[np.newaxis], len(samples), axis=0)
    if estimator is jansen:
        # The same sums as in `jansen`, as one product of matrices.
        counts = np.stack([np.bincount(rows, minlength=len(a)) for rows in samples])
        changes = counts[telling] @ ((a - c) ** 2).T / len(a)
        total[telling] = changes / (2 * variances[telling, np.newaxis])
    else:
        total[telling] = [estimator(a[rows], b[rows], c[:, rows]) for rows in samples[telling]]
    return total
