"""Sobol indices against functions whose indices are known, and when a design stops to grow."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from xplique.attributions.global_sensitivity_analysis import JansenEstimator

from wam_xplique.algorithms.estimators import Estimate, SobolProblem, estimate, first_order, jansen
from wam_xplique.indices import region_importance

from .helpers import driven, masks_at, sobol, uniform

# --- functions of independent uniform masks, and their indices -----------------------------

WEIGHTS = np.array([1.0, -2.0, 0.5, 3.0])
ISHIGAMI_A, ISHIGAMI_B = 7.0, 0.1
G = np.array([0.0, 1.0, 4.5, 9.0])


def additive(m: Any, ops: Any) -> Any:
    return sum(w * m[k] for k, w in enumerate(WEIGHTS.tolist()))


def interaction(m: Any, ops: Any) -> Any:
    return m[0] * m[1] + m[2]


def product(m: Any, ops: Any) -> Any:
    return m[0] * m[1] * m[2] * m[3]


def ishigami(m: Any, ops: Any) -> Any:
    x = [math.pi * (2 * m[k] - 1) for k in range(3)]
    return ops.sin(x[0]) + ISHIGAMI_A * ops.sin(x[1]) ** 2 + ISHIGAMI_B * x[2] ** 4 * ops.sin(x[0])


def sobol_g(m: Any, ops: Any) -> Any:
    result = 1.0
    for k, a in enumerate(G.tolist()):
        result = result * (ops.abs(4 * m[k] - 2) + a) / (1 + a)
    return result


def _ishigami_indices() -> tuple[np.ndarray, np.ndarray]:
    a, b, pi = ISHIGAMI_A, ISHIGAMI_B, math.pi
    v1, v2 = (1 + b * pi**4 / 5) ** 2 / 2, a**2 / 8
    v13 = b**2 * pi**8 * (1 / 18 - 1 / 50)
    whole = v1 + v2 + v13
    return np.array([v1 + v13, v2, v13, 0]) / whole, np.array([v1, v2, 0, 0]) / whole


def _g_indices() -> tuple[np.ndarray, np.ndarray]:
    v = 1 / (3 * (1 + G) ** 2)
    whole = np.prod(1 + v) - 1
    return v * np.prod(1 + v) / (1 + v) / whole, v / whole


_SQUARES = WEIGHTS**2 / (WEIGHTS**2).sum()
_WHOLE = (4 / 3) ** 4 - 1  # of the product: E[m²] / E[m]² = 4/3

# name: (function of four masks and a module with sin and abs, total indices, first-order indices)
FUNCTIONS: dict[str, tuple[Callable[[Any, Any], Any], np.ndarray, np.ndarray]] = {
    "additive": (additive, _SQUARES, _SQUARES),
    "interaction": (interaction, np.array([4, 4, 12, 0]) / 19, np.array([3, 3, 12, 0]) / 19),
    "product": (product, np.full(4, (4 / 3) ** 3 / 3 / _WHOLE), np.full(4, 1 / 3 / _WHOLE)),
    "ishigami": (ishigami, *_ishigami_indices()),
    "g": (sobol_g, *_g_indices()),
}
each_function = pytest.mark.parametrize(
    ("function", "total", "first"), FUNCTIONS.values(), ids=FUNCTIONS
)

# --- a model in place of the masking -------------------------------------------------------

Scores = Callable[[np.ndarray], np.ndarray]


class Answers:
    """Answers an estimate's questions with a function of the masks, by default the g-function;
    notes each point asked for."""

    def __init__(self, scores: Scores | None = None, cells: int = 4, design: Any = None):
        self.scores, self.cells = scores or on_arrays(sobol_g), cells
        self.design = design or sobol(0, cells)
        self.asked: list[tuple[tuple[int, ...], int]] = []
        self.questions = 0

    def __call__(self, nb_design: int, shares: Any = None, **options: Any) -> Estimate:
        problem = SobolProblem(
            cells=[np.arange(self.cells)],
            shares=np.eye(self.cells) if shares is None else shares,
            design=self.design,
            nb_design=nb_design,
            **options,
        )
        return driven(estimate(problem, [np.ones(self.cells)]), self._answer)

    def _answer(self, points: list[Any]) -> np.ndarray:
        self.questions += 1
        for cells, rows in points:
            self.asked += [(tuple(cells.tolist()), row) for row in rows.tolist()]
        design = self.design(1 + max(max(rows) for _, rows in points))
        return self.scores(masks_at(points, *design))


def on_arrays(function: Callable[[Any, Any], Any]) -> Scores:
    return lambda masks: function(masks.T, np)


@functools.cache
def g_estimates(
    nb_design: int, confidence: float | None, repetitions: int = 40
) -> tuple[Estimate, ...]:
    """Estimates of the g-function by independent designs."""
    return tuple(
        Answers(design=uniform(seed, 4))(nb_design, confidence=confidence, seed=seed)
        for seed in range(repetitions)
    )


# --- the equations -------------------------------------------------------------------------


A, B, *C = np.random.default_rng(0).normal(3, 2, (7, 32))
C = np.stack(C)


def test_jansens_estimators_are_equation_7():
    n, mean = len(A), sum(A) / len(A)
    variance = sum((x - mean) ** 2 for x in A) / (n - 1)
    total = [sum((x - z) ** 2 for x, z in zip(A, row, strict=True)) / (2 * n) for row in C]
    rest = [sum((y - z) ** 2 for y, z in zip(B, row, strict=True)) / (2 * n) for row in C]
    np.testing.assert_allclose(jansen(A, B, C), np.array(total) / variance)
    np.testing.assert_allclose(first_order(A, B, C), (variance - np.array(rest)) / variance)


def test_total_indices_are_those_of_xpliques_estimator():
    outputs = np.concatenate([A, B, C.ravel()]).astype(np.float32)
    theirs = JansenEstimator()(np.zeros((len(outputs), 5), np.float32), outputs, len(A))
    np.testing.assert_allclose(jansen(A, B, C), theirs, rtol=1e-5)


@each_function
def test_indices_converge_to_the_analytic_ones(function, total, first):
    result = Answers(on_arrays(function))(2048, confidence=None)
    np.testing.assert_allclose(result.total, total, atol=0.015)
    np.testing.assert_allclose(result.first_order, first, atol=0.03)


@each_function
def test_the_error_falls_with_the_number_of_designs(function, total, first):
    def error(nb_design: int) -> float:
        results = [
            Answers(on_arrays(function), design=uniform(seed, 4))(nb_design, confidence=None)
            for seed in range(15)
        ]
        return float(np.mean([np.abs(result.total - total).mean() for result in results]))

    # One over the root of 16 is 1/4.
    assert error(1024) < 0.45 * error(64)


def test_a_cell_of_no_effect_has_no_index_and_the_variance_is_that_of_the_scores_of_a():
    answers = Answers(on_arrays(interaction))
    result = answers(64)
    assert result.total[3] == 0
    np.testing.assert_array_equal(result.interval[3], 0)
    scores = interaction(answers.design(64)[0].T, np)
    np.testing.assert_allclose(result.variance, np.var(scores, ddof=1))


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(1e-6, 1e6),
    sign=st.sampled_from([-1, 1]),
    shift=st.floats(-10, 10),
    seed=st.integers(0, 50),
)
def test_indices_do_not_depend_on_the_unit_of_the_scores(scale, sign, shift, seed):
    def scaled(masks: np.ndarray) -> np.ndarray:
        return sign * scale * (sobol_g(masks.T, np) + shift)

    plain = Answers(design=uniform(seed, 4))(16)
    other = Answers(scaled, design=uniform(seed, 4))(16)
    for name in ("total", "first_order", "interval", "importance_interval"):
        np.testing.assert_allclose(getattr(other, name), getattr(plain, name), atol=1e-8)
    np.testing.assert_allclose(other.variance, scale**2 * plain.variance, rtol=1e-6)


@pytest.mark.parametrize("refine", [None, 0.02])
@pytest.mark.parametrize("exponent", [-1000, -600, 600, 1000])
def test_scores_whose_squares_leave_double_precision_have_indices(exponent, refine):
    def scaled(masks: np.ndarray) -> np.ndarray:
        return np.ldexp(sobol_g(masks.T, np), exponent)

    found, plain = (
        Answers(function, design=uniform(0, 4))(16, refine=refine)
        for function in (scaled, on_arrays(sobol_g))
    )
    for name in ("total", "first_order", "interval", "importance_interval"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))
    assert 0 < found.variance < np.inf


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(4)))
def test_indices_follow_their_cells(order):
    """Cells in another order, with their columns: the same indices in that order."""
    design = uniform(3, 4)
    columns = list(order)

    def reordered(rows: int) -> list[np.ndarray]:
        return [matrix[:, columns] for matrix in design(rows)]

    def scores(masks: np.ndarray) -> np.ndarray:
        return sobol_g(masks[:, np.argsort(columns)].T, np)

    plain = Answers(design=design)(32)
    other = Answers(scores, design=reordered)(32)
    np.testing.assert_allclose(other.total, plain.total[columns])
    np.testing.assert_allclose(other.interval, plain.interval[columns])


# --- forwards ------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(cells=st.integers(1, 7), nb_design=st.sampled_from([2, 4, 8, 3]))
def test_each_point_of_the_design_is_asked_for_once(cells, nb_design):
    answers = Answers(lambda masks: masks.sum(axis=1), cells, uniform(0, cells))
    result = answers(nb_design)
    groups = [(), tuple(range(cells)), *((cell,) for cell in range(cells))]
    assert sorted(answers.asked) == sorted((g, row) for g in groups for row in range(nb_design))
    assert result.forwards == len(answers.asked) == nb_design * (cells + 2)
    assert result.nb_design == nb_design
    assert result.evaluated.all()


# --- scores that do not vary ---------------------------------------------------------------


@pytest.mark.parametrize("confidence", [None, 0.9])
@pytest.mark.parametrize(
    "scores",
    [
        lambda masks: np.ones(len(masks)),
        lambda masks: np.zeros(len(masks)),
        lambda masks: np.float32(1) - np.float32(6e-8) * (masks[:, 0] > 0.5),
        lambda masks: np.float32(-3e7) + np.float32(2) * (masks[:, 1] > 0.5),
    ],
    ids=["one", "zero", "one by rounding", "large by rounding"],
)
def test_scores_that_do_not_vary_but_by_rounding_have_no_indices(scores, confidence):
    result = Answers(scores)(32, confidence=confidence, until={"rank_correlation": 1.0})
    assert result.variance == 0
    assert result.nb_design == 32  # there is nothing to wait for
    for values in (result.total, result.first_order):
        np.testing.assert_array_equal(values, 0)
    if confidence is None:
        assert result.interval is result.importance_interval is None
    else:
        np.testing.assert_array_equal(result.interval, np.zeros((4, 2)))
        np.testing.assert_array_equal(result.importance_interval, np.zeros((4, 2)))


def test_scores_that_vary_little_have_indices():
    result = Answers(lambda masks: 1 + 1e-5 * additive(masks.T, np))(1024, confidence=None)
    np.testing.assert_allclose(result.total, FUNCTIONS["additive"][1], atol=0.02)


# --- intervals -----------------------------------------------------------------------------


def contains(intervals: Any, values: Any) -> np.ndarray:
    low, high = np.moveaxis(np.asarray(intervals), -1, 0)
    return (low <= values) & (values <= high)


def test_intervals_hold_the_estimate_and_the_truth_as_often_as_they_say_and_are_as_wide_as_due():
    results, truth = g_estimates(256, 0.95), FUNCTIONS["g"][1]
    assert np.mean([contains(r.interval, r.total) for r in results]) >= 0.98
    assert np.mean([contains(r.interval, truth) for r in results]) >= 0.85
    half = np.mean([contains(r.interval, truth) for r in g_estimates(256, 0.5)])
    assert 0.35 <= half <= 0.65
    spread = np.std([r.total for r in results], axis=0)
    widths = np.mean([np.ptp(r.interval, axis=-1) for r in results], axis=0)
    np.testing.assert_allclose(widths / (2 * 1.96 * spread), 1, atol=0.35)


def test_intervals_shrink_with_the_root_of_the_number_of_designs():
    def width(nb_design: int) -> np.ndarray:
        intervals = [r.interval for r in g_estimates(nb_design, 0.95, 10)]
        return np.ptp(intervals, axis=-1).mean(axis=0)

    np.testing.assert_allclose(width(1024) / width(256), 0.5, atol=0.12)


def test_intervals_grow_with_the_confidence():
    widths = [np.ptp(Answers()(64, confidence=c).interval, axis=-1) for c in (0.5, 0.8, 0.95, 0.99)]
    assert (np.diff(widths, axis=0) > 0).all()


def test_intervals_of_the_importance_contain_the_importance_mostly():
    shares = np.array([[1, 0.5, 0, 0], [0, 0.5, 1, 0], [0, 0, 0, 1.0]])
    inside, covered = [], []
    expected = region_importance(FUNCTIONS["g"][1], shares)
    for seed in range(30):
        result = Answers(design=uniform(seed, 4))(128, shares=shares, seed=seed)
        assert result.importance_interval.shape == (3, 2)
        value = region_importance(result.total, shares)
        inside.append(contains(result.importance_interval, value))
        covered.append(contains(result.importance_interval, expected))
    assert np.mean(inside) >= 0.95
    assert np.mean(covered) >= 0.8


def test_the_seed_determines_the_bootstrap_which_is_none_unless_asked_for():
    one, same, other = (Answers()(16, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.interval, same.interval)
    assert not np.array_equal(one.interval, other.interval)
    without = Answers()(16, confidence=None)
    assert without.interval is without.importance_interval is None
    np.testing.assert_array_equal(without.total, one.total)


def saltelli(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return 1 - (np.mean(a * c, axis=-1) - a.mean() ** 2) / np.var(a, ddof=1)


def test_an_estimator_of_ones_own_is_estimated_and_resampled():
    total = FUNCTIONS["g"][1]
    results = [Answers(design=uniform(seed, 4))(512, estimator=saltelli) for seed in range(5)]
    np.testing.assert_allclose(np.mean([r.total for r in results], axis=0), total, atol=0.12)
    assert all(contains(result.interval, result.total).all() for result in results)
    spread = np.mean([np.ptp(r.interval, axis=-1) for r in results], axis=0)
    assert (spread > 0.02).all()


@pytest.mark.parametrize("estimator", [jansen, saltelli])
@pytest.mark.parametrize("nb_design", [2, 3])
def test_the_smallest_designs_have_finite_intervals(estimator, nb_design):
    """Many resamples of two rows draw one of them twice: nothing varies there."""
    result = Answers(design=uniform(1, 4))(nb_design, estimator=estimator)
    for values in (result.total, result.interval, result.importance_interval):
        assert np.isfinite(values).all()


# --- growing designs -----------------------------------------------------------------------


def grown(**options: Any) -> tuple[Estimate, Answers]:
    answers = Answers()
    return answers(8, **options), answers


def assert_same(actual: Estimate, expected: Estimate) -> None:
    for name, value in expected._asdict().items():
        np.testing.assert_allclose(getattr(actual, name), value, err_msg=name)


@pytest.mark.parametrize(
    "until",
    [{"forwards": 500}, {"rank_correlation": 1.0}, {"interval": 0.12}],
    ids=lambda until: next(iter(until)),
)
def test_a_grown_design_is_that_of_its_size_and_no_point_is_asked_for_twice(until):
    result, answers = grown(until=until)
    assert result.nb_design > 8
    assert answers.questions > 1
    assert_same(result, Answers()(result.nb_design))
    assert len(set(answers.asked)) == len(answers.asked)
    assert result.forwards == len(answers.asked) == result.nb_design * (4 + 2)


@pytest.mark.parametrize(
    ("budget", "nb_design"), [(1, 8), (48, 8), (95, 8), (96, 16), (191, 16), (192, 32), (800, 128)]
)
def test_a_budget_is_never_exceeded_but_by_the_first_design(budget, nb_design):
    result, _ = grown(until={"forwards": budget})
    assert result.nb_design == nb_design
    assert result.forwards == 6 * nb_design


@pytest.mark.parametrize("target", [0.5, 0.2, 0.1, 0.05])
def test_the_design_doubles_until_the_widest_interval_is_narrow_enough(target):
    expected = 8
    while np.ptp(Answers()(expected).interval, axis=-1).max() / 2 > target:
        expected *= 2
    result, _ = grown(until={"interval": target})
    assert result.nb_design == expected
    assert np.ptp(result.interval, axis=-1).max() / 2 <= target


@pytest.mark.parametrize("target", [0.0, 0.9, 1.0])
def test_the_design_doubles_until_the_ranks_stay(target):
    def correlation(nb_design: int) -> float:
        pair = (Answers()(n, confidence=None).total for n in (nb_design // 2, nb_design))
        return scipy.stats.spearmanr(*pair).statistic

    expected = 16
    while correlation(expected) < target - 1e-9:
        expected *= 2
    result, _ = grown(until={"rank_correlation": target}, confidence=None)
    assert result.nb_design == expected


def test_ranks_with_ties_are_compared_as_spearman_does():
    """Of two cells without an effect in four designs, one has some in eight."""
    design = uniform(0, 3)
    threshold = np.concatenate(design(4))[:, 1].max()

    def answers() -> Answers:
        return Answers(lambda masks: masks[:, 2] + (masks[:, 1] > threshold), 3, design)

    totals = [answers()(nb_design, confidence=None).total for nb_design in (4, 8, 16)]
    assert totals[0][0] == totals[0][1] == totals[1][0] == 0 < totals[1][1] < totals[1][2]
    correlations = [scipy.stats.spearmanr(*totals[k : k + 2]).statistic for k in (0, 1)]
    assert correlations[0] < 0.9 < correlations[1]
    assert answers()(4, until={"rank_correlation": 0.9}).nb_design == 16


def test_the_first_target_that_is_met_ends_the_growth_as_one_cell_that_has_nothing_to_rank():
    one = Answers(lambda masks: masks[:, 0], 1)
    assert one(8, until={"rank_correlation": 1.0}).nb_design == 16
    both, _ = grown(until={"interval": 1e-6, "forwards": 200})
    assert both.forwards == 192
    other, _ = grown(until={"interval": 1e6, "forwards": 10**9})
    assert other.nb_design == 8


def test_a_target_out_of_reach_ends_at_4096_designs_and_a_larger_design_is_kept():
    result, answers = grown(until={"interval": 0.0})
    assert result.nb_design == 4096
    assert len(answers.asked) == 4096 * 6
    assert answers.questions == 10
    assert Answers()(8192, until={"forwards": 10**9}, confidence=None).nb_design == 8192


@pytest.mark.parametrize("seed", range(1, 4))
def test_rounding_of_saturated_scores_does_not_change_the_intervals(seed):
    """A softmax near 1, but for some rows: many resamples of eight draw none of these."""

    def saturated(masks: np.ndarray) -> np.ndarray:
        return np.where(masks[:, 0] + masks[:, 1] < 0.7, masks[:, 0], 1.0)

    def rounded(masks: np.ndarray) -> np.ndarray:
        return saturated(masks) - np.finfo(np.float32).eps * (masks[:, 2] > 0.5)

    exact = Answers(saturated, design=uniform(seed, 4))(8)
    other = Answers(rounded, design=uniform(seed, 4))(8)
    assert exact.variance > 0
    np.testing.assert_allclose(other.total, exact.total, atol=1e-4)
    np.testing.assert_allclose(other.interval, exact.interval, atol=1e-4)
