"""
Sobol indices of cells, estimated from a replicated design: the WCAM paper's equation 7.

Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing Attribution
to the Wavelet Domain (2023).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.stats

from ..coefficients import Coefficients
from ..indices import MOST_DESIGNS, region_importance
from .cells import Group, cell_energy, group_tree
from .masking import Design, ScoreRequests
from .refinement import Refined, refine
from .responses import Points, Responses

Estimator = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""``estimator(a, b, c)``: total indices (G,) from scores (rows,), (rows,) and (G, rows)."""

RESAMPLES = 999
TELLING = 0.05
"""Of the variance over all rows: what a resample must have for its indices to mean anything."""
RESOLUTION = 4 * float(np.finfo(np.float32).eps)
"""Scores whose spread is below this fraction of their size do not vary but by rounding."""


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
    energy = cell_energy(problem.cells, coefficients)
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
    if before is not None and "rank_correlation" in until:
        return rank_correlation(before.total, now.total) >= until["rank_correlation"]
    return False


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's; 1 where all values are equal."""
    ranks = [scipy.stats.rankdata(values) for values in (x, y)]
    if any(np.ptp(values) == 0 for values in ranks):
        return 1.0
    return float(np.corrcoef(*ranks)[0, 1])


def _estimate(
    problem: SobolProblem, responses: Responses, energy: np.ndarray, rows: int
) -> Generator[list[Points], np.ndarray, Estimate]:
    ends, every = [responses.none, responses.all], np.arange(rows)
    if problem.refine is None:
        yield from responses.ask(dict.fromkeys([*ends, *problem.single], every))
    else:
        yield from responses.ask(dict.fromkeys(ends, every))
    a, b = responses.of(ends, rows)
    variance = float(np.var(a, ddof=1))
    if np.sqrt(variance) <= RESOLUTION * np.abs(a).max():
        return _nothing(problem, rows, responses.forwards)
    refined = Refined(np.zeros(len(energy)), np.ones(len(energy), bool))
    if problem.refine is not None:
        design_a, design_b = problem.design(rows)
        design = design_a[:rows], design_b[:rows]
        regions = np.argmax(problem.shares, axis=0)
        refined = yield from refine(
            responses, problem.roots, design, energy, problem.refine, regions, problem.seed
        )
    total, evaluated = refined.total, refined.evaluated
    chosen = np.flatnonzero(evaluated)
    c = responses.of([problem.single[cell] for cell in chosen], rows)
    first = np.full(len(total), np.nan)
    if len(chosen):
        total[chosen], first[chosen] = problem.estimator(a, b, c), first_order(a, b, c)
    intervals: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
    if problem.confidence is not None:
        intervals = _intervals(problem, a, b, c, refined, chosen)
    bounds = np.finfo(np.float64)
    with np.errstate(over="ignore"):
        variance = float(np.ldexp(variance, 2 * (responses.exponent or 0)))
    variance = min(max(variance, float(bounds.tiny)), float(bounds.max))  # 0 is of what is constant
    return Estimate(total, first, *intervals, evaluated, variance, rows, responses.forwards)


def _nothing(problem: SobolProblem, rows: int, forwards: int) -> Estimate:
    """The estimate where the scores do not vary."""
    count = problem.shares.shape[1]
    zeros = np.zeros(count)
    intervals: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
    if problem.confidence is not None:
        of_regions = np.stack([region_importance(zeros, problem.shares)] * 2, axis=-1)
        intervals = np.zeros((count, 2)), of_regions
    return Estimate(zeros, zeros, *intervals, np.ones(count, bool), 0.0, rows, forwards)


def _intervals(
    problem: SobolProblem,
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    refined: Refined,
    chosen: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap intervals of the total indices and of the importance of each region. Those of the
    cells `chosen`, whose scores are c. Of the others, those that were drawn from are resampled by
    their draws, and the rest are taken for sure."""
    draws = np.random.default_rng([problem.seed, 1])

    def statistic(rows: np.ndarray, axis: int) -> np.ndarray:
        samples = np.atleast_2d(rows)
        resampled = (
            refined.total[np.newaxis].copy()
            if rows.ndim == 1
            else refined.resampled(len(samples), draws)
        )
        resampled[:, chosen] = _resampled(problem.estimator, a, b, c, samples)
        parts = [resampled[:, chosen], region_importance(resampled, problem.shares)]
        values = np.concatenate(parts, axis=-1).T
        return values[:, 0] if rows.ndim == 1 else values

    result = scipy.stats.bootstrap(
        (np.arange(len(a)),),
        statistic,
        n_resamples=RESAMPLES if problem.estimator is jansen else RESAMPLES // 5,
        vectorized=True,
        confidence_level=problem.confidence,
        method="percentile",
        random_state=np.random.default_rng(problem.seed),
    )
    found = np.stack(result.confidence_interval, axis=-1)
    interval = np.full((len(refined.total), 2), np.nan)
    interval[chosen] = found[: len(chosen)]
    return interval, found[len(chosen) :]


def _resampled(
    estimator: Estimator, a: np.ndarray, b: np.ndarray, c: np.ndarray, samples: np.ndarray
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
