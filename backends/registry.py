"""Find the backend of a tensor or of a model."""

from __future__ import annotations

import functools
import importlib
import operator
import os
import sys
from typing import Any

import numpy as np

from .base import Backend

# framework: (module that owns its classes, names of the classes, backend module, backend class)
_FRAMEWORKS = {
    "torch": ("torch", ("Tensor", "nn.Module"), "torch_backend", "TorchBackend"),
    "tensorflow": (
        "tensorflow",
        ("Tensor", "Variable", "Module", "keras.layers.Layer"),
        "tensorflow_backend",
        "TensorFlowBackend",
    ),
}


@functools.cache
def load_backend(name: str) -> Backend:
    """The backend of the framework called `name`; imports the framework."""
    if name in _lost:
        raise RuntimeError(
            "TensorFlow ran before this process was forked, and would wait forever for threads "
            "that a fork does not take along: start processes by spawn "
            '(multiprocessing.get_context("spawn")), or fork before TensorFlow is first used.'
        )
    if name == "numpy":
        from .numpy_backend import NumpyBackend

        return NumpyBackend()
    _, _, module, cls = _FRAMEWORKS[name]
    return getattr(importlib.import_module(f".{module}", __package__), cls)()


def get_backend(obj: Any) -> Backend:
    """
    Find the backend of a tensor or of a model.

    A framework that is not imported yet cannot own `obj`, so no framework is imported in vain.

    Parameters
    ----------
    obj
        A `np.ndarray`, `tf.Tensor`, `torch.Tensor`, Keras model or layer, `tf.Module` or
        `torch.nn.Module`.

    Returns
    -------
    backend
        The backend of its framework.

    Raises
    ------
    TypeError
        If `obj` belongs to no framework that is known.
    """
    backend = _BACKENDS.get(type(obj))
    if backend is None:
        backend = _BACKENDS[type(obj)] = _find(obj)
    return backend


_BACKENDS: dict[type, Backend] = {}
"""The backend of each type seen: a look-up that `torch.compile` can trace."""


def _find(obj: Any) -> Backend:
    if isinstance(obj, np.ndarray):
        return load_backend("numpy")
    for name, (module, classes, _, _) in _FRAMEWORKS.items():
        if module in sys.modules:
            owned = tuple(operator.attrgetter(cls)(sys.modules[module]) for cls in classes)
            if isinstance(obj, owned):
                return load_backend(name)
    raise TypeError(
        f"No backend for an object of type {type(obj).__module__}.{type(obj).__qualname__}; "
        "expected a NumPy array, or a tensor or model of TensorFlow or PyTorch."
    )


def _note_fork() -> None:
    """In a child of a process in which TensorFlow ran, lose it."""
    module = sys.modules.get("tensorflow.python.eager.context")
    if module is not None and getattr(module.context_safe(), "_initialized", False):
        _lost.add("tensorflow")
        _BACKENDS.clear()
        load_backend.cache_clear()


_lost: set[str] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
