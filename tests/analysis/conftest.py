"""Figures are closed, and one model is there in three kinds."""

from __future__ import annotations

import numpy as np
import pytest

from ..conftest import FRAMEWORKS
from ..plots.conftest import _close_figures  # noqa: F401

KINDS = {"tensorflow": "keras", "torch": "torch"}
each_model = pytest.mark.parametrize("kind", ["callable", *map(KINDS.get, FRAMEWORKS)])


@pytest.fixture
def model_of(request, keras_model):
    """The same model as a callable, in Keras and in PyTorch."""

    def outputs(x):
        return np.asarray(keras_model(np.asarray(x, np.float32)))

    def of(kind):
        return outputs if kind == "callable" else request.getfixturevalue(f"{kind}_model")

    return of
