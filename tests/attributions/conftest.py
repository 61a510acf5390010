"""The same network in both frameworks, and the same noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from wam_xplique.backends.tensorflow_backend import TensorFlowBackend

from ..conftest import FRAMEWORKS


@pytest.fixture(scope="session")
def models(request) -> dict[str, Any]:
    fixtures = {"tensorflow": "keras_model", "torch": "torch_model"}
    return {name: request.getfixturevalue(fixtures[name]) for name in FRAMEWORKS}


@pytest.fixture
def same_noise(monkeypatch):
    """Let both backends draw the same noise; return the draws' seeds."""
    seeds = []

    def draw(shape, seed):
        seeds.append(tuple(seed))
        return np.random.default_rng(list(seed)).standard_normal(shape).astype(np.float32)

    def tensorflow_normal(self, shape, seed, like):
        return tf.cast(draw(tuple(shape), seed), like.dtype)

    def torch_normal(self, shape, seed, like):
        import torch

        n, channels, *space = shape
        noise = np.moveaxis(draw((n, *space, channels), seed), -1, 1)
        return torch.tensor(np.ascontiguousarray(noise), dtype=like.dtype)

    monkeypatch.setattr(TensorFlowBackend, "normal", tensorflow_normal)
    if "torch" in FRAMEWORKS:
        from wam_xplique.backends.torch_backend import TorchBackend

        monkeypatch.setattr(TorchBackend, "normal", torch_normal)
    return seeds
