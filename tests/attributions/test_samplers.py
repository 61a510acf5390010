"""Designs: ours are replicated as Xplique's are, and Xplique's are drawn as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from xplique.attributions.global_sensitivity_analysis import (
    HaltonSequenceRS,
    LatinHypercubeRS,
    ScipySobolSequenceRS,
    TFSobolSequenceRS,
)
from xplique.attributions.global_sensitivity_analysis.replicated_designs import ReplicatedSampler

from wam_xplique.attributions import FAM, WCAM
from wam_xplique.attributions.samplers import (
    MonteCarloRS,
    Rows,
    ScrambledSobolSequenceRS,
    SeededLatinHypercubeRS,
)

from .helpers import Counted, NoDesign, each

OURS = (ScrambledSobolSequenceRS, MonteCarloRS, SeededLatinHypercubeRS)
SEQUENCES = (ScrambledSobolSequenceRS, MonteCarloRS)
XPLIQUES = (TFSobolSequenceRS, ScipySobolSequenceRS, HaltonSequenceRS)

each_of_ours = each(OURS)


def named(*samplers: Any) -> Any:
    """Parametrise a test over samplers."""
    return pytest.mark.parametrize("sampler", samplers, ids=lambda sampler: type(sampler).__name__)


class OnesOwn(ReplicatedSampler):
    """A sampler that the project does not know."""

    def __call__(self, dimension: int, nb_design: int) -> Any:
        a, b = np.random.default_rng(7).random((nb_design, 2, dimension)).swapaxes(0, 1)
        return np.concatenate([a, b, self.build_replicated_design(a, b)])


def assert_one_in_each_interval(points: np.ndarray) -> None:
    for column in points.T:
        places = np.sort((column * len(points)).astype(int))
        np.testing.assert_array_equal(places, np.arange(len(points)))


def split(whole: Any, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    whole = np.asarray(whole)
    return whole[:rows], whole[rows : 2 * rows], whole[2 * rows :]


# --- our samplers --------------------------------------------------------------------------


@each_of_ours
@pytest.mark.parametrize(("dimension", "rows"), [(1, 1), (1, 4), (5, 2), (12, 16)])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_c_is_a_with_one_column_of_b(cls, dimension, rows, seed):
    whole = cls(seed)(dimension, rows)
    assert whole.shape == (rows * (dimension + 2), dimension)
    assert whole.dtype == np.float32
    a, b, c = split(whole, rows)
    assert a.min() >= 0
    assert max(a.max(), b.max()) <= 1
    for cell, block in enumerate(np.split(c, dimension)):
        others = np.arange(dimension) != cell
        np.testing.assert_array_equal(block[:, cell], b[:, cell])
        np.testing.assert_array_equal(block[:, others], a[:, others])


@each_of_ours
def test_a_seed_determines_the_design(cls):
    np.testing.assert_array_equal(cls(3)(5, 8), cls(3)(5, 8))
    assert not np.array_equal(cls(3)(5, 8), cls(4)(5, 8))
    sampler = cls(3)
    np.testing.assert_array_equal(sampler(5, 8), sampler(5, 8))
    np.testing.assert_array_equal(cls()(5, 8), cls(0)(5, 8))


@each_of_ours
def test_masks_are_uniform(cls):
    points = np.concatenate([cls(seed)(4, 256)[:512] for seed in range(4)])
    for column in points.T:
        assert scipy.stats.kstest(column, "uniform").pvalue > 1e-3


@each_of_ours
def test_a_and_b_are_independent(cls):
    a, b, _ = split(cls(1)(4, 1024), 1024)
    correlation = np.corrcoef(np.concatenate([a, b], axis=1).T)
    assert np.abs(correlation - np.eye(8)).max() < 0.12


def test_a_scrambled_sobol_sequence_has_one_point_in_each_interval_and_none_at_zero():
    for seed in range(5):
        a, b, _ = split(ScrambledSobolSequenceRS(seed)(6, 32), 32)
        assert_one_in_each_interval(np.concatenate([a, b], axis=1))
        assert a[0].any()


def test_a_latin_hypercube_has_one_point_in_each_interval():
    a, b, _ = split(SeededLatinHypercubeRS(2)(6, 30), 30)
    assert_one_in_each_interval(np.concatenate([a, b], axis=1))


@each(SEQUENCES)
def test_a_larger_design_of_a_sequence_begins_with_the_smaller(cls):
    small, large = (split(cls(5)(3, rows), rows) for rows in (8, 32))
    np.testing.assert_array_equal(small[0], large[0][:8])
    np.testing.assert_array_equal(small[1], large[1][:8])


# --- rows ----------------------------------------------------------------------------------


@named(*(cls() for cls in XPLIQUES), *(cls(3) for cls in OURS), OnesOwn())
@pytest.mark.parametrize(("dimension", "rows"), [(1, 2), (4, 8), (9, 16), (64, 4)])
def test_rows_are_a_and_b_of_the_sampler(sampler, dimension, rows):
    a, b, _ = split(sampler(dimension, rows), rows)
    drawn = Rows(sampler, dimension)(rows)
    np.testing.assert_array_equal(drawn[0][:rows], a.astype(np.float32))
    np.testing.assert_array_equal(drawn[1][:rows], b.astype(np.float32))


def test_tensorflows_sequence_reaches_the_dimensions_of_the_default_grid():
    dimension = 28 * 28
    a, b = Rows(TFSobolSequenceRS(), dimension)(8)
    expected = tf.math.sobol_sample(2 * dimension, 8).numpy()
    np.testing.assert_array_equal(np.concatenate([a, b], axis=1), expected)


@named(*(cls(3) for cls in SEQUENCES), *(cls() for cls in XPLIQUES))
def test_more_rows_of_a_sequence_begin_with_those_before(sampler):
    rows = Rows(sampler, 4)
    first = [matrix[:8].copy() for matrix in rows(8)]
    for count in (4, 16, 32, 8):
        now = rows(count)
        assert min(map(len, now)) >= count
        for before, after in zip(first, now, strict=True):
            np.testing.assert_array_equal(after[: min(8, count)], before[: min(8, count)])


@each((LatinHypercubeRS, SeededLatinHypercubeRS))
def test_a_latin_hypercube_is_drawn_once_and_is_no_sequence(cls):
    rows = Rows(cls(), 4)
    first = [matrix.copy() for matrix in rows(8)]
    for before, after in zip(first, rows(8), strict=True):
        np.testing.assert_array_equal(after, before)
    assert_one_in_each_interval(np.concatenate(first, axis=1))
    message = r"Hypercube.*does not begin with the smaller one; `until`"
    with pytest.raises(ValueError, match=message):
        rows(16)


class Broken(ReplicatedSampler):
    def __call__(self, dimension: int, nb_design: int) -> Any:
        raise RuntimeError("out of points")


def test_samplers_that_fail_are_named():
    with pytest.raises(ValueError, match="NoDesign"):
        Rows(NoDesign(), 4)(8)
    with pytest.raises(ValueError, match=r"Broken cannot draw 8 designs of 4 cells: out of points"):
        Rows(Broken(), 4)(8)


def test_a_sobol_sequence_of_too_many_dimensions_is_refused():
    with pytest.raises(ValueError, match="ScrambledSobolSequenceRS cannot draw 2 designs of 11000"):
        Rows(ScrambledSobolSequenceRS(), 11_000)(2)


# --- what the model sees -------------------------------------------------------------------


# Without levels, the masks of an image of ones are the image.
MASKS = {"level": 0, "include_approximation": True, "confidence": None}


@pytest.mark.usefixtures("steady")
@named(*(cls() for cls in XPLIQUES), *(cls(3) for cls in OURS), OnesOwn())
@pytest.mark.parametrize("batch_size", [7, None])
def test_the_model_sees_the_whole_design_in_order(sampler, batch_size):
    """A, then B, then all C."""
    model = Counted()
    explainer = WCAM(model, 3, 4, sampler, batch_size=batch_size, **MASKS)
    explainer.explain_wavelet(np.ones((1, 6, 6, 2)), np.eye(2)[[0]])
    images = np.concatenate(model.seen)
    whole = np.asarray(sampler(9, 4), np.float32).reshape(-1, 3, 3)
    assert len(images) == len(whole) == 4 * (9 + 2)
    for channel in (0, 1):
        expected = whole.repeat(2, 1).repeat(2, 2)
        np.testing.assert_allclose(images[..., channel], expected, rtol=1e-5, atol=1e-7)


def test_the_default_sampler_is_a_sobol_sequence_scrambled_by_the_seed():
    for cls in (WCAM, FAM):
        for seed in (0, 4):
            sampler = cls(Counted(), seed=seed).sampler
            assert type(sampler) is ScrambledSobolSequenceRS
            assert sampler.seed == seed


@pytest.mark.usefixtures("steady")
def test_all_inputs_share_one_design():
    model = Counted()
    explainer = WCAM(model, 2, 4, LatinHypercubeRS(), **MASKS)
    explainer.explain_wavelet(np.ones((2, 4, 4, 1)), np.eye(2)[[0, 0]])
    first, second = np.concatenate(model.seen).reshape(2, -1, 4, 4)
    np.testing.assert_array_equal(first, second)


@each((LatinHypercubeRS, SeededLatinHypercubeRS))
@pytest.mark.parametrize("until", [{"forwards": 10**6}, {"rank_correlation": 0.9}])
def test_a_latin_hypercube_does_not_grow_and_says_so_before_the_first_forward(cls, until):
    for explainer in (WCAM, FAM):
        model = Counted()
        explain = explainer(model, 2, 4, cls(), until=until)
        with pytest.raises(ValueError, match=r"Hypercube.*`until` needs a sequence"):
            explain(np.ones((1, 4, 4, 1)), np.eye(2)[[0]])
        assert not model.rows
