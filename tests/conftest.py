"""The same small smooth model in Keras and in PyTorch, and inputs for it."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # off by default where there is no AVX-512

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn

from wam_xplique.model import Model

SIZE, CLASSES = 32, 3


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


class ChannelsLastFlatten(nn.Module):
    """Flatten as Keras does, so that the weights of the next layer carry over."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.movedim(1, -1).flatten(1)


def make_torch(model: keras.Model) -> nn.Module:
    """The PyTorch twin of `make_keras`, with its weights."""
    conv1, conv2, _, dense, _ = model.layers
    twin = nn.Sequential(
        nn.Conv2d(conv1.kernel.shape[2], 6, 3),
        nn.Softplus(),
        nn.Conv2d(6, 6, 3, 2),
        nn.Softplus(),
        ChannelsLastFlatten(),
        nn.Linear(*dense.kernel.shape),
        nn.Softmax(-1),
    )
    with torch.no_grad():
        for layer, source in ((twin[0], conv1), (twin[2], conv2)):
            layer.weight.copy_(torch.tensor(np.array(source.kernel)).permute(3, 2, 0, 1))
            layer.bias.copy_(torch.tensor(np.array(source.bias)))
        twin[5].weight.copy_(torch.tensor(np.array(dense.kernel)).T)
        twin[5].bias.copy_(torch.tensor(np.array(dense.bias)))
    return twin.eval()


@pytest.fixture(scope="session")
def keras_model() -> keras.Model:
    return make_keras()


@pytest.fixture(scope="session")
def torch_model(keras_model) -> nn.Module:
    return make_torch(keras_model)


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((4, SIZE, SIZE, 3), dtype=np.float32)


@pytest.fixture(scope="session")
def targets() -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, 0]]


def channels_first(x: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
