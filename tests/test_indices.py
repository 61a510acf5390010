"""Sobol indices as data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique import WaveletExplanation
from wam_xplique.indices import SobolIndices, region_importance

HELD = np.full((2, 2), -1)
CELLS = [HELD, {"ad": np.array([[0, 0], [1, 1]]), "da": np.array([[2, 2], [2, 3]]), "dd": HELD}]
SHARES = np.array([[0.5, 0, 0, 0], [0.5, 1, 1, 1]])
TOTAL = np.array([[0.5, 0.25, 0.0, 1.0], [0.125, 0.0, 0.0, 0.75], [0.0, 0.0, 0.0, 0.0]])


def make(**changes: Any) -> SobolIndices:
    made = SobolIndices(
        total=TOTAL,
        first_order=TOTAL / 2,
        interval=np.stack([TOTAL - 0.1, TOTAL + 0.2], axis=-1),
        importance_interval=np.random.default_rng(0).random((3, 2, 2)),
        evaluated=TOTAL > 0,
        variance=np.array([1.0, 0.5, 0.0]),
        nb_design=np.array([8, 16, 8]),
        forwards=np.array([48, 96, 48]),
        cells=CELLS,
        shares=SHARES,
        confidence=0.9,
    )
    return replace(made, **changes)


def test_importance_sums_the_indices_of_each_region_and_shares_cells_that_straddle():
    expected = [[0.25, 0.25 + 0.25 + 1], [0.0625, 0.0625 + 0.75], [0, 0]]
    expected = np.array(expected) / [[1.75], [0.875], [1]]
    np.testing.assert_allclose(make().importance(), expected)


fractions = st.floats(0, 1)


@settings(deadline=None)
@given(
    st.lists(st.lists(fractions, min_size=3, max_size=3), min_size=1, max_size=4),
    st.lists(fractions, min_size=3, max_size=3),
)
def test_rows_of_the_importance_sum_to_one_or_zero(total, share):
    total = np.array(total)
    shares = np.stack([share, 1 - np.array(share)])
    result = region_importance(total, shares)
    assert result.shape == (len(total), 2)
    measured = shares.any(axis=1)
    assert (result[:, measured] >= 0).all()
    assert np.isnan(result[:, ~measured]).all()
    for row, indices in zip(result, total, strict=True):
        if indices.max() > 1e-300:
            assert np.nansum(row) == pytest.approx(1)
        if not indices.any():
            assert not row[measured].any()


def test_indices_below_zero_count_for_nothing_whatever_the_leading_axes():
    result = region_importance(np.array([[-0.5, 0.5, 0.5, -0.1]]), SHARES)
    np.testing.assert_allclose(result, [[0, 1]])
    np.testing.assert_array_equal(region_importance(np.full((1, 4), -0.5), SHARES), [[0, 0]])
    stacked = region_importance(np.stack([TOTAL, TOTAL[::-1]]), SHARES)
    assert stacked.shape == (2, 3, 2)
    np.testing.assert_array_equal(stacked[1], region_importance(TOTAL[::-1], SHARES))


def test_each_coefficient_gets_the_value_of_its_cell_and_zero_where_it_is_held():
    approximation, details = make().spread(TOTAL)
    np.testing.assert_array_equal(approximation, np.zeros((3, 2, 2)))
    first = [[[0.5, 0.5], [0.25, 0.25]], [[0, 0], [0, 1]]]
    np.testing.assert_array_equal(details["ad"][0], first[0])
    np.testing.assert_array_equal(details["da"][0], first[1])
    np.testing.assert_array_equal(details["da"][1], [[0, 0], [0, 0.75]])
    assert make().spread(TOTAL.astype(np.float32))[0].dtype == np.float32


@pytest.mark.parametrize("missing", [(), ("interval", "importance_interval", "confidence")])
def test_arrays_hold_everything_and_nothing_but_arrays(missing):
    indices = make(**dict.fromkeys(missing))
    named = indices.arrays()
    assert all(isinstance(array, np.ndarray) and array.dtype != object for array in named.values())
    back = SobolIndices.of_arrays(named)
    np.testing.assert_equal(vars(back), vars(indices))
    assert back.evaluated.dtype == bool
    assert back.confidence is None if missing else isinstance(back.confidence, float)


def explanation(sobol: SobolIndices | None) -> WaveletExplanation:
    coefficients = make().spread(TOTAL.astype(np.float32))
    coefficients[1]["dd"] = np.ones((3, 2, 2), np.float32)
    return WaveletExplanation(coefficients, "haar", "periodization", (3, 4, 4, 1), 2, sobol)


def test_scales_are_weighed_by_cells_where_there_are_indices_and_by_coefficients_if_not():
    np.testing.assert_allclose(explanation(make()).scale_importance(), make().importance())
    np.testing.assert_allclose(explanation(None).scale_importance(), [[0, 1]] * 3)


def test_an_archive_with_half_of_the_indices_is_refused(tmp_path):
    explanation(make()).save(tmp_path / "whole")
    with np.load(tmp_path / "whole.npz") as archive:
        some = {name: archive[name] for name in archive.files if "sobol.cells" not in name}
    np.savez(tmp_path / "half", **some)
    with pytest.raises(ValueError, match="does not hold a WaveletExplanation"):
        WaveletExplanation.load(tmp_path / "half")


def test_the_error_is_what_the_shares_leave_open_or_an_index_above_one_tells():
    interval = np.array([[[0, 0.5], [0.2, 0.3]], [[0.4, 0.5], [0, 0.1]], [[np.nan] * 2, [0, 0.1]]])
    total = np.array([[0.5, 0, 0, 0], [2, 0, 0, 0], [0.1, 0, 0, 0]])
    indices = make(importance_interval=interval, total=total)
    np.testing.assert_allclose(indices.error(), [0.25, 0.5, 0.05])
    # 8 (0.25 / 0.2)² = 12.5 and 16 (0.5 / 0.2)² = 100, up to a power of two; the last suffices.
    np.testing.assert_array_equal(indices.enough_designs(), [16, 128, 8])
    np.testing.assert_array_equal(indices.enough_designs(0.01), [4096, 4096, 256])
    assert make(importance_interval=None).error() is None
    assert make(importance_interval=None).enough_designs() is None
    with pytest.raises(ValueError, match="error must be above 0"):
        indices.enough_designs(0)
