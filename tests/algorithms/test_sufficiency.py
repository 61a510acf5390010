"""The search for the smallest count, against looking at every count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique.algorithms.sufficiency import smallest


class Table:
    """Whether something holds, written down for each sample and count; counts what is asked."""

    def __init__(self, holds: np.ndarray):
        self.holds = holds
        self.asked = np.zeros(len(holds), int)

    def __call__(self, samples: np.ndarray, counts: np.ndarray) -> np.ndarray:
        assert counts.shape[0] == len(samples)
        self.asked[samples] += counts.shape[1]
        return self.holds[samples[:, np.newaxis], counts]


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
    counts, found = smallest(Table(from_count_on(starts, highest)), len(starts), highest, tries)
    assert counts.tolist() == starts
    assert found.all()


@settings(deadline=None)
@given(
    bits=st.lists(st.booleans(), min_size=2, max_size=200),
    tries=st.integers(1, 6),
)
def test_of_what_comes_and_goes_a_beginning_is_found(bits, tries):
    holds = np.array([[*bits, True]])
    (count,), (found,) = smallest(Table(holds), 1, len(bits), tries)
    assert found
    assert holds[0, count]
    assert count == 0 or not holds[0, count - 1]


def test_what_never_holds_is_not_found_beside_others_that_do():
    table = Table(np.stack([np.zeros(101, bool), np.arange(101) >= 60]))
    counts, found = smallest(table, 2, 100, tries=3)
    assert found.tolist() == [False, True]
    assert counts.tolist() == [100, 60]


def test_what_holds_only_in_the_middle_is_found_where_a_round_looks():
    holds = np.zeros((1, 1001), bool)
    holds[0, 100:900] = True
    (count,), (found,) = smallest(Table(holds), 1, 1000, tries=8)
    assert found
    assert count == 100


@pytest.mark.parametrize("tries", [1, 4, 8])
def test_a_search_asks_for_a_logarithm_of_the_counts(tries):
    highest = 150_528
    table = Table(from_count_on([1, 70_000, highest], highest))
    smallest(table, 3, highest, tries)
    rounds = np.log(highest) / np.log(tries + 1)
    assert table.asked.max() <= tries * (rounds + 3) + 2


def test_samples_that_are_done_are_asked_for_no_more():
    table = Table(from_count_on([0, 500], 1000))
    smallest(table, 2, 1000, tries=2)
    assert table.asked[0] < table.asked[1] / 2
