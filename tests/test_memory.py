"""Too little memory halves the batch wherever a model is asked; more inputs hold no more of it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from wam_xplique import WCAM, WaveletExplanation
from wam_xplique.analysis import sufficient_images
from wam_xplique.coefficients import WaveletTransform
from wam_xplique.metrics import MatchedFaithfulness, control
from wam_xplique.per_input import joined

from .test_in_place import CASES, Y, arrays, name_of, tidy, values

SIZE = 32


def narrow(x: Any) -> Any:
    """Room for one input alone."""
    if len(x) > 1:
        raise MemoryError if isinstance(x, np.ndarray) else torch.OutOfMemoryError("out of memory")
    return tidy(x)


@pytest.mark.filterwarnings("ignore:The indices of inputs")
@pytest.mark.parametrize(
    ("use", "model", "x"),
    [case[1:] for case in CASES if isinstance(case[3], np.ndarray)],
    ids=[name_of(case) for case in CASES if isinstance(case[3], np.ndarray)],
)
def test_what_does_not_fit_is_done_one_by_one(use, model, x):
    want, found = (values(use(model(begin), x, Y)) for begin in (tidy, narrow))
    for one, other in zip(found, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=5e-3, atol=1e-6)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, SIZE, SIZE, 3), np.float32)


def explanation(count: int) -> WaveletExplanation:
    return control("random", images(count), WaveletTransform("haar", 3, "periodization", (1, 2)))


def explained(count: int) -> Callable[[], Any]:
    x, y = images(count), np.zeros(count, int)
    return lambda: WCAM(arrays(tidy), 4, 4, batch_size=16).explain_wavelet(x, y)


def maps(count: int) -> np.ndarray:
    return np.random.default_rng(1).random((count, SIZE, SIZE), np.float32)


def scored(count: int) -> Callable[[], Any]:
    x, y, m = images(count), np.zeros(count, int), maps(count)
    return lambda: MatchedFaithfulness(arrays(tidy), x, y, batch_size=16).evaluate_samples(m)


def searched(count: int) -> Callable[[], Any]:
    x, y, m = images(count), np.zeros(count, int), maps(count)
    return lambda: sufficient_images(arrays(tidy), x, y, m, batch_size=16)


def of_explanation(use: Callable[[WaveletExplanation, np.ndarray], Any]) -> Any:
    def make(count: int) -> Callable[[], Any]:
        found, x = explanation(count), images(count)
        return lambda: use(found, x)

    return make


@pytest.mark.filterwarnings("ignore:The indices of inputs")
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(explained, id="WCAM"),
        pytest.param(scored, id="MatchedFaithfulness"),
        pytest.param(searched, id="sufficient_images"),
        pytest.param(of_explanation(lambda e, x: e.pixels()), id="pixels"),
        pytest.param(of_explanation(lambda e, x: e.by_scale()), id="by_scale"),
        pytest.param(of_explanation(lambda e, x: e.kept(0.1)), id="kept"),
        pytest.param(of_explanation(lambda e, x: e.reconstruct(x, 0.1)), id="reconstruct"),
        pytest.param(of_explanation(lambda e, x: e.scale_importance()), id="scale_importance"),
        pytest.param(
            of_explanation(lambda e, x: control("magnitude", x, e.transform)), id="control"
        ),
    ],
)
def test_no_more_is_held_beside_inputs_and_results_for_more_inputs(make):
    few, many = 64, 256
    held = {count: peak(make(count)) for count in (few, many)}
    assert held[many] - held[few] <= 0.1 * (many - few) * images(1).nbytes


def peak(call: Callable[[], Any]) -> int:
    """Most bytes held while it runs, beyond what it gives."""
    call()  # what is made once is made
    tracemalloc.start()
    try:
        result = call()
        left, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del result
    return most - left


def test_parts_are_joined_whatever_they_hold():
    """Arrays, dicts, tuples and explanations, from blocks of other sizes."""
    whole = explanation(7)
    parts = [slice(0, 3), slice(3, 4), slice(4, 7)]
    found = joined(
        (
            {"explanation": whole[rows], "more": (np.arange(7)[rows], None, "name")}
            for rows in parts
        ),
        7,
    )
    assert found["more"][0].tolist() == list(range(7))
    assert found["more"][1:] == (None, "name")
    assert found["explanation"].input_shape == whole.input_shape
    np.testing.assert_array_equal(found["explanation"].mosaic(), whole.mosaic())
