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

OURS = (ScrambledSobolSequenceRS, MonteCarloRS, SeededLatinHypercubeRS)
SEQUENCES = (ScrambledSobolSequenceRS, MonteCarloRS)
XPLIQUES = (TFSobolSequenceRS, ScipySobolSequenceRS, HaltonSequenceRS)

each_of_ours = pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
each_of_xpliques = pytest.mark.parametrize("cls", XPLIQUES, ids=lambda cls: cls.__name__)


class OnesOwn(ReplicatedSampler):
    """A sampler that the project does not know."""

    def __call__(self, dimension: int, nb_design: int) -> Any:
        a, b = np.random.default_rng(7).random((nb_design, 2, dimension)).swapaxes(0, 1)
        return np.concatenate([a, b, self.build_replicated_design(a, b)])


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
        for column in np.concatenate([a, b], axis=1).T:
            np.testing.assert_array_equal(np.sort((column * 32).astype(int)), np.arange(32))
        assert a[0].any()


def test_a_latin_hypercube_has_one_point_in_each_interval():
    a, b, _ = split(SeededLatinHypercubeRS(2)(6, 30), 30)
    for column in np.concatenate([a, b], axis=1).T:
        np.testing.assert_array_equal(np.sort((column * 30).astype(int)), np.arange(30))


@pytest.mark.parametrize("cls", SEQUENCES, ids=lambda cls: cls.__name__)
def test_a_larger_design_of_a_sequence_begins_with_the_smaller(cls):
    small, large = (split(cls(5)(3, rows), rows) for rows in (8, 32))
    np.testing.assert_array_equal(small[0], large[0][:8])
    np.testing.assert_array_equal(small[1], large[1][:8])


# --- rows ----------------------------------------------------------------------------------


@each_of_xpliques
@pytest.mark.parametrize(("dimension", "rows"), [(1, 2), (4, 8), (9, 16), (64, 4)])
def test_rows_are_a_and_b_of_xpliques_samplers(cls, dimension, rows):
    a, b, _ = split(cls()(dimension, rows), rows)
    drawn = Rows(cls(), dimension)(rows)
    np.testing.assert_array_equal(drawn[0][:rows], a)
    np.testing.assert_array_equal(drawn[1][:rows], b)


@pytest.mark.parametrize(
    "sampler", [*(cls(3) for cls in OURS), OnesOwn()], ids=lambda sampler: type(sampler).__name__
)
def test_rows_are_a_and_b_of_any_other_sampler(sampler):
    a, b, _ = split(sampler(5, 16), 16)
    drawn = Rows(sampler, 5)(16)
    np.testing.assert_array_equal(drawn[0], a.astype(np.float32))
    np.testing.assert_array_equal(drawn[1], b.astype(np.float32))


def test_tensorflows_sequence_reaches_the_dimensions_of_the_default_grid():
    dimension = 28 * 28
    a, b = Rows(TFSobolSequenceRS(), dimension)(8)
    expected = tf.math.sobol_sample(2 * dimension, 8).numpy()
    np.testing.assert_array_equal(np.concatenate([a, b], axis=1), expected)


@pytest.mark.parametrize(
    "sampler",
    [*(cls(3) for cls in SEQUENCES), *(cls() for cls in XPLIQUES)],
    ids=lambda sampler: type(sampler).__name__,
)
def test_more_rows_of_a_sequence_begin_with_those_before(sampler):
    rows = Rows(sampler, 4)
    first = [matrix[:8].copy() for matrix in rows(8)]
    for count in (4, 16, 32, 8):
        now = rows(count)
        assert min(map(len, now)) >= count
        for before, after in zip(first, now, strict=True):
            np.testing.assert_array_equal(after[: min(8, count)], before[: min(8, count)])


@pytest.mark.parametrize("cls", [LatinHypercubeRS, SeededLatinHypercubeRS])
def test_a_latin_hypercube_is_no_sequence(cls):
    rows = Rows(cls(), 4)
    rows(8)
    with pytest.raises(
        ValueError, match=r"Hypercube.*does not begin with the smaller one; `until`"
    ):
        rows(16)


def test_a_latin_hypercube_of_xplique_is_drawn_once():
    rows = Rows(LatinHypercubeRS(), 4)
    first = [matrix.copy() for matrix in rows(8)]
    for before, after in zip(first, rows(8), strict=True):
        np.testing.assert_array_equal(after, before)
    together = np.concatenate(first, axis=1)
    for column in together.T:
        np.testing.assert_array_equal(np.sort((column * 8).astype(int)), np.arange(8))


class Unreplicated(ReplicatedSampler):
    def __call__(self, dimension: int, nb_design: int) -> Any:
        return np.zeros((nb_design, dimension))


class Broken(ReplicatedSampler):
    def __call__(self, dimension: int, nb_design: int) -> Any:
        raise RuntimeError("out of points")


def test_samplers_that_fail_are_named():
    with pytest.raises(ValueError, match="Unreplicated"):
        Rows(Unreplicated(), 4)(8)
    with pytest.raises(ValueError, match=r"Broken cannot draw 8 designs of 4 cells: out of points"):
        Rows(Broken(), 4)(8)


def test_a_sobol_sequence_of_too_many_dimensions_is_refused():
    with pytest.raises(ValueError, match="ScrambledSobolSequenceRS cannot draw 2 designs of 11000"):
        Rows(ScrambledSobolSequenceRS(), 11_000)(2)


# --- what the model sees -------------------------------------------------------------------


class Recorder:
    """A model of NumPy's that keeps its inputs."""

    def __init__(self):
        self.images: list[np.ndarray] = []

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.images.append(x)
        return np.stack([x.sum(axis=(1, 2, 3)), x.max(axis=(1, 2, 3))], axis=1)


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize(
    "sampler",
    [*(cls() for cls in XPLIQUES), *(cls(3) for cls in OURS), OnesOwn()],
    ids=lambda sampler: type(sampler).__name__,
)
@pytest.mark.parametrize("batch_size", [7, None])
def test_the_model_sees_the_whole_design_in_order(sampler, batch_size):
    """Without levels, the masks of an image of ones are the image: A, then B, then all C."""
    model = Recorder()
    explainer = WCAM(
        model,
        grid_size=3,
        nb_design=4,
        sampler=sampler,
        batch_size=batch_size,
        level=0,
        include_approximation=True,
        confidence=None,
    )
    explainer.explain_wavelet(np.ones((1, 6, 6, 2)), np.eye(2)[[0]])
    images = np.concatenate(model.images)
    whole = np.asarray(sampler(9, 4), np.float32).reshape(-1, 3, 3)
    assert len(images) == len(whole) == 4 * (9 + 2)
    for channel in (0, 1):
        expected = whole.repeat(2, 1).repeat(2, 2)
        np.testing.assert_allclose(images[..., channel], expected, rtol=1e-5, atol=1e-7)


def test_the_default_sampler_is_a_sobol_sequence_scrambled_by_the_seed():
    for cls in (WCAM, FAM):
        for seed in (0, 4):
            sampler = cls(Recorder(), seed=seed).sampler
            assert type(sampler) is ScrambledSobolSequenceRS
            assert sampler.seed == seed


@pytest.mark.usefixtures("steady")
def test_all_inputs_share_one_design():
    model = Recorder()
    explainer = WCAM(model, 2, 4, level=0, include_approximation=True, sampler=LatinHypercubeRS())
    explainer.explain_wavelet(np.ones((2, 4, 4, 1)), np.eye(2)[[0, 0]])
    images = np.concatenate(model.images)
    first, second = images.reshape(2, -1, 4, 4)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("cls", [LatinHypercubeRS, SeededLatinHypercubeRS])
@pytest.mark.parametrize("until", [{"forwards": 10**6}, {"rank_correlation": 0.9}])
def test_a_latin_hypercube_does_not_grow_and_says_so_before_the_first_forward(cls, until):
    model = Recorder()
    explainer = WCAM(model, 2, 4, level=0, include_approximation=True, sampler=cls(), until=until)
    with pytest.raises(ValueError, match=r"Hypercube.*`until` needs a sequence"):
        explainer.explain_wavelet(np.ones((1, 4, 4, 1)), np.eye(2)[[0]])
    assert not model.images


def test_a_seed_determines_the_explanation():
    def explain(seed: int) -> np.ndarray:
        explainer = WCAM(Recorder(), 4, 4, level=1, seed=seed)
        x = np.random.default_rng(0).random((1, 8, 8, 1))
        return np.asarray(explainer(x, np.eye(2)[[1]]))

    np.testing.assert_array_equal(explain(1), explain(1))
    assert not np.array_equal(explain(1), explain(2))
