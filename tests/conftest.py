"""The same small smooth model in Keras and in PyTorch, and inputs for it."""

from __future__ import annotations

import os
import re
import traceback
from importlib.util import find_spec
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # off by default where there is no AVX-512

import keras
import numpy as np
import pytest
import tensorflow as tf

from wam_xplique.model import Model

SIZE, CLASSES = 32, 3
FRAMEWORKS = ("tensorflow", "torch") if find_spec("torch") else ("tensorflow",)


def asked_torch(files: list[str], error: str) -> bool:
    """Whether a test asks for PyTorch itself, where there is none."""
    return "No module named 'torch'" in error and "/tests/" in f"/{files[-1]}"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Where there is no PyTorch, files of tests that import it are left out."""
    report = yield
    if report.failed:
        error = str(report.longrepr)
        if asked_torch(re.findall(r"^(\S+\.py):\d+: in", error, re.MULTILINE), error):
            report.outcome, report.longrepr = "skipped", (str(collector.path), 0, "needs PyTorch")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """And so are single tests."""
    try:
        return (yield)
    except ModuleNotFoundError as error:
        files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        files = [name for name in files if not name.startswith("<")]
        if asked_torch(files, str(error)):
            pytest.skip("needs PyTorch")
        raise


@pytest.fixture(autouse=True)
def _compiled_tensorflow():
    """Undo the eager mode into which Xplique's TorchWrapper switches all of TensorFlow."""
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def steady(monkeypatch):
    """Forwards are counted: the one that only looks if scores are steady is left out."""
    monkeypatch.setattr(Model, "_compared", Model._filled)


def make_keras(size: int = SIZE, channels: int = 3, classes: int = CLASSES) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.layers.Input((size, size, channels)),
            keras.layers.Conv2D(6, 3, activation="softplus", name="conv"),
            keras.layers.Conv2D(6, 3, strides=2, activation="softplus"),
            keras.layers.Flatten(),
            keras.layers.Dense(classes, name="logits", kernel_initializer="he_normal"),
            keras.layers.Softmax(name="probabilities"),
        ]
    )


@pytest.fixture(scope="session")
def keras_model() -> keras.Model:
    return make_keras()


@pytest.fixture(scope="session")
def torch_model(keras_model) -> Any:
    pytest.importorskip("torch")
    from .modules import make_torch

    return make_torch(keras_model)


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((4, SIZE, SIZE, 3), dtype=np.float32)


@pytest.fixture(scope="session")
def targets() -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, 0]]
