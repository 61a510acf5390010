"""Numbers that are none, or too large for any framework, are refused by name, before all work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from wam_xplique import metrics
from wam_xplique.analysis import minimal_images, mix, noise_experiment, pareto_front, report
from wam_xplique.checks import check_integer, check_number, check_range, check_seed, check_share
from wam_xplique.datasets import corrupt, fit_duration, voxelize

NO_NUMBERS = [np.nan, np.inf, True, "1", None, [1], np.array([1, 2]), 1 + 2j, 10**400]
X = np.random.default_rng(0).random((2, 1, 16, 16), np.float32)
Y = np.eye(2, dtype=np.float32)
WAVES = np.random.default_rng(0).standard_normal((2, 64)).astype(np.float32)
torch.manual_seed(0)
NET = nn.Sequential(nn.Conv2d(1, 2, 16), nn.Flatten()).eval()


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize(
    "check",
    [
        lambda name, value: check_integer(name, value, lowest=0),
        lambda name, value: check_number(name, value, lowest=0),
        lambda name, value: check_seed(value, name),
        lambda name, value: check_range(name, (0, value)),
        check_share,
    ],
)
def test_what_is_no_number_is_refused(check, value):
    with pytest.raises(ValueError, match="given must be"):
        check("given", value)


HUGE = 10**30
CALLS: dict[str, list[tuple[Callable[..., Any], list[Any]]]] = {
    "steps": [(lambda v: metrics.WaveletDeletion(NET, X, Y, steps=v), [HUGE, -2])],
    "ndim": [(lambda v: minimal_images(NET, X, Y, ndim=v), [7, "2"])],
    "channels": [
        (lambda v: minimal_images(NET, X, Y, channels=v), [1, np.array(["first", "last"])])
    ],
    "mode": [(lambda v: metrics.InputFidelity(NET, X, Y, mode=v), [np.array([1, 2]), 0])],
    "keep": [(lambda v: metrics.InputFidelity(NET, X, Y, keep=v), [HUGE, 0, True])],
    "baseline_mode": [
        (lambda v: metrics.WaveletInsertion(NET, X, Y, baseline_mode=v), [10**400, True])
    ],
    "transform": [(lambda v: metrics.control("random", X, v), [None, "haar"])],
    "learning_rate": [(lambda v: minimal_images(NET, X, Y, learning_rate=v), [10**400])],
    "alphas": [(lambda v: pareto_front(NET, X, Y, v), ["a", 10**400, [1, np.nan], [1j], 3, [[1]]])],
    "snr": [(lambda v: mix(WAVES, WAVES, v), [-900, 900, np.nan, True, "1", None])],
    "seed": [
        (lambda v: noise_experiment(None, WAVES, Y, seed=v), [-1, 1.5, None, HUGE]),
        (lambda v: report(NET, X, seed=v), [-1, None]),
    ],
    "severity": [(lambda v: corrupt(X[:, 0], "fog", v), [np.array([1, 2]), 1.0])],
    "sample_rate": [(lambda v: fit_duration(WAVES[0], v, 1.0), [None, np.nan, 10**400])],
    "bounds": [(lambda v: voxelize(np.zeros((3, 3)), 2, v), ["a", 10**400, 1j])],
}


@pytest.mark.parametrize(
    ("name", "call", "value"),
    [(name, call, v) for name, found in CALLS.items() for call, values in found for v in values],
    ids=lambda value: repr(value)[:16] if not callable(value) else "",
)
def test_arguments_are_refused_by_their_names(name, call, value):
    with pytest.raises((TypeError, ValueError), match=name):
        call(value)


def test_sounds_beyond_single_precision_are_refused():
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match="waveforms must be finite"),
    ):
        mix(WAVES.astype(np.float64) * 1e300, WAVES)
