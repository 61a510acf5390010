"""Orders, steps, areas and the search for the smallest count; metrics test the scores."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique.algorithms.batching import Progress
from wam_xplique.algorithms.cells import HELD, single_cells
from wam_xplique.algorithms.removal import area_under, matched_places, ranks, smallest, step_counts
from wam_xplique.coefficients import flatten


def test_ranks_descend():
    np.testing.assert_array_equal(ranks(np.array([[5, 4, 3, -np.inf]]), seed=0), [[0, 1, 2, 3]])


def test_equals_come_in_one_random_order_for_all_inputs():
    importance = np.repeat([[1.0], [0.0]], 500, axis=1)
    importance[1, 7] = 1.0
    places = ranks(importance, seed=0)
    for row in places:
        np.testing.assert_array_equal(np.sort(row), np.arange(500))
        assert abs(np.corrcoef(row, np.arange(500))[0, 1]) < 0.15
    assert places[1, 7] == 0
    others = np.delete(places, 7, axis=1)
    np.testing.assert_array_equal(*np.argsort(others, axis=1))
    assert (ranks(importance, seed=1) != places).any()


@st.composite
def features(draw) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes that all differ, and importances that may be equal."""
    count = draw(st.integers(2, 40))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    importance = generator.integers(-3, draw(st.integers(-2, 100)), (2, count))
    return generator.permuted(np.tile(np.arange(count), (2, 1)), axis=1), importance


@given(features(), st.integers(1, 60), st.integers(0, 3))
def test_matched_halves(features, groups, seed):
    magnitude, importance = features
    count = magnitude.shape[1]
    places = matched_places(magnitude, importance, groups, seed)
    np.testing.assert_array_equal(np.sort(places), np.tile(np.arange(count), (2, 1)))
    # Only the order of importance counts.
    same = matched_places(2.0**magnitude, np.exp(0.5 * importance), groups, seed)
    np.testing.assert_array_equal(same, places)
    if count % 2:
        np.testing.assert_array_equal((places == count // 2).argmax(1), magnitude.argmin(1))
    # All in one group: the upper half is the more important. Pairs: the upper one is.
    for cut in (1, count):
        places = matched_places(magnitude, importance, cut, seed)
        for row, size, weight in zip(places, magnitude, importance, strict=True):
            order = np.argsort(-size)[: count // 2 * 2]
            for group in np.split(order, 1 if cut == 1 else count // 2):
                upper, lower = group[row[group] < count // 2], group[row[group] > (count - 1) // 2]
                assert len(upper) == len(lower)
                assert weight[upper].min() >= weight[lower].max()


@pytest.mark.parametrize(
    ("features", "steps", "share", "expected"),
    [
        (10, 5, 1.0, [0, 2, 4, 6, 8, 10]),
        (10, 3, 1.0, [0, 3, 6, 10]),
        (10, 2, 0.55, [0, 2, 5]),
        (4, -1, 1.0, [0, 1, 2, 3, 4]),
        (10, -1, 0.25, [0, 1, 2]),
        (3, 10, 1.0, [0, 1, 2, 3]),
        (10, 5, 0.05, [0]),
    ],
)
def test_step_counts(features, steps, share, expected):
    assert step_counts(features, steps, share).tolist() == expected


def test_areas_are_those_of_the_trapezoidal_rule():
    np.testing.assert_allclose(area_under(np.array([[1.0, 0.5, 0.0], [2.0, 2.0, 2.0]])), [0.5, 2])
    np.testing.assert_allclose(area_under(np.array([[1.0, 0.0, 0.0]])), [0.25])


@pytest.mark.parametrize("shape", [(16,), (8, 12), (8, 4, 8)])
def test_each_coefficient_is_a_cell_the_approximation_the_last(shape):
    shapes = pywt.wavedecn_shapes(shape, "haar", "periodization", 2)
    cells = single_cells(shapes, include_approximation=True)
    numbers = np.concatenate([band.ravel() for band in flatten(cells).values()])
    assert sorted(numbers) == list(range(np.prod(shape)))
    assert cells[0].min() == np.prod(shape) - cells[0].size
    assert min(cells[1].values(), key=np.min).ravel()[0] == 0
    held = single_cells(shapes, include_approximation=False)
    assert (held[0] == HELD).all()
    np.testing.assert_array_equal(held[2]["d" * len(shape)], cells[2]["d" * len(shape)])


# --- the smallest count, against looking at every count -------------------------------------


class Table:
    """Whether something holds, written down for each sample and count; counts what is asked."""

    def __init__(self, holds: np.ndarray):
        self.holds = holds
        self.asked = np.zeros(len(holds), int)

    def __call__(self, samples: np.ndarray, counts: np.ndarray) -> np.ndarray:
        assert counts.shape[0] == len(samples)
        self.asked[samples] += counts.shape[1]
        return self.holds[samples[:, np.newaxis], counts]


def search(holds: Table, *how: int) -> tuple[np.ndarray, np.ndarray]:
    return smallest(holds, len(holds.holds), *how, Progress())


def from_count_on(starts: list[int], highest: int) -> np.ndarray:
    return np.arange(highest + 1) >= np.array(starts)[:, np.newaxis]


@settings(deadline=None)
@given(
    highest=st.integers(1, 3000),
    tries=st.integers(1, 9),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=6),
)
def test_what_holds_from_a_count_on_is_found_exactly(highest, tries, shares):
    starts = [round(share * highest) for share in shares]
    counts, found = search(Table(from_count_on(starts, highest)), highest, tries)
    assert counts.tolist() == starts
    assert found.all()


@settings(deadline=None)
@given(
    bits=st.lists(st.booleans(), min_size=2, max_size=200),
    tries=st.integers(1, 6),
)
def test_of_what_comes_and_goes_a_beginning_is_found(bits, tries):
    holds = np.array([[*bits, True]])
    (count,), (found,) = search(Table(holds), len(bits), tries)
    assert found
    assert holds[0, count]
    assert count == 0 or not holds[0, count - 1]


def test_what_never_holds_is_not_found_beside_others_that_do():
    table = Table(np.stack([np.zeros(101, bool), np.arange(101) >= 60]))
    counts, found = search(table, 100, 3)
    assert found.tolist() == [False, True]
    assert counts.tolist() == [100, 60]


def test_what_holds_only_in_the_middle_is_found_where_a_round_looks():
    holds = np.zeros((1, 1001), bool)
    holds[0, 100:900] = True
    (count,), (found,) = search(Table(holds), 1000, 8)
    assert found
    assert count == 100


@pytest.mark.parametrize("tries", [1, 4, 8])
def test_a_search_asks_for_a_logarithm_of_the_counts(tries):
    highest = 150_528
    table = Table(from_count_on([1, 70_000, highest], highest))
    search(table, highest, tries)
    rounds = np.log(highest) / np.log(tries + 1)
    assert table.asked.max() <= tries * (rounds + 3) + 2


def test_samples_that_are_done_are_asked_for_no_more():
    table = Table(from_count_on([0, 500], 1000))
    search(table, 1000, 2)
    assert table.asked[0] < table.asked[1] / 2
