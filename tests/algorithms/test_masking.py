"""Masked inputs: which are scored, in which batches, and what happens when one does not fit."""

from __future__ import annotations

import functools
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique.algorithms.batching import BatchSize, Progress, by_blocks
from wam_xplique.algorithms.cells import HELD, count_cells, fourier_cells, grid, wavelet_cells
from wam_xplique.algorithms.masking import MaskingProblem, Points, score_requests
from wam_xplique.backends.registry import load_backend
from wam_xplique.coefficients import WaveletTransform, map_bands
from wam_xplique.fourier import FourierTransform

from ..backends.helpers import to_framework
from .helpers import masks_at

BACKENDS = ("numpy", "tensorflow", "torch")
SHAPE, CELLS, ROWS = (3, 8, 8, 2), 16, 8
BLOCKS = grid((8, 8), 4)

NONE = np.arange(0)
single = partial(to_framework, dtype="float32")
ROWS_OF_A = Points(NONE, np.arange(ROWS))

each_backend = pytest.mark.parametrize("framework", BACKENDS)


class Identity:
    """A transform that does nothing, so that masks are seen; a hook is told how many it inverts."""

    def __init__(self, hook: Callable[[int], None] = lambda count: None):
        self.hook = hook

    def forward(self, x: Any) -> list[Any]:
        return [x]

    def inverse(self, coefficients: list[Any], shape: Any) -> Any:
        assert shape[0] == len(coefficients[0])
        self.hook(shape[0])
        return coefficients[0]


class Recorder:
    """A smooth score of NumPy's, which keeps what it was called with."""

    def __init__(self, framework: str, hook: Callable[[int], None] = lambda count: None):
        self.backend = load_backend(framework)
        self.hook = hook
        self.calls: list[np.ndarray] = []

    def __call__(self, x: Any, y: Any) -> Any:
        images, targets = map(self.backend.to_numpy, (x, y))
        assert len(images) == len(targets)
        self.hook(len(images))
        self.calls.append(images)
        weights = np.linspace(-1, 2, images[0].size).reshape(images.shape[1:])
        scores = np.tanh((images**2 * weights).mean(axis=(1, 2, 3))) * targets[:, 0]
        return single(scores, self.backend.name)

    @property
    def sizes(self) -> list[int]:
        return [len(images) for images in self.calls]

    @property
    def images(self) -> np.ndarray:
        return np.concatenate(self.calls)


def inputs() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 1.5, SHAPE).astype(np.float32)


def matrices(cells: int = CELLS) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.random.default_rng(1).random((2, ROWS, cells), dtype=np.float32)
    return a, b


def design(rows: int) -> tuple[np.ndarray, np.ndarray]:
    assert rows <= ROWS
    return matrices()


def make(framework: str, scores: Any, batch_size: int | None = 5, **changes: Any) -> MaskingProblem:
    return MaskingProblem(
        **{
            "backend": load_backend(framework),
            "scores": scores,
            "x": single(inputs(), framework),
            "y": single(np.array([[1.0], [2.0], [-1.0]]), framework),
            "transform": Identity(),
            "cells": [BLOCKS[..., np.newaxis]],
            "batch_size": BatchSize(batch_size),
            **changes,
        }
    )


def some_points(seed: int = 0) -> list[Points]:
    """Points of A, B and mixtures, in no order."""
    rng = np.random.default_rng(seed)
    groups = [[], list(range(CELLS)), [3], [0, 5, 9], [CELLS - 1]]
    return [
        Points(np.array(g, int), rng.permutation(ROWS)[: rng.integers(1, ROWS)]) for g in groups
    ]


def asks(*questions: list[Points]) -> Callable[[Any], Iterator[list[Points]]]:
    """Asks the questions one after the other and returns all answers."""

    def requester(z: Any) -> Any:
        scores = []
        for points in questions:
            scores.append((yield points))
        return np.concatenate(scores)

    return requester


def solve(problem: MaskingProblem, design: Any, requesters: list[Any], together: int) -> list[Any]:
    """Some inputs side by side, the others after them."""
    results: list[Any] = []

    def of_block(rows: slice) -> np.ndarray:
        block = replace(problem, x=problem.x[rows], y=problem.y[rows])
        results.extend(score_requests(block, design, requesters[rows]))
        return np.zeros(len(block.x))

    size = BatchSize(together)
    by_blocks(len(problem.x), of_block, size, problem.backend, problem.progress)
    return results


def run(problem: MaskingProblem, together: int = 3, **changes: Any) -> list[np.ndarray]:
    requesters = [asks(some_points(i), some_points(i + 9)) for i in range(len(problem.x))]
    return solve(replace(problem, **changes), design, requesters, together)


# --- which inputs are scored ---------------------------------------------------------------


@each_backend
@pytest.mark.parametrize("mode", ["periodization", "symmetric"])
@pytest.mark.parametrize("partition", ["mosaic", "subband", "scale"])
@pytest.mark.parametrize("approximation", [False, True])
def test_wavelet_coefficients_are_masked_as_by_pywavelets(
    framework, mode, partition, approximation
):
    transform = WaveletTransform("db2", 2, mode, (1, 2))
    cells = wavelet_cells(transform, (16, 13), partition, 4, approximation)
    a, b = matrices(count_cells(cells))
    x = np.random.default_rng(2).random((2, 16, 13, 3), dtype=np.float32)
    seen = []

    def scores(images: Any, y: Any) -> Any:
        seen.append(load_backend(framework).to_numpy(images))
        return y[:, 0]

    points = [Points(NONE, np.arange(3)), Points(np.array([1]), np.arange(2))]
    problem = make(
        framework,
        scores,
        x=single(x, framework),
        y=single(np.ones((2, 1)), framework),
        transform=transform,
        cells=map_bands(lambda band: band[..., np.newaxis], cells),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Level value of", UserWarning)
        solve(problem, lambda rows: (a, b), [asks(points)] * 2, together=2)
        expected = []
        for image in x.astype(float):
            z = pywt.wavedecn(image, "db2", mode, 2, axes=(0, 1))
            for mask in masks_at(points, a, b):
                padded = np.append(mask, 1)  # of HELD
                masked = map_bands(lambda band, c, m=padded: band * m[c][..., np.newaxis], z, cells)
                expected.append(pywt.waverecn(masked, "db2", mode, axes=(0, 1))[:16, :13])
    np.testing.assert_allclose(np.concatenate(seen), expected, atol=1e-5)


@each_backend
@pytest.mark.parametrize("size", [(8, 8), (9, 7), (8, 7)])
def test_spectra_are_masked_as_by_the_full_transform(framework, size):
    (cells,) = fourier_cells(size, "grid", 3)
    a, b = matrices(cells.max() + 1)
    x = np.random.default_rng(2).random((1, *size, 2), dtype=np.float32)
    recorder = Recorder(framework)
    half = np.fft.ifftshift(cells)[:, : size[1] // 2 + 1]
    points = [Points(NONE, np.arange(4)), Points(np.arange(2), np.arange(4))]
    problem = make(
        framework,
        recorder,
        x=single(x, framework),
        y=single(np.ones((1, 1)), framework),
        transform=FourierTransform((1, 2)),
        cells=[half[..., np.newaxis]],
    )
    solve(problem, lambda rows: (a, b), [asks(points)], together=1)
    whole = np.fft.fft2(x, axes=(1, 2))
    mask = masks_at(points, a, b)[:, np.fft.ifftshift(cells)][..., np.newaxis]
    expected = np.fft.ifft2(whole * mask, axes=(1, 2)).real
    np.testing.assert_allclose(recorder.images, expected, atol=1e-5)


@each_backend
@pytest.mark.parametrize(
    ("points", "most"),
    [
        pytest.param([Points(np.array([c]), np.arange(2)) for c in range(6)], 2 + 6, id="cells"),
        pytest.param(
            [Points(np.array([0, c]), np.arange(2)) for c in range(1, 7)], 12, id="groups"
        ),
        pytest.param([Points(np.array([c]), np.array([c])) for c in range(8)], 8, id="diagonal"),
        pytest.param([Points(NONE, np.arange(4))], 4, id="rows of A"),
    ],
)
def test_perturbed_inputs_share_inverse_transforms(framework, points, most):
    """Six cells of two rows are two rows and six cells; no batch takes more than it has inputs."""
    recorder, inverted = Recorder(framework), []
    transform = Identity(inverted.append)
    problem = make(framework, recorder, batch_size=None, transform=transform)
    solve(problem, design, [asks(points)] + [asks([Points(NONE, np.arange(1))])] * 2, 1)
    assert inverted[0] == most
    expected = masks_at(points, *matrices())[:, BLOCKS][..., np.newaxis]
    np.testing.assert_allclose(recorder.calls[0], inputs()[0] * expected, rtol=1e-6)


@each_backend
def test_what_is_held_keeps_its_value_and_all_channels_share_one_mask(framework):
    cells = np.where(BLOCKS < 8, BLOCKS, HELD)
    recorder = Recorder(framework)
    problem = make(framework, recorder, cells=[cells[..., np.newaxis]])
    a, b = matrices(8)
    solve(problem, lambda rows: (a, b), [asks([Points(np.arange(8), np.arange(4))])] * 3, 1)
    for x, perturbed in zip(inputs(), recorder.images.reshape(3, 4, *SHAPE[1:]), strict=True):
        np.testing.assert_array_equal(perturbed[:, 4:], np.stack([x[4:]] * 4))
        assert (np.abs(perturbed[:, :4] - x[:4]) > 0).any(axis=(1, 2, 3)).all()
        shares = perturbed / x
        np.testing.assert_allclose(shares[..., 0], shares[..., 1], rtol=1e-6)


@each_backend
def test_scores_come_back_to_those_who_asked_in_their_order(framework):
    results = run(make(framework, Recorder(framework)))
    for i, (x, weight, result) in enumerate(zip(inputs(), (1, 2, -1), results, strict=True)):
        points = [*some_points(i), *some_points(i + 9)]
        perturbed = x * masks_at(points, *matrices())[:, BLOCKS][..., np.newaxis]
        weights = np.linspace(-1, 2, x.size).reshape(x.shape)
        expected = np.tanh((perturbed**2 * weights).mean(axis=(1, 2, 3))) * weight
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, expected, atol=1e-6)


def test_a_generator_sees_the_coefficients_of_its_own_input():
    seen = []

    def requester(z: Any) -> Any:
        seen.append(z)
        return (yield [Points(NONE, np.array([0]))])

    transform = WaveletTransform("haar", 1, "periodization", (1, 2))
    cells = wavelet_cells(transform, (8, 8), "scale", 1, True)
    problem = make(
        "torch",
        Recorder("torch"),
        transform=transform,
        cells=map_bands(lambda band: band[..., np.newaxis], cells),
    )
    solve(problem, lambda rows: matrices(2), [requester] * 3, together=2)
    for x, z in zip(inputs(), seen, strict=True):
        expected = pywt.wavedecn(x, "haar", "periodization", 1, axes=(0, 1))
        map_bands(lambda e, a: np.testing.assert_allclose(a, e, atol=1e-5), expected, z)


def test_questions_may_depend_on_the_answers():
    """A search by halves for the row of A whose score is the highest."""

    def requester(z: Any) -> Any:
        scores = yield [ROWS_OF_A]
        order = np.argsort(scores)
        again = yield [Points(NONE, order[-2:])]
        assert again.tolist() == scores[order[-2:]].tolist()
        return order[-1], again[-1] == scores.max()

    problem = make("numpy", Recorder("numpy"))
    results = solve(problem, design, [requester] * 3, together=3)
    scores = solve(problem, design, [asks([ROWS_OF_A])] * 3, together=3)
    assert results == [(np.argmax(row), True) for row in scores]


def test_a_generator_that_is_done_early_does_not_hold_the_others():
    lengths = [1, 4, 2]
    questions = [[[Points(NONE, np.array([k % ROWS]))] for k in range(n)] for n in lengths]
    requesters = [asks(*q) for q in questions]
    results, alone = (
        solve(make("numpy", Recorder("numpy")), design, requesters, together) for together in (3, 1)
    )
    assert [len(result) for result in results] == lengths
    for together, apart in zip(results, alone, strict=True):
        np.testing.assert_allclose(together, apart, rtol=1e-6)


# --- batches -------------------------------------------------------------------------------


@each_backend
@settings(max_examples=15, deadline=None)
@given(batch_size=st.one_of(st.none(), st.integers(1, 40)), together=st.integers(1, 4))
def test_no_batch_is_larger_than_asked_for_and_none_changes_a_score(
    framework, batch_size, together
):
    recorder = Recorder(framework)
    results = run(make(framework, recorder, batch_size), together)
    counts = [sum(len(p.rows) for p in some_points(i)) for i in (0, 1, 2, 9, 10, 11)]
    assert sum(recorder.sizes) == sum(counts)
    assert max(recorder.sizes) <= (batch_size or sum(counts))
    assert_right(results)


@functools.cache
def reference() -> list[np.ndarray]:
    """One input and one perturbed input at a time."""
    return run(make("numpy", Recorder("numpy"), 1), together=1)


def assert_right(results: list[np.ndarray]) -> None:
    for actual, expected in zip(results, reference(), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-6)


@each_backend
@pytest.mark.parametrize(("batch_size", "sizes"), [(10, [10] * 9 + [6]), (None, [4 * ROWS * 3])])
def test_batches_are_full_but_for_the_last_of_each_turn(framework, batch_size, sizes):
    recorder = Recorder(framework)
    solve(make(framework, recorder, batch_size), design, [asks([ROWS_OF_A] * 4)] * 3, together=3)
    assert recorder.sizes == sizes


@pytest.mark.parametrize("batch_size", [1, 5, 6, 13])
def test_what_tensorflow_transforms_at_once_stays_within_the_batch_size(batch_size):
    """Batches are filled up to a power of two, but never beyond what was asked for."""
    sizes = []
    transform = Identity(sizes.append)
    run(make("tensorflow", Recorder("tensorflow"), batch_size, transform=transform))
    assert max(sizes) == batch_size


# --- devices that are too small ------------------------------------------------------------

TOO_LARGE = {
    "numpy": MemoryError,
    "tensorflow": lambda: tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
    "torch": lambda: torch.cuda.OutOfMemoryError("CUDA out of memory."),
}


def fits(most: int, framework: str, failed: list[int] | None = None) -> Callable[[int], None]:
    def hook(count: int) -> None:
        if count > most:
            if failed is not None:
                failed.append(count)
            raise TOO_LARGE[framework]()

    return hook


@each_backend
@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_a_batch_that_does_not_fit_is_halved_until_it_does(framework, most):
    whole, recorder = Recorder(framework), Recorder(framework, fits(most, framework))
    run(make(framework, whole, 16))
    problem = make(framework, recorder, 16)
    assert_right(run(problem))
    np.testing.assert_allclose(recorder.images, whole.images, rtol=1e-6)  # none is scored twice
    assert problem.batch_size.most == {1: 1, 2: 2, 3: 2, 7: 4}[most]
    assert max(recorder.sizes) <= most


@each_backend
def test_the_size_that_fits_is_kept_and_told_once(framework, caplog):
    failed = []
    problem = make(framework, Recorder(framework, fits(4, framework, failed)), 16)
    with caplog.at_level(logging.WARNING, "wam_xplique"):
        run(problem)
        assert failed == [16, 8]
        run(problem)
    assert failed == [16, 8]
    (record,) = caplog.records
    assert record.name.startswith("wam_xplique")
    assert "batch_size" in record.getMessage()
    assert "4" in record.getMessage()


def test_without_a_limit_the_batch_that_did_not_fit_is_halved():
    failed = []
    problem = make("numpy", Recorder("numpy", fits(20, "numpy", failed)), None)
    solve(problem, design, [asks([ROWS_OF_A] * 4)] * 3, together=3)
    assert failed == [96, 48, 24]
    assert problem.batch_size.most == 12


@each_backend
def test_one_input_that_does_not_fit_raises_the_devices_own_error(framework, caplog):
    error = type(TOO_LARGE[framework]())
    recorder = Recorder(framework, fits(0, framework))
    with pytest.raises(error):
        run(make(framework, recorder, 8))
    assert not recorder.calls
    assert not caplog.records  # no size works, so none is told


@each_backend
def test_memory_that_runs_out_in_the_transform_is_handled_alike(framework):
    recorder, transform = Recorder(framework), Identity(fits(4, framework))
    assert_right(run(make(framework, recorder, 16, transform=transform)))
    assert max(recorder.sizes) == 4


@each_backend
@pytest.mark.parametrize("error", [ValueError, RuntimeError, KeyError, KeyboardInterrupt])
def test_other_errors_come_through_at_once(framework, error):
    calls = []

    def hook(count: int) -> None:
        calls.append(count)
        raise error("not memory")

    problem = make(framework, Recorder(framework, hook), 8)
    with pytest.raises(error, match="not memory"):
        run(problem)
    assert calls == [8]
    assert problem.batch_size.most == 8


def test_an_error_half_way_leaves_the_problem_usable():
    calls = []

    def hook(count: int) -> None:
        calls.append(count)
        if len(calls) == 3:
            raise KeyboardInterrupt

    problem = make("numpy", Recorder("numpy", hook), 4)
    with pytest.raises(KeyboardInterrupt):
        run(problem)
    assert_right(run(problem))


# --- progress ------------------------------------------------------------------------------


def test_the_progress_knows_from_the_start_what_inputs_that_wait_will_take(capsys):
    """Three equal inputs, one at a time: the total is that of all three at once."""
    problem = make("numpy", Recorder("numpy"), 8, progress=Progress("forward", verbose=True))
    solve(problem, design, [asks([ROWS_OF_A])] * 3, together=1)
    totals = re.findall(r"\d+/(\d+)", capsys.readouterr().err)
    assert set(totals) == {str(3 * ROWS)}
