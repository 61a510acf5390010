"""Refinement: few forwards, the same indices where they are large."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique import WCAM
from wam_xplique.algorithms import refinement
from wam_xplique.algorithms.cells import group_tree
from wam_xplique.algorithms.masking import Responses
from wam_xplique.algorithms.refinement import check_budget, first_rows, refine

from ..attributions.helpers import Counted
from .helpers import driven, masks_at, sobol

SIDE, ROWS = 8, 32
CELLS = [np.arange(SIDE * SIDE).reshape(SIDE, SIDE)]


def run(function, energy, limit, rows=ROWS, groups=None, regions=None, seed=0):
    """Refine a function of masks; total, evaluated, the masks it was called with, and all else."""
    a, b = sobol(seed, len(energy))(rows)
    responses, masks, every = Responses(len(energy)), [], np.arange(rows)

    def answer(points):
        masks.append(masks_at(points, a, b))
        return function(masks[-1])

    driven(responses.ask({responses.none: every, responses.all: every}), answer)
    groups = groups or group_tree(CELLS)
    regions = np.zeros(len(energy), int) if regions is None else regions
    asking = refine(responses, groups, (a, b), energy, limit, regions, seed)
    refined = driven(asking, answer)
    return refined.total, refined.evaluated, np.concatenate(masks), responses, refined


def full(function, cells, rows=ROWS, seed=0):
    """Jansen's total indices of the full design, written down anew."""
    a, b = sobol(seed, cells)(rows)
    scores = function(a)
    changes = [scores - function(with_cell(cell, a, b)) for cell in range(cells)]
    return np.mean(np.square(changes), axis=1) / (2 * np.var(scores, ddof=1))


def with_cell(cell, a, b):
    return masks_at([(cell, np.arange(len(a)))], a, b)


def interacting(weights):
    return lambda m: (m @ weights) + 2 * m[:, 3] * m[:, 12] + np.cos(3 * m[:, 40])


WEIGHTS = np.random.default_rng(0).exponential(1, SIDE * SIDE) ** 3


@pytest.mark.parametrize("limit", [0.005, 0.05, 300, 800])
def test_cells_evaluated_in_full_have_all_rows_of_the_full_design(limit):
    groups, design = group_tree(CELLS), sobol(0, SIDE * SIDE)(ROWS)
    function = interacting(WEIGHTS)
    _, evaluated, _, responses, _ = run(function, WEIGHTS**2, limit, groups=groups)
    assert evaluated.any()
    assert not evaluated.all()
    for leaf in (leaf for root in groups for leaf in root.leaves()):
        (cell,) = leaf.cells
        scores = np.ldexp(responses.of([leaf], ROWS)[0], responses.exponent)
        known = np.isfinite(scores)
        assert known.all() == evaluated[cell]
        expected = function(with_cell(cell, *design))
        np.testing.assert_allclose(scores[known], expected[known], rtol=1e-12)


def test_large_indices_are_found():
    total, evaluated, masks, *_ = run(interacting(WEIGHTS), np.ones(SIDE * SIDE), 0.02)
    reference = full(interacting(WEIGHTS), SIDE * SIDE)
    assert (reference > 0.03).any()
    assert evaluated[reference > 0.03].all()
    assert np.corrcoef(total, reference)[0, 1] > 0.98
    assert len(masks) < ROWS * (SIDE * SIDE + 2) / 2


def test_one_row_tells_a_single_cell_of_a_linear_function():
    weights = WEIGHTS[:4]
    cells = group_tree([np.arange(4).reshape(2, 2)])
    total, _, masks, *_ = run(lambda m: m @ weights, weights**2, 0.99, 32, cells)
    exact = full(lambda m: m @ weights, 4)
    assert (exact < 0.01).any()
    np.testing.assert_allclose(total, exact, atol=2e-5)
    assert len(masks) < 32 * 6


# A product of 1 + c (m − 1/2): the total indices are known in closed form, and the cells interact
# so much that a group's index is far below the sum of its cells'.
PRODUCT = np.full(SIDE * SIDE, 0.01)
PRODUCT[[0, 1, SIDE, SIDE + 1]] = 0.3, 0.2, 0.1, 0.1
REST = (np.indices((SIDE, SIDE)) >= SIDE // 2).any(axis=0).ravel().astype(int)


def product(m):
    return np.prod(1 + np.sqrt(12 * PRODUCT) * (m - 0.5), axis=1)


@pytest.fixture(scope="module")
def products():
    """Refined indices of the product over designs, with draws and without."""

    def over_designs(draws):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(refinement, "DRAWS", draws)
            return [run(product, PRODUCT, 0.2, 64, regions=REST, seed=seed) for seed in range(12)]

    return over_designs(0), over_designs(refinement.DRAWS)


def rest(total):
    """The share of the cells of small indices."""
    return total[..., REST == 1].sum(axis=-1) / total.sum(axis=-1)


def test_sums_count_what_cells_do_together(products):
    every = [full(product, SIDE * SIDE, 64, seed).sum() for seed in range(12)]
    without, drawn = (np.array([total for total, *_ in runs]) for runs in products)
    assert np.mean(without.sum(axis=1) / every) < 0.75
    assert np.mean(drawn.sum(axis=1) / every) == pytest.approx(1, abs=0.1)


def test_shares_are_those_in_closed_form(products):
    exact = rest(PRODUCT / (1 + PRODUCT))
    without, drawn = (np.mean([rest(total) for total, *_ in runs]) for runs in products)
    assert abs(without - exact) > 0.1
    assert drawn == pytest.approx(exact, abs=0.04)


def test_draws_take_few_forwards(products):
    before, after = (np.mean([len(masks) for _, _, masks, *_ in runs]) for runs in products)
    assert before < after <= before + refinement.DRAWS


def test_resampled_draws_cover_the_full_design(products):
    covered = []
    for seed, (*_, refined) in enumerate(products[1]):
        shares = rest(refined.resampled(999, np.random.default_rng(0)))
        low, high = np.quantile(shares, [0.025, 0.975])
        covered.append(low <= rest(full(product, SIDE * SIDE, 64, seed)) <= high)
    assert np.mean(covered) >= 0.8


@settings(max_examples=25, deadline=None)
@given(st.integers(100, 3000), st.integers(0, 1000))
def test_a_budget_is_kept_and_spent(budget, seed):
    weights = np.random.default_rng(seed).exponential(1, SIDE * SIDE)
    _, _, masks, responses, _ = run(interacting(weights), weights**2, budget)
    assert responses.forwards == len(masks) <= budget
    most = ROWS * (SIDE * SIDE + 2)
    assert len(masks) > min(budget, most) * 0.8


def test_no_mask_is_asked_for_twice():
    _, _, masks, *_ = run(interacting(WEIGHTS), WEIGHTS, 0.01)
    assert len(np.unique(masks, axis=0)) == len(masks)


def test_a_lower_tolerance_takes_more_forwards():
    forwards = [run(interacting(WEIGHTS), WEIGHTS**2, t)[3].forwards for t in (0.3, 0.05, 0.005)]
    assert forwards[0] < forwards[1] < forwards[2]


def test_a_group_that_does_nothing_stays_closed():
    weights = np.zeros((SIDE, SIDE))
    weights[:4, :4] = 1
    groups = group_tree(CELLS)
    _, _, _, responses, _ = run(lambda m: m @ weights.ravel(), np.ones(64), 0.05, groups=groups)
    opened = {
        int(leaf.cells[0])
        for root in groups
        for leaf in root.leaves()
        if np.isfinite(responses.of([leaf], ROWS)).any()
    }
    assert opened == set(np.flatnonzero(weights))


@pytest.fixture
def images():
    x = np.random.default_rng(0).normal(size=(3, 32, 32, 1)).astype(np.float32)
    x[:, 8:16, 8:16] *= 6
    return x, np.eye(2, dtype=np.float32)[[0, 0, 1]]


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize("partition", ["mosaic", "subband", "band", "scale"])
@pytest.mark.parametrize("limit", [0.02, 200])
def test_wcam_reports_forwards_and_reaches_the_full_design(images, partition, limit):
    model, options = Counted(), {"nb_design": 16, "partition": partition, "level": 2}
    reference = WCAM(model, 8, **options).explain_wavelet(*images).sobol
    model.rows.clear()
    refined = WCAM(model, 8, **options, refine=limit).explain_wavelet(*images).sobol
    assert refined.forwards.sum() == sum(model.rows)
    assert (refined.forwards <= reference.forwards).all()
    reached = refined.evaluated
    np.testing.assert_allclose(refined.total[reached], reference.total[reached], rtol=1e-5)
    np.testing.assert_allclose(
        refined.first_order[reached], reference.first_order[reached], rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(refined.interval[reached], reference.interval[reached], rtol=1e-4)
    assert np.isnan(refined.first_order[~reached]).all()
    assert np.isnan(refined.interval[~reached]).all()
    assert np.isfinite(refined.total).all()
    np.testing.assert_array_equal(
        np.isfinite(refined.importance_interval), np.isfinite(reference.importance_interval)
    )
    assert np.isfinite(refined.importance_interval[:, 1:]).all()  # the approximation is held


def test_an_input_is_refined_as_if_it_were_alone(images):
    x, y = images
    explainer = WCAM(Counted(), 8, 16, level=2, refine=0.02)
    together = explainer.explain_wavelet(x, y).sobol
    alone = explainer.explain_wavelet(x[1:2], y[1:2]).sobol
    np.testing.assert_allclose(together.total[1], alone.total[0], rtol=1e-6)
    assert together.forwards[1] == alone.forwards[0]


@pytest.mark.usefixtures("steady")
def test_a_growing_design_keeps_to_refinement(images):
    model = Counted()
    explainer = WCAM(model, 8, 8, level=2, refine=0.02, until={"rank_correlation": 0.99})
    grown = explainer.explain_wavelet(*images).sobol
    assert grown.forwards.sum() == sum(model.rows)
    assert (grown.nb_design > 8).any()
    assert (grown.forwards < grown.nb_design * (grown.total.shape[1] + 2)).all()


def test_nothing_to_refine_where_scores_do_not_vary(images):
    explainer = WCAM(lambda x: np.ones((len(x), 2)), 8, level=2, refine=0.1)
    with pytest.warns(UserWarning, match="do not vary"):
        assert not explainer.explain_wavelet(*images).sobol.total.any()


def test_a_budget_too_small_is_refused_before_the_first_forward(images):
    model = Counted()
    with pytest.raises(ValueError, match=r"refine=20 .* the smallest is"):
        WCAM(model, 8, 16, level=2, refine=20)(*images)
    assert not model.rows


def test_the_smallest_budget_suffices():
    roots = group_tree(CELLS)
    least = 2 * ROWS + first_rows(ROWS) * len(roots)
    check_budget(least, roots, ROWS)
    with pytest.raises(ValueError, match=f"the smallest is {least}"):
        check_budget(least - 1, roots, ROWS)
    _, _, masks, *_ = run(interacting(WEIGHTS), WEIGHTS, least)
    assert len(masks) == least
