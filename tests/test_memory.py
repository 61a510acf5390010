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

from .test_in_place import CASES, Y, agree, arrays, name_of, tidy

SIZE = 32


def narrow(x: Any) -> Any:
    """Room for one input alone."""
    if len(x) > 1:
        raise MemoryError if isinstance(x, np.ndarray) else torch.OutOfMemoryError("out of memory")
    return tidy(x)


OF_ARRAYS = [case for case in CASES if isinstance(case[3], np.ndarray)]


@pytest.mark.filterwarnings("ignore:The indices of inputs")
@pytest.mark.parametrize(
    ("use", "model", "x"), [case[1:] for case in OF_ARRAYS], ids=map(name_of, OF_ARRAYS)
)
def test_what_does_not_fit_is_done_one_by_one(use, model, x):
    agree(use(model(narrow), x, Y), use(model(tidy), x, Y), 5e-3)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, SIZE, SIZE, 3), np.float32)


def explanation(count: int) -> WaveletExplanation:
    return control("random", images(count), WaveletTransform("haar", 3, "periodization", (1, 2)))


# What is made of as many images and maps, and of an explanation of them.
USES: dict[str, Callable[..., Any]] = {
    "WCAM": lambda x, y, m, e: WCAM(arrays(tidy), 4, 4, batch_size=16).explain_wavelet(x, y),
    "MatchedFaithfulness": lambda x, y, m, e: MatchedFaithfulness(
        arrays(tidy), x, y, batch_size=16
    ).evaluate_samples(m),
    "sufficient_images": lambda x, y, m, e: sufficient_images(arrays(tidy), x, y, m, batch_size=16),
    "pixels": lambda x, y, m, e: e.pixels(),
    "by_scale": lambda x, y, m, e: e.by_scale(),
    "kept": lambda x, y, m, e: e.kept(0.1),
    "reconstruct": lambda x, y, m, e: e.reconstruct(x, 0.1),
    "scale_importance": lambda x, y, m, e: e.scale_importance(),
    "control": lambda x, y, m, e: control("magnitude", x, e.transform),
}


@pytest.mark.filterwarnings("ignore:The indices of inputs")
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_no_more_is_held_beside_inputs_and_results_for_more_inputs(use):
    few, many = 64, 256
    held = {count: peak(use, count) for count in (few, many)}
    assert held[many] - held[few] <= 0.1 * (many - few) * images(1).nbytes


def peak(use: Callable[..., Any], count: int) -> int:
    """Most bytes held while it runs, beyond what it gives."""
    maps = np.random.default_rng(1).random((count, SIZE, SIZE), np.float32)
    given = images(count), np.zeros(count, int), maps, explanation(count)
    use(*given)  # what is made once is made
    tracemalloc.start()
    try:
        result = use(*given)
        left, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del result
    return most - left


def test_parts_are_joined_whatever_they_hold():
    """Arrays, dicts, tuples and explanations, from blocks of other sizes."""
    whole = explanation(7)
    parts = [slice(0, 3), slice(3, 4), slice(4, 7)]
    more = ((np.arange(7)[rows], None, "name") for rows in parts)
    pairs = zip(parts, more, strict=True)
    found = joined(({"explanation": whole[rows], "more": one} for rows, one in pairs), 7)
    assert found["more"][0].tolist() == list(range(7))
    assert found["more"][1:] == (None, "name")
    assert found["explanation"].input_shape == whole.input_shape
    np.testing.assert_array_equal(found["explanation"].mosaic(), whole.mosaic())
