"""
Sobol indices of cells, estimated from a replicated design: the WCAM paper's equation 7.

Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing Attribution
to the Wavelet Domain (2023).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.stats

from ..coefficients import Coefficients
from ..indices import importance
from .cells import Group, count_cells
from .masking import Asking, Points

Estimator = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""``estimator(a, b, c)``: total indices (G,) from scores (rows,), (rows,) and (G, rows)."""

RESAMPLES = 999
MOST_DESIGNS = 4096
RESOLUTION = 4 * float(np.finfo(np.float32).eps)
"""Scores whose spread is below this fraction of their size do not vary but by rounding."""


def jansen(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """
    Total indices by Jansen's estimator (eq. 7, right).

    Ref. Jansen, Analysis of variance designs for model output (1999).

    Parameters
    ----------
    a, b
        Scores (rows,) of the rows of A and of B.
    c
        Scores (G, rows) of the rows of A in which the columns of each group come from B.

    Returns
    -------
    indices
        Total indices (G,), at least 0.
    """
    return np.mean((a - c) ** 2, axis=-1) / (2 * np.var(a, ddof=1))


def first_order(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """First-order indices (G,) by Jansen's estimator (eq. 7, left); arguments as for `jansen`."""
    return 1 - np.mean((b - c) ** 2, axis=-1) / (2 * np.var(a, ddof=1))


@dataclass(frozen=True)
class SobolProblem:
    """
    What is estimated of each input.

    Parameters
    ----------
    cells
        Cell map, of the shape of the coefficients (or one that broadcasts to it).
    shares
        The part (L, K) of each cell in each of L regions.
    nb_design
        Rows of A (and of B) to begin with.
    estimator
        Estimator of the total indices.
    until
        Targets: "interval" (the widest half of an interval of a total index), "rank_correlation"
        (Spearman's, between the total indices of a design and of the one half as large),
        "forwards" (for each input). `nb_design` doubles until one is met.
    confidence
        Confidence level of the bootstrap intervals; None for none.
    seed
        Seed of the bootstrap.
    refine
        None for the full design.
    """

    cells: Coefficients
    shares: np.ndarray
    nb_design: int
    estimator: Estimator = jansen
    until: Mapping[str, float] | None = None
    confidence: float | None = 0.95
    seed: int = 0
    refine: float | int | None = None

    @functools.cached_property
    def single(self) -> list[Group]:
        """The cells."""
        return [Group(np.array([cell])) for cell in range(count_cells(self.cells))]


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


class Responses:
    """
    The scores of one input at the points of a design, each asked for once.

    Parameters
    ----------
    cells
        Number of cells.
    """

    def __init__(self, cells: int):
        self.none = Group(np.arange(0))
        self.all = Group(np.arange(cells))
        self._known: dict[Group, np.ndarray] = {}

    @property
    def forwards(self) -> int:
        """Number of scores known."""
        return sum(int(np.isfinite(scores).sum()) for scores in self._known.values())

    def ask(self, wanted: Mapping[Group, np.ndarray]) -> Generator[list[Points], np.ndarray, None]:
        """
        Ask for the scores of rows of A in which the columns of a group come from B.

        Parameters
        ----------
        wanted
            The rows wanted of each group; those known are not asked for again.
        """
        new = {}
        for group, rows in wanted.items():
            known = self._known.get(group, np.empty(0))
            size = max(len(known), rows.max(initial=-1) + 1)
            known = np.pad(known, (0, size - len(known)), constant_values=np.nan)
            self._known[group] = known
            new[group] = rows[np.isnan(known[rows])]
        points = [Points(group.cells, rows) for group, rows in new.items() if len(rows)]
        if points:
            scores = iter((yield points))
            for group, rows in new.items():
                self._known[group][rows] = list(itertools.islice(scores, len(rows)))

    def of(self, groups: Sequence[Group], rows: int) -> np.ndarray:
        """The scores (groups, rows) of the first rows; NaN where they are not known."""
        scores = np.full((len(groups), rows), np.nan)
        for line, group in zip(scores, groups, strict=True):
            known = self._known.get(group, line)[:rows]
            line[: len(known)] = known
        return scores


def estimate(problem: SobolProblem, coefficients: Coefficients) -> Asking:
    """
    Estimate the Sobol indices of one input.

    Parameters
    ----------
    problem
        What is estimated.
    coefficients
        Coefficients of the input.

    Yields
    ------
    points
        Points whose scores are needed next; they must be sent.

    Returns
    -------
    estimate
        An `Estimate`.
    """
    responses, rows, before = Responses(problem.shares.shape[1]), problem.nb_design, None
    while True:
        now = yield from _estimate(problem, responses, rows)
        if _is_enough(problem.until, now, before):
            return now
        rows, before = 2 * rows, now


def _is_enough(until: Mapping[str, float] | None, now: Estimate, before: Estimate | None) -> bool:
    if until is None or now.variance == 0 or now.nb_design >= MOST_DESIGNS:
        return True
    if 2 * now.forwards > until.get("forwards", np.inf):
        return True
    if now.interval is not None and "interval" in until:
        widest = np.nanmax(np.ptp(now.interval, axis=-1)) / 2
        if widest <= until["interval"]:
            return True
    if before is not None and "rank_correlation" in until:
        return _rank_correlation(before.total, now.total) >= until["rank_correlation"]
    return False


def _rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    ranks = [scipy.stats.rankdata(values) for values in (x, y)]
    if any(np.ptp(values) == 0 for values in ranks):
        return 1.0
    return float(np.corrcoef(*ranks)[0, 1])


def _estimate(
    problem: SobolProblem, responses: Responses, rows: int
) -> Generator[list[Points], np.ndarray, Estimate]:
    count = problem.shares.shape[1]
    ends, every = [responses.none, responses.all], np.arange(rows)
    yield from responses.ask(dict.fromkeys((*ends, *problem.single), every))
    (a, b), c = responses.of(ends, rows), responses.of(problem.single, rows)
    variance = float(np.var(a, ddof=1))
    evaluated = np.ones(count, bool)
    if np.sqrt(variance) <= RESOLUTION * np.abs(a).max():
        nothing = np.zeros(count)
        interval = importance_interval = None
        if problem.confidence is not None:
            interval = np.zeros((count, 2))
            importance_interval = np.zeros((len(problem.shares), 2))
        return Estimate(
            nothing,
            nothing,
            interval,
            importance_interval,
            evaluated,
            0.0,
            rows,
            responses.forwards,
        )
    total = problem.estimator(a, b, c)
    interval = importance_interval = None
    if problem.confidence is not None:
        interval, importance_interval = _intervals(problem, a, b, c)
    return Estimate(
        total,
        first_order(a, b, c),
        interval,
        importance_interval,
        evaluated,
        variance,
        rows,
        responses.forwards,
    )


def _intervals(
    problem: SobolProblem, a: np.ndarray, b: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap intervals of the total indices and of the importance of each region."""

    def statistic(rows: np.ndarray, axis: int) -> np.ndarray:
        total = _resampled(problem.estimator, a, b, c, np.atleast_2d(rows))
        values = np.concatenate([total, importance(total, problem.shares)], axis=-1).T
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
    interval = np.stack(result.confidence_interval, axis=-1)
    return interval[: len(c)], interval[len(c) :]


def _resampled(
    estimator: Estimator, a: np.ndarray, b: np.ndarray, c: np.ndarray, samples: np.ndarray
) -> np.ndarray:
    """Total indices (samples, G) over the rows that each sample draws; 0 where nothing varies."""
    varied = np.ptp(a[samples], axis=-1) > 0
    total = np.zeros((len(samples), len(c)))
    if estimator is jansen:
        # The same sums as in `jansen`, as one product of matrices.
        counts = np.stack([np.bincount(rows, minlength=len(a)) for rows in samples[varied]])
        spread = 2 * np.var(a[samples[varied]], axis=-1, ddof=1, keepdims=True)
        total[varied] = counts @ ((a - c) ** 2).T / (len(a) * spread)
    else:
        total[varied] = [estimator(a[rows], b[rows], c[:, rows]) for rows in samples[varied]]
    return total
