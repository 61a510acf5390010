"""What the package does to the process it runs in: nothing at import, and no wait in a fork."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

IMPORTS = """
import os
import warnings

import keras
import matplotlib
import tensorflow
import torch
import xplique.attributions
import xplique.metrics

filters, environment = list(warnings.filters), dict(os.environ)
settings = {name: dict.__getitem__(matplotlib.rcParams, name) for name in matplotlib.rcParams}

import importlib
import pkgutil

import wam_xplique

for package in ("", ".analysis", ".backends", ".cli", ".datasets", ".demo", ".loading", ".plots"):
    importlib.import_module(f"wam_xplique{package}")

assert os.environ == environment, {*os.environ.items()} ^ {*environment.items()}
assert warnings.filters == filters, [found for found in warnings.filters if found not in filters]
for name, value in settings.items():  # "backend" too, which reading it any other way would choose
    assert dict.__getitem__(matplotlib.rcParams, name) is value, name
"""


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_an_import_changes_no_filter_no_variable_and_no_backend():
    pytest.importorskip("torch")
    done = run(IMPORTS)
    assert done.returncode == 0, done.stderr


FORKED = """
import os

import keras
import numpy as np

from wam_xplique import WCAM, WaveletSaliency

layers = [keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
saliency = WaveletSaliency(keras.Sequential([keras.Input((64, 64, 3)), *layers]))
wcam = WCAM(lambda x: np.stack([x.mean((1, 2, 3)), x.std((1, 2, 3))], 1), 4, 4)
x, y = np.random.default_rng(0).random((2, 64, 64, 3), np.float32), np.arange(2)
saliency(x, y)
if not os.fork():
    try:
        saliency(x, y)
    except RuntimeError as error:
        print(error, flush=True)
    print(np.asarray(wcam(x, y)).shape, flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_fork_that_tensorflow_would_hang_in_is_told():
    done = run(FORKED)
    assert "start processes by spawn" in done.stdout
    assert "(2, 64, 64, 1)" in done.stdout  # what needs none of TensorFlow's threads goes on
