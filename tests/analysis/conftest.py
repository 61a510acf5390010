"""Figures are closed, and one model is there in three kinds."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

each_model = pytest.mark.parametrize("kind", ["callable", "keras", "torch"])


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def model_of(keras_model, torch_model):
    """The same model as a callable, in Keras and in PyTorch."""

    def outputs(x):
        return np.asarray(keras_model(np.asarray(x, np.float32)))

    return {"callable": outputs, "keras": keras_model, "torch": torch_model}.__getitem__
