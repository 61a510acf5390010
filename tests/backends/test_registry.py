"""Finding the framework of an object, without importing any other."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from wam_xplique.backends import Backend, get_backend, register_backend, registry, wavedecn
from wam_xplique.backends.torch_backend import TorchBackend


@pytest.mark.parametrize(
    ("make", "name"),
    [
        pytest.param(lambda: np.zeros(3), "numpy", id="array"),
        pytest.param(lambda: tf.zeros(3), "tensorflow", id="tf.Tensor"),
        pytest.param(lambda: tf.Variable([1.0]), "tensorflow", id="tf.Variable"),
        pytest.param(lambda: torch.zeros(3), "torch", id="torch.Tensor"),
        pytest.param(lambda: torch.nn.Parameter(torch.zeros(3)), "torch", id="Parameter"),
        pytest.param(
            lambda: keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)]),
            "tensorflow",
            id="keras model",
        ),
        pytest.param(lambda: keras.layers.Dense(1), "tensorflow", id="keras layer"),
        pytest.param(tf.Module, "tensorflow", id="tf.Module"),
        pytest.param(lambda: torch.nn.Linear(2, 1), "torch", id="nn.Module"),
    ],
)
def test_an_object_finds_the_backend_of_its_framework(make, name):
    backend = get_backend(make())
    assert isinstance(backend, Backend)
    assert backend.name == name
    assert backend is get_backend(make())


def test_a_symbolic_tensor_finds_its_backend():
    names = []
    tf.function(lambda x: names.append(get_backend(x).name))(tf.zeros(2))
    assert names == ["tensorflow"]


@pytest.mark.parametrize("obj", [[1.0, 2.0], 3.0, "haar", None, object()])
def test_an_object_of_no_framework_is_refused_by_its_type(obj):
    with pytest.raises(TypeError, match=rf"No backend .*\b{type(obj).__name__}\b"):
        get_backend(obj)


class Tagged(torch.Tensor):
    """Tensors of a framework from outside."""


def test_a_backend_from_outside_is_found(monkeypatch):
    for known in ("_REGISTERED", "_BACKENDS"):
        monkeypatch.setattr(registry, known, {})
    x, backend = torch.arange(8.0).as_subclass(Tagged), TorchBackend()
    assert get_backend(x) is not backend
    register_backend(backend, Tagged)
    assert get_backend(x) is backend
    assert get_backend(torch.zeros(1)) is not backend
    assert isinstance(wavedecn(x, "haar", level=1)[0], Tagged)


@pytest.mark.parametrize("arguments", [("torch", Tagged), (TorchBackend(),), (TorchBackend(), "a")])
def test_what_is_no_backend_is_not_registered(arguments):
    with pytest.raises(TypeError, match="must be"):
        register_backend(*arguments)
