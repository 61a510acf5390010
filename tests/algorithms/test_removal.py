"""Orders, paths and areas; the scores are tested with the metrics."""

from __future__ import annotations

import numpy as np
import pytest
import pywt

from wam_xplique.algorithms.cells import HELD
from wam_xplique.algorithms.removal import area_under, path, ranks, single_cells
from wam_xplique.coefficients import flatten


def test_ranks_descend_and_equals_follow_each_other():
    importance = np.array([[0.0, 3.0, 1.0, 3.0, 0.0], [5.0, 4.0, 3.0, 2.0, -1.0]])
    np.testing.assert_array_equal(ranks(importance), [[3, 0, 2, 1, 4], [0, 1, 2, 3, 4]])


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
def test_paths(features, steps, share, expected):
    assert path(features, steps, share).tolist() == expected


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
